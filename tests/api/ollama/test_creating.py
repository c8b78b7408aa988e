"""Models made of a Modelfile's fields, through Ollama's client and every other dialect."""

from collections.abc import Iterator
from pathlib import Path

import anthropic
import httpx2
import ollama
import openai
import pytest

from tests.api.conftest import Server
from tests.conftest import STARTER, domov

SYSTEM = "You are a librarian who knows all books about the sea, and nothing else at all."
HELLO = [{"role": "user", "content": "Hello"}]
TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:"


@pytest.fixture(scope="module")
def client(able: Server) -> Iterator[ollama.Client]:
    opened = ollama.Client(able.url, timeout=60)
    yield opened
    opened._client.close()


@pytest.fixture(scope="module")
def librarian(client: ollama.Client) -> str:
    parameters = {"temperature": 0, "num_predict": 3, "stop": ["END", "OVER"], "num_ctx": 1024}
    messages = [ollama.Message(role="user", content="Hi"), ollama.Message(role="assistant", content="Hush.")]
    made = client.create(
        "librarian", from_="plain", system=SYSTEM, parameters=parameters, messages=messages, license=["MIT"]
    )
    assert made.status == "success"
    return "librarian"


def test_show_tells_what_was_given(client: ollama.Client, able: Server, librarian: str) -> None:
    shown = httpx2.post(f"{able.url}/api/show", json={"model": librarian}).json()
    assert shown["system"] == SYSTEM and shown["license"] == "MIT" and shown["messages"][1]["content"] == "Hush."
    lines = [line.split(maxsplit=1) for line in shown["parameters"].splitlines()]
    assert ["num_ctx", "1024"] in lines and ["temperature", "0.0"] in lines and ["stop", '"OVER"'] in lines
    assert client.create("again", from_=librarian).status == "success"
    again = httpx2.post(f"{able.url}/api/show", json={"model": "again"}).json()
    assert (again["system"], again["parameters"]) == (SYSTEM, shown["parameters"])
    by_text = {"model": "by-text", "modelfile": again["modelfile"], "stream": False}
    assert httpx2.post(f"{able.url}/api/create", json=by_text).json() == {"status": "success"}
    assert httpx2.post(f"{able.url}/api/show", json={"model": "by-text"}).json()["system"] == SYSTEM


def test_every_dialect_applies_it(client: ollama.Client, able: Server, librarian: str) -> None:
    plain = client.chat("plain", HELLO, options={"num_predict": 3})
    given = client.chat(librarian, HELLO)
    assert given.eval_count == 3 and given.prompt_eval_count and plain.prompt_eval_count
    assert given.prompt_eval_count > plain.prompt_eval_count + 10
    assert client.generate(librarian, "Hello").prompt_eval_count == given.prompt_eval_count
    with openai.OpenAI(base_url=f"{able.url}/v1", api_key="none") as other:
        answer = other.chat.completions.create(model=librarian, messages=HELLO)  # type: ignore[arg-type]
        assert answer.usage and answer.usage.prompt_tokens == given.prompt_eval_count
        assert answer.usage.completion_tokens == 3
        response = other.responses.create(model=librarian, input="Hello", store=False)
        assert response.usage and response.usage.input_tokens == given.prompt_eval_count
    with anthropic.Anthropic(base_url=able.url, api_key="none") as third:
        message = third.messages.create(model=librarian, max_tokens=2, messages=HELLO)  # type: ignore[arg-type]
        assert message.usage.input_tokens + (message.usage.cache_read_input_tokens or 0) == given.prompt_eval_count
    rendered = httpx2.post(f"{able.url}/apply-template", json={"model": librarian, "messages": HELLO}).json()["prompt"]
    assert SYSTEM in rendered and rendered.index("Hush.") < rendered.index("Hello")


def test_a_request_of_its_own_stands(client: ollama.Client, librarian: str) -> None:
    own = [{"role": "system", "content": "Yes."}, *HELLO]
    answer = client.chat(librarian, own, options={"num_predict": 2})
    assert answer.eval_count == 2 and answer.prompt_eval_count
    whole = client.chat(librarian, HELLO).prompt_eval_count
    assert whole and answer.prompt_eval_count < whole


def test_a_template_takes_the_place_of_the_files(client: ollama.Client, able: Server) -> None:
    client.create("plainer", from_="plain", template=TEMPLATE)
    body = {"model": "plainer", "messages": HELLO}
    assert httpx2.post(f"{able.url}/apply-template", json=body).json()["prompt"].startswith("user: Hello\nassistant:")
    assert client.show("plainer").template == TEMPLATE
    assert client.chat("plainer", HELLO, options={"num_predict": 2}).message.content
    with pytest.raises(ollama.ResponseError, match="Go template"):
        client.create("x", from_="plain", template="{{ .Prompt }}")
    with pytest.raises(ollama.ResponseError, match="unknown parameter"):
        client.create("x", from_="plain", parameters={"warmth": 1})


def test_the_command_makes_a_model_of_a_modelfile(home: Path) -> None:
    file = home / "Modelfile"
    file.write_text(f'FROM {STARTER}\nSYSTEM "{SYSTEM}"\nPARAMETER num_predict 2\nPARAMETER temperature 0\n')
    done = domov(home, "create", "librarian", "-f", str(file))
    assert done.returncode == 0 and "librarian:latest" in done.stderr, done.stderr
    assert SYSTEM in domov(home, "show", "librarian").stdout
    assert len(domov(home, "run", "librarian", "Hello").stdout.split()) <= 2
    wrong = domov(home, "create", "x", "-f", "-", stdin="FROM nobody:7b\n")
    assert wrong.returncode == 1 and "nobody:7b" in wrong.stderr
    (home / "Modelfile").write_text("FROM x\nADAPTER y\n")
    assert domov(home, "create", "x", "-f", str(file)).returncode == 2
    assert domov(home, "create", "x", "-f", str(home / "none")).returncode == 2
