"""npm's clients against a real server: what they send is understood, and what comes back is what they expect."""

import json
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import Served, own, run_script
from tests.conftest import environment

UNICODE = "žluťoučký kůň 🐴 日本語"
KINDS = {"coder:latest", "thinker:latest", "encoder:latest", "ranker:latest"}


def comes_to_rest(served: Served) -> bool:
    """Whether nothing is worked on any more, of what clients have left."""
    for _ in range(100):
        with urllib.request.urlopen(f"{served.url}/api/domov/loaded") as answer:
            models = json.load(answer)["models"]
        if not any(model["running"] or model["waiting"] for model in models):
            return True
        time.sleep(0.05)
    return False


@pytest.fixture(scope="module")
def openai(node: Path, served: Served, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return run_script(node, "openai", served.url, tmp_path_factory.mktemp("user"))


@pytest.fixture(scope="module")
def ollama(node: Path, served: Served, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return run_script(node, "ollama", served.url, tmp_path_factory.mktemp("user"))


@pytest.fixture(scope="module")
def adapters(node: Path, served: Served, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return run_script(node, "adapters", served.url, tmp_path_factory.mktemp("user"))


def test_openai_lists_chats_completes_and_embeds(openai: dict[str, Any]) -> None:
    assert set(openai["models"]) == KINDS
    assert openai["whole"] and openai["responded"] and openai["filled"]["tokens"] > 0
    assert openai["lengths"] == [32, 32]


def test_openai_streams_characters_of_several_tokens_whole(openai: dict[str, Any]) -> None:
    assert json.loads(openai["text"]) == {"text": UNICODE}
    assert openai["chunks"] > 5 and openai["usage"]["completion_tokens"] > 5


def test_openai_gets_its_schema_and_its_tool(openai: dict[str, Any]) -> None:
    assert json.loads(openai["structured"])["colour"] in ("modrá", "žlutá")
    (call,) = openai["called"][:1]
    assert call["name"] == "weather" and json.loads(call["arguments"])["town"] in ("Praha", "Brno")


def test_openai_gets_errors_of_the_kind_it_knows(openai: dict[str, Any]) -> None:
    assert (openai["unknown"]["name"], openai["unknown"]["status"]) == ("NotFoundError", 404)
    assert "coder" in openai["unknown"]["message"]  # the nearest name
    assert (openai["wrong"]["name"], openai["wrong"]["status"]) == ("BadRequestError", 400)
    assert "temperature" in openai["wrong"]["message"]


def test_openai_may_leave_in_the_middle(openai: dict[str, Any], served: Served) -> None:
    assert openai["read"] >= 3
    assert comes_to_rest(served)


def test_ollama_lists_shows_chats_fills_and_embeds(ollama: dict[str, Any]) -> None:
    assert set(ollama["models"]) == KINDS and "coder:latest" in ollama["running"]
    assert "insert" in ollama["capabilities"]
    assert ollama["whole"] and ollama["filled"]["tokens"] > 0
    assert ollama["lengths"] == [32, 32]


def test_ollama_streams_gets_its_schema_and_its_tool(ollama: dict[str, Any]) -> None:
    assert json.loads(ollama["text"]) == {"text": UNICODE} and ollama["reason"] == "stop"
    assert json.loads(ollama["structured"])["colour"] in ("modrá", "žlutá")
    function = ollama["called"][0]["function"]
    assert function["name"] == "weather" and function["arguments"]["town"] in ("Praha", "Brno")


def test_ollama_may_leave_in_the_middle_and_gets_errors(ollama: dict[str, Any], served: Served) -> None:
    assert ollama["aborted"] and ollama["read"] >= 2
    assert ollama["unknown"]["status"] == 404 and "codr" in ollama["unknown"]["message"]
    assert comes_to_rest(served)


def test_continues_adapters_do_all_that_editors_do(adapters: dict[str, Any], served: Served) -> None:
    assert set(adapters["models"]) == KINDS
    assert adapters["chat"] and adapters["completion"] and adapters["fill"]
    assert adapters["lengths"] == [32, 32]
    assert sorted(row["index"] for row in adapters["ranking"]) == [0, 1]
    assert adapters["unknown"]["status"] == 404
    assert adapters["read"] >= 1  # of a suggestion that was left in the middle
    assert comes_to_rest(served)


def test_continues_command_line_answers_through_what_connect_writes(node: Path, served: Served, tmp_path: Path) -> None:
    served.connect("continue", tmp_path, "--model", "coder")
    command = [str(node / "node_modules" / ".bin" / "cn"), "-p", "--format", "json", "--exclude", "*", "Say hello."]
    command[1:1] = ["--config", str(tmp_path / ".continue" / "config.yaml")]
    done = subprocess.run(
        command, env={**environment(tmp_path), **own(tmp_path)}, input="", capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr + done.stdout
    answer = json.loads(done.stdout)
    assert answer["status"] == "success" and answer["response"]


def test_continues_own_reader_finds_nothing_wrong_with_what_connect_writes(
    node: Path, served: Served, tmp_path: Path
) -> None:
    served.connect("continue", tmp_path)
    path = tmp_path / ".continue" / "config.yaml"
    check = (
        "import { configYamlSchema } from '@continuedev/config-yaml'; import { parse } from 'yaml';"
        f"import fs from 'fs'; const c = parse(fs.readFileSync({json.dumps(str(path))}, 'utf8'));"
        "const r = configYamlSchema.strict().safeParse(c);"
        "process.stdout.write(JSON.stringify({ ok: r.success, error: r.error?.issues ?? null,"
        " roles: c.models.flatMap((m) => m.roles) }))"
    )
    command = ["node", "--input-type=module", "--eval", check]
    done = subprocess.run(command, cwd=node, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told == {"ok": True, "error": None, "roles": ["chat", "edit", "apply", "autocomplete", "embed", "rerank"]}
