"""Python's clients against a real server, set up by what `domov connect` writes and shows."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.tools import tool
from langchain_ollama import ChatOllama, OllamaEmbeddings
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel, SecretStr

from tests.clients.conftest import Served, own
from tests.conftest import domov

UNICODE = "žluťoučký kůň 🐴 日本語"


@tool
def weather(town: str) -> str:
    """The weather of a town."""
    return f"sunny in {town}"


class Colour(BaseModel):
    """A colour."""

    colour: str


Keep = Callable[[Any], Any]


@pytest.fixture(scope="module")
def keep() -> Iterator[Keep]:
    """Takes LangChain's clients and closes their connections after all tests: some share one, and none does it."""
    kept: list[Any] = []

    def take(client: Any) -> Any:
        kept.append(client)
        return client

    yield take
    for one in kept:
        inner = getattr(one, "root_client", None) or getattr(one, "_client", None) or one.client._client
        inner.close()


def of_openai(served: Served, model: str = "coder", **more: Any) -> ChatOpenAI:
    return ChatOpenAI(model=model, base_url=f"{served.url}/v1", api_key=SecretStr("none"), max_retries=0, **more)


def of_ollama(served: Served, model: str = "coder", **more: Any) -> ChatOllama:
    return ChatOllama(model=model, base_url=served.url, **more)


def llm(user: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "llm", *arguments]
    env = {**os.environ, **own(user)}
    return subprocess.run(command, env=env, input=stdin, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def user(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a user who has connected `llm`."""
    folder = tmp_path_factory.mktemp("user")
    served.connect("llm", folder, "--model", "coder")
    return folder


def test_llm_answers_with_the_model_that_connect_has_made_its_default(user: Path) -> None:
    done = llm(user, "Say hello.", "-o", "max_tokens", "12")
    assert done.returncode == 0 and done.stdout.strip(), done.stderr
    assert "domov/coder:latest" in llm(user, "models", "default").stdout


def test_llm_gets_its_schema(user: Path) -> None:
    schema = {"type": "object", "properties": {"text": {"const": UNICODE}}, "required": ["text"]}
    done = llm(user, "Say hello.", "--schema", json.dumps(schema), "-o", "max_tokens", "100")
    assert json.loads(done.stdout) == {"text": UNICODE}, done.stderr


def test_llm_tells_its_user_what_the_server_says_no_to(user: Path) -> None:
    done = llm(user, "Say hello.", "-o", "temperature", "99")
    assert done.returncode != 0 and "temperature" in done.stderr


def test_llm_is_as_it_was_after_undo(served: Served, tmp_path: Path) -> None:
    served.connect("llm", tmp_path)
    served.connect("llm", tmp_path, "--undo")
    assert "domov/" not in llm(tmp_path, "models").stdout


@pytest.mark.parametrize("made", [of_openai, of_ollama])
def test_langchain_asks_and_streams(made: Any, served: Served, keep: Keep) -> None:
    limit = {"max_tokens": 12} if made is of_openai else {"num_predict": 12}
    chat: BaseChatModel = keep(made(served, **limit))
    assert chat.invoke("Say hello.").content
    pieces = [str(chunk.content) for chunk in chat.stream("Say hello.")]
    assert len(pieces) > 2 and "".join(pieces).strip()


@pytest.mark.parametrize("made", [of_openai, of_ollama])
def test_langchain_calls_its_tool(made: Any, served: Served, keep: Keep) -> None:
    limit = {"max_tokens": 100} if made is of_openai else {"num_predict": 100}
    chat: BaseChatModel = keep(made(served, temperature=0, **limit))
    answer = chat.bind_tools([weather], tool_choice="any").invoke("What is the weather in Brno?")
    if made is of_openai or answer.tool_calls:  # Ollama's API has no tool_choice: this client leaves it out
        assert [call["name"] for call in answer.tool_calls] == ["weather"]


@pytest.mark.parametrize("made", [of_openai, of_ollama])
def test_langchain_gets_objects(made: Any, served: Served, keep: Keep) -> None:
    limit = {"max_tokens": 60} if made is of_openai else {"num_predict": 60}
    chat: BaseChatModel = keep(made(served, temperature=0, **limit))
    made_of_it = chat.with_structured_output(Colour, method="json_schema").invoke("Name a colour.")
    assert isinstance(made_of_it, Colour)


def test_langchain_embeds_and_gets_errors(served: Served, keep: Keep) -> None:
    ollama = keep(OllamaEmbeddings(model="encoder", base_url=served.url))
    openai = keep(
        OpenAIEmbeddings(
            model="encoder", base_url=f"{served.url}/v1", api_key=SecretStr("none"), check_embedding_ctx_length=False
        )
    )
    ours, theirs = (client.embed_documents(["house", "sea"]) for client in (openai, ollama))
    assert ours == [pytest.approx(vector, abs=1e-6) for vector in theirs]
    for made in (of_openai, of_ollama):
        with pytest.raises(Exception, match="no such model: codr"):
            keep(made(served, "codr")).invoke("Hello.")


def test_the_lines_that_connect_shows_for_langchain_work(served: Served, tmp_path: Path, keep: Keep) -> None:
    lines = served.connect("langchain", tmp_path, "--model", "coder").stdout
    names: dict[str, Any] = {}
    exec(lines, names)
    assert keep(names["chat"]).bind(max_tokens=8).invoke("Say hello.").content
    assert len(keep(names["embeddings"]).embed_query("house")) == 32


def test_models_of_a_server_elsewhere_are_asked_of_it(served: Served, home: Path, tmp_path: Path) -> None:
    """The home has the starter alone; the server is another one's."""
    done = domov(home, "connect", "continue", "--json", "--url", served.url, **own(tmp_path))
    roles = {role: model["name"] for role, model in json.loads(done.stdout)["roles"].items()}
    assert roles.pop("chat") in ("coder:latest", "thinker:latest")
    assert roles == {"autocomplete": "coder:latest", "embed": "encoder:latest", "rerank": "ranker:latest"}
