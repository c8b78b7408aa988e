"""The chat, typed into a real terminal."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pytest

from tests.conftest import STARTER, environment

PROMPT = r">>>\x1b"  # a fresh one; a line that is drawn again has a space there


@contextmanager
def chatting(home: Path, *, columns: int = 100, **more: str) -> Iterator["pexpect.spawn[str]"]:
    arguments = ["-m", "domov", "run", STARTER, "--temperature", "0", "--max-tokens", "12"]
    env = environment(home, TERM="xterm-256color", PROMPT_TOOLKIT_NO_CPR="1", **more)
    spawned = pexpect.spawn(sys.executable, arguments, env=env, encoding="utf-8", timeout=30, dimensions=(40, columns))
    spawned.expect("/help lists the commands")
    spawned.expect(PROMPT)
    yield spawned
    spawned.close(force=True)


@pytest.fixture
def chat(home: Path) -> Iterator["pexpect.spawn[str]"]:
    with chatting(home) as spawned:
        yield spawned


def say(chat: "pexpect.spawn[str]", line: str) -> str:
    """Types a line, waits for the next prompt, and gives what came between, without colours."""
    chat.sendline(line)
    chat.expect(re.escape(line))
    chat.expect(r"\n")
    chat.expect(PROMPT)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", str(chat.before))


def test_it_answers_and_remembers(chat: "pexpect.spawn[str]") -> None:
    assert say(chat, "Hello").strip()
    assert say(chat, "And again").strip()
    assert "forgotten" in say(chat, "/clear")


def test_its_commands_do_what_they_say(chat: "pexpect.spawn[str]") -> None:
    assert "/save NAME" in say(chat, "/help")
    assert "system prompt: Be brief" in say(chat, "/system Be brief")
    assert "temperature 0.5" in say(chat, "/set temperature 0.5")
    assert STARTER in say(chat, "/model")


def test_mistakes_are_answered_and_the_chat_goes_on(chat: "pexpect.spawn[str]") -> None:
    assert "no such command: /dance" in say(chat, "/dance")
    assert "no such parameter: mood" in say(chat, "/set mood 1")
    assert "can't be 'hot'" in say(chat, "/set temperature hot")
    assert "no such model" in say(chat, "/model nothing:here")
    assert "no saved chat: x" in say(chat, "/load x")
    assert "not a name for a chat" in say(chat, "/save ../x")
    assert say(chat, "Hello").strip()


def test_a_conversation_is_saved_and_loaded(chat: "pexpect.spawn[str]", home: Path) -> None:
    say(chat, "Hello")
    assert "saved as one" in say(chat, "/save one")
    assert (home / "chats" / "one.json").stat().st_mode & 0o077 == 0
    say(chat, "/clear")
    assert "Hello" in say(chat, "/load one")


def test_several_lines_are_one_question(chat: "pexpect.spawn[str]") -> None:
    chat.sendline('"""First line')
    chat.expect(r"\.\.\.\x1b")
    chat.sendline('second line"""')
    chat.expect(PROMPT)
    say(chat, "/save lines")
    assert "second line" in say(chat, "/load lines")


def test_ctrl_c_stops_the_answer_and_not_the_program(chat: "pexpect.spawn[str]") -> None:
    say(chat, "/set max_tokens 2000")
    chat.sendline("Tell me a very long story about a house.")
    chat.expect(r"\n")
    chat.expect(r"[A-Za-z]{3,}")
    chat.sendintr()
    chat.expect("stopped")
    chat.expect(PROMPT)
    say(chat, "/set max_tokens 4")
    assert say(chat, "Hello").strip()


def test_ctrl_d_and_bye_end_it(chat: "pexpect.spawn[str]") -> None:
    chat.sendline("/bye")
    chat.expect(pexpect.EOF)
    chat.close()
    assert chat.exitstatus == 0


def test_what_no_longer_fits_is_not_left_out_in_silence(home: Path) -> None:
    with chatting(home, columns=500, DOMOV_CONTEXT_TOKENS="512") as chat:
        shown = [say(chat, f"Number {n}:" + " a house by the sea" * 20) for n in range(5)]
    assert "no longer fit" not in shown[0]
    assert "messages no longer fit into the model's context" in shown[-1]
