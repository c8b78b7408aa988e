import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.conftest import STARTER, domov, environment

EXACT = ("--temperature", "0", "--max-tokens", "8")


def test_one_question_is_answered_on_standard_output(home: Path) -> None:
    done = domov(home, "run", STARTER, "Why is the sky blue?", *EXACT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert done.stdout.endswith("\n")
    assert "\x1b" not in done.stdout


def test_json_tells_the_answer_and_its_figures(home: Path) -> None:
    done = domov(home, "run", STARTER, "Hello", "--json", *EXACT)
    table = json.loads(done.stdout)
    assert table["model"] == STARTER
    assert table["answer"]
    assert table["answer_tokens"] == 8 and table["stopped_by"] == "length"
    assert table["first_token_seconds"] > 0 and table["memory_bytes"] > 100_000_000


def test_stats_go_to_standard_error(home: Path) -> None:
    done = domov(home, "run", STARTER, "Hello", "--stats", *EXACT)
    assert "tokens/s" in done.stderr and "first token" in done.stderr and "memory" in done.stderr
    assert "tokens/s" not in done.stdout


def test_text_on_standard_input_is_context(home: Path) -> None:
    plain = json.loads(domov(home, "run", STARTER, "Who is it?", "--json", *EXACT).stdout)
    piped = json.loads(
        domov(home, "run", STARTER, "Who is it?", "--json", *EXACT, stdin="It is the baker. " * 20).stdout
    )
    assert piped["prompt_tokens"] > plain["prompt_tokens"] + 80


def test_standard_input_alone_is_the_question(home: Path) -> None:
    assert domov(home, "run", STARTER, *EXACT, stdin="Hello").stdout.strip()


def test_with_no_model_named_the_best_one_here_is_taken_and_said(home: Path) -> None:
    done = domov(home, "run", "summarise", *EXACT, stdin="A cat sat on a mat.")
    assert done.returncode == 0
    assert f"using {STARTER}: the chat model that is here" in done.stderr


def test_with_nothing_to_answer_it_says_so(home: Path) -> None:
    done = domov(home, "run", STARTER)
    assert done.returncode == 2
    assert "nothing to answer" in done.stderr


def test_a_path_is_run_where_it_lies(home: Path, tmp_path: Path) -> None:
    blob = next((home / "models" / "blobs").iterdir())
    (tmp_path / "my model.gguf").symlink_to(blob)
    done = domov(home, "run", str(tmp_path / "my model.gguf"), "Hello", *EXACT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize(
    ("model", "status", "words"),
    [
        ("smollm2:999b", 1, "did you mean"),
        ("../../../etc/passwd", 1, "passwd"),
        ("a..b:x", 2, "not a model's name"),
        ("a:b\nc", 2, "not a model's name"),
    ],
)
def test_a_model_that_can_not_be_is_one_sentence(home: Path, model: str, status: int, words: str) -> None:
    done = domov(home, "run", model, "Hello")
    assert (done.returncode, done.stdout) == (status, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_prompt_longer_than_the_context_is_refused_with_the_numbers(home: Path) -> None:
    done = domov(home, "run", STARTER, "Summarise", stdin="home " * 9000)
    assert done.returncode == 2
    assert "context holds 8192" in done.stderr


def test_a_smaller_context_can_be_asked_for(home: Path) -> None:
    done = domov(home, "run", STARTER, "Summarise", "--context", "512", stdin="home " * 900)
    assert done.returncode == 2
    assert "context holds 512" in done.stderr


def test_options_of_the_model_are_obeyed_and_mistakes_named(home: Path) -> None:
    (home / "config.toml").write_text('[models."smollm2:135m"]\ncontext_tokens = 512\n')
    assert "context holds 512" in domov(home, "run", STARTER, "Summarise", stdin="home " * 900).stderr
    (home / "config.toml").write_text('[models."smollm2:135m"]\ncontext = 512\n')
    done = domov(home, "run", STARTER, "Hello")
    assert done.returncode == 2
    assert 'unknown option in models."smollm2:135m": context' in done.stderr


def test_bad_settings_are_named(home: Path) -> None:
    done = domov(home, "run", STARTER, "Hello", DOMOV_THREADS="many")
    assert done.returncode == 2
    assert "threads" in done.stderr and "'many'" in done.stderr


def test_a_missing_native_engine_is_named(home: Path) -> None:
    done = domov(home, "run", STARTER, "Hello", DOMOV_ENGINE="llama-server", DOMOV_LLAMA_SERVER="no-such-server")
    assert done.returncode == 1
    assert "no-such-server" in done.stderr


def test_offline_mode_does_not_hinder_what_is_here(home: Path) -> None:
    assert domov(home, "run", STARTER, "Hello", *EXACT, DOMOV_OFFLINE="1").returncode == 0


def test_offline_mode_fetches_nothing(tmp_path: Path) -> None:
    done = domov(tmp_path, "run", STARTER, "Hello", DOMOV_OFFLINE="1")
    assert done.returncode == 1
    assert "offline mode is on" in done.stderr


def test_ctrl_c_ends_an_answer_quietly_and_leaves_no_process(home: Path) -> None:
    command = [sys.executable, "-m", "domov", "run", STARTER, "Tell me a long story.", "--temperature", "0"]
    with subprocess.Popen(
        command,
        env=environment(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as running:
        assert running.stdout and running.stderr
        running.stdout.read(1)
        (worker,) = psutil.Process(running.pid).children()
        os.killpg(running.pid, signal.SIGINT)  # to the whole group, as a terminal does
        assert running.wait(10) == 130
        assert running.stderr.read() == b"\nstopped\n"
    assert not worker.is_running()


def test_a_reader_that_leaves_ends_it_without_a_trace(home: Path) -> None:
    command = f"{sys.executable} -m domov run {STARTER} 'Tell me a story.' --max-tokens 200 </dev/null | head -c 1"
    done = subprocess.run(["sh", "-c", command], env=environment(home), capture_output=True, timeout=60, check=False)
    assert b"Traceback" not in done.stderr and b"Exception" not in done.stderr


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['domov', '--help']; from domov.cli.main import main; main(); "
        "print(sorted({'click', 'rich', 'aiohttp', 'pydantic', 'fastapi', 'numpy', 'asyncio'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")


def test_every_command_explains_itself(home: Path) -> None:
    start = time.monotonic()
    for name in ("run", "serve", "doctor", "pull", "list", "show", "rm", "cp"):
        done = domov(home, name, "--help")
        assert done.returncode == 0
        assert done.stdout.startswith("Usage: domov ")
    assert time.monotonic() - start < 60
