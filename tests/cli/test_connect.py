"""`domov connect` and `domov launch` as a user meets them."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import domov

CONFIG = """name: Mine # my own
version: 0.0.1
schema: v1
models:
  - name: Sonnet
    provider: anthropic
"""


@pytest.fixture
def user(tmp_path: Path) -> Path:
    path = tmp_path / "user"
    path.mkdir()
    return path


def run(home: Path, user: Path, *arguments: str, stdin: str = "", **more: str) -> "subprocess.CompletedProcess[str]":
    own = {"HOME": str(user), "USERPROFILE": str(user), "XDG_CONFIG_HOME": str(user / ".config")}
    return domov(home, *arguments, stdin=stdin, **own, **more)


def test_the_change_is_shown_asked_for_written_and_undone_to_the_byte(home: Path, user: Path) -> None:
    path = user / ".continue" / "config.yaml"
    path.parent.mkdir()
    path.write_text(CONFIG)
    no = run(home, user, "connect", "continue", stdin="n\n")
    assert no.returncode == 0 and '+  - name: "Domov chat: smollm2:135m"' in no.stdout
    assert "no model here fills gaps" in no.stderr and "domov serve" in no.stderr
    assert path.read_text() == CONFIG
    assert run(home, user, "connect", "continue", stdin="y\n").returncode == 0
    assert "# my own" in path.read_text() and "http://127.0.0.1:36668/v1" in path.read_text()
    again = run(home, user, "connect", "continue", "--yes")
    assert "connected already" in again.stderr and again.stdout == ""
    undone = run(home, user, "connect", "continue", "--undo")
    assert undone.returncode == 0 and path.read_text() == CONFIG


def test_nobody_who_does_not_answer_gets_anything_written(home: Path, user: Path) -> None:
    done = run(home, user, "connect", "claude")
    assert done.returncode == 130 and not (user / ".claude").exists()


def test_undo_never_takes_away_what_was_done_since(home: Path, user: Path) -> None:
    run(home, user, "connect", "claude", "--yes")
    path = user / ".claude" / "settings.json"
    path.write_text(path.read_text().replace("{", '{"mine": 1,', 1))
    done = run(home, user, "connect", "claude", "--undo")
    assert done.returncode == 1 and str(path) in done.stderr and "--anyway" in done.stderr
    assert '"mine"' in path.read_text()
    assert run(home, user, "connect", "claude", "--undo", "--anyway").returncode == 0
    assert not path.exists() and '"mine"' in path.with_name("settings.json.before-undo").read_text()


def test_a_damaged_file_is_named_with_its_line_and_left_alone(home: Path, user: Path) -> None:
    path = user / ".claude" / "settings.json"
    path.parent.mkdir()
    path.write_text('{\n  "a": 1,\n  b\n}')
    done = run(home, user, "connect", "claude", "--yes")
    assert done.returncode == 1 and f"can't change {path}: line 3: not JSON" in done.stderr
    assert path.read_text() == '{\n  "a": 1,\n  b\n}'


def test_the_list_and_the_change_come_as_json(home: Path, user: Path) -> None:
    done = run(home, user, "connect", "codex", "--json", "--url", "http://127.0.0.1:9/v1")
    assert "http://127.0.0.1:9 could not be asked for its models" in done.stderr
    told = json.loads(done.stdout)
    assert (told["url"], told["written"]) == ("http://127.0.0.1:9", False)
    assert told["roles"]["chat"]["name"] == "smollm2:135m" and told["files"][0]["changes"]
    assert any("context of 16384" in sentence for sentence in told["advice"])
    assert not (user / ".codex").exists()
    run(home, user, "connect", "codex", "--json", "--yes")
    rows = {row["tool"]: row for row in json.loads(run(home, user, "connect", "--json").stdout)}
    assert rows["codex"]["state"] == "connected" and rows["codex"]["installed"]
    assert rows["zed"]["state"] == "" and len(rows) == 11


def test_a_key_is_written_and_not_shown(home: Path, user: Path) -> None:
    done = run(home, user, "connect", "aider", "--yes", DOMOV_API_KEY="dmv-secret")
    assert "dmv-secret" not in done.stdout + done.stderr and "(the key)" in done.stdout
    path = user / ".aider.conf.yml"
    assert "dmv-secret" in path.read_text() and stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("connect", "continu"), "did you mean continue?"),
        (("connect", "zed", "--model", "nothing:1b"), "no such model: nothing:1b"),
        (("connect", "zed", "--url", "box"), "not the address of a server: box"),
        (("launch", "claude"), "no server is running"),
        (("launch", "--url", "http://127.0.0.1:9", "zed"), "can't be pointed elsewhere for one run"),
        (("launch", "--url", "http://127.0.0.1:9", "opencode"), "npm install -g opencode-ai"),
    ],
)
def test_what_can_not_be_meant_or_done_is_said_with_a_way_out(
    arguments: tuple[str, ...], words: str, home: Path, user: Path
) -> None:
    done = run(home, user, *arguments, PATH="/nowhere")
    assert done.returncode in (1, 2) and words in done.stderr


def program(folder: Path, name: str, code: str) -> None:
    """A program of that name that runs some Python."""
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{code}")
    path.chmod(0o755)


@pytest.mark.skipif(sys.platform == "win32", reason="programs are made as scripts")
def test_a_tool_starts_pointed_at_domov_and_its_status_is_passed_on(home: Path, user: Path) -> None:
    program(
        user,
        "claude",
        "import os, sys\nprint(os.environ['ANTHROPIC_BASE_URL'], os.environ.get('ANTHROPIC_API_KEY'), sys.argv[1:])\n"
        "sys.exit(7)\n",
    )
    program(user, "cn", "import sys\nprint(open(sys.argv[2]).read(), sys.argv[3:])\n")
    program(user, "aider", "import os\nos.kill(os.getpid(), 15)\n")
    more = {"PATH": f"{user}{os.pathsep}{os.environ['PATH']}", "ANTHROPIC_API_KEY": "sk-theirs"}
    url = ("--url", "http://127.0.0.1:9")
    done = run(home, user, "launch", *url, "claude", "-p", "--model", "Say; $HOME", **more)
    assert (done.returncode, done.stdout) == (7, "http://127.0.0.1:9 None ['-p', '--model', 'Say; $HOME']\n")
    done = run(home, user, "launch", *url, "--model", "smollm2:135m", "continue", "-p", **more)
    assert done.returncode == 0 and "http://127.0.0.1:9/v1" in done.stdout and done.stdout.endswith("['-p']\n")
    assert run(home, user, "launch", *url, "aider", **more).returncode == 128 + 15
    assert {path.name for path in user.iterdir()} == {"claude", "cn", "aider"}
