"""The models themselves through Ollama's client: listed, shown, pulled, made, copied, deleted."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import ollama
import pytest

from tests import gguf_files, model_files
from tests.api.conftest import Server, serving
from tests.conftest import STARTER, domov
from tests.hub import Fault, Hub, sha256, tiny_gguf

LARGE = gguf_files.bert(words=[*gguf_files.WORDS, *(f"▁{n}" for n in range(20_000))])


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with Hub() as running:
        running.add_repository("user/large", {"large-Q8_0.gguf": LARGE})
        running.add_repository("user/held", {"held-Q8_0.gguf": LARGE + bytes(32)})
        yield running


@pytest.fixture(scope="module")
def server(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home, files = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("files")
    for name, content in (("tiny", tiny_gguf()), ("encoder", gguf_files.bert())):
        (files / f"{name}.gguf").write_bytes(content)
        assert domov(home, "pull", str(files / f"{name}.gguf"), "--name", name).returncode == 0
    with serving(home, HF_ENDPOINT=hub.url) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[ollama.Client]:
    opened = ollama.Client(server.url, timeout=60)
    yield opened
    opened._client.close()


def names(client: ollama.Client) -> list[str | None]:
    return [m.model for m in client.list().models]


def test_the_server_says_what_ollamas_clients_wait_for(server: Server) -> None:
    assert httpx2.get(f"{server.url}/").text == "Ollama is running"
    for path in ("/", "/api/version", "/api/tags"):
        answer = httpx2.head(f"{server.url}{path}")
        assert (answer.status_code, answer.content) == (200, b"")
    assert httpx2.get(f"{server.url}/api/version").json()["version"] == "0.33.0"


def test_models_are_listed_with_their_details(client: ollama.Client) -> None:
    (row,) = [m for m in client.list().models if m.model == "encoder:latest"]
    assert row.details and (row.details.family, row.details.format) == ("bert", "gguf")
    assert row.size and row.digest == sha256(gguf_files.bert()).removeprefix("sha256:") and row.modified_at


def test_a_model_is_shown(client: ollama.Client, server: Server) -> None:
    shown = client.show("encoder")
    assert shown.capabilities == ["embedding"] and shown.modelinfo
    assert shown.modelinfo["bert.embedding_length"] == gguf_files.WIDTH
    verbose = httpx2.post(f"{server.url}/api/show", json={"name": "encoder", "verbose": True}).json()
    assert {"name": "token_embd.weight", "type": "F32"}.items() <= verbose["tensors"][0].items()


def test_what_a_model_can_do_is_told_from_its_file(starter_home: Path, tmp_path: Path) -> None:
    content = (starter_home / "models" / "blobs").glob("*").__next__().read_bytes()
    kinds = {
        "plain": content,
        "thinker": model_files.with_template(content, model_files.TOOLS_AND_THOUGHTS),
        "filler": model_files.with_gap_marks(content),
    }
    for name, model in kinds.items():
        (tmp_path / f"{name}.gguf").write_bytes(model)
        assert domov(tmp_path / "home", "pull", str(tmp_path / f"{name}.gguf"), "--name", name).returncode == 0
    with serving(tmp_path / "home") as running:
        client = ollama.Client(running.url)
        able = {name: client.show(name) for name in kinds}
        client._client.close()
    assert able["plain"].capabilities == ["completion", "tools"]
    assert able["thinker"].capabilities == ["completion", "tools", "thinking"]
    assert able["filler"].capabilities == ["completion", "tools", "insert"]
    assert [".Suffix" in str(shown.template) for shown in able.values()] == [False, False, True]
    assert "num_ctx" in str(able["plain"].parameters)


def test_a_pull_tells_how_it_gets_on(client: ollama.Client, hub: Hub) -> None:
    steps = list(client.pull("hf.co/user/large", stream=True))
    assert steps[0].status == "pulling manifest" and steps[-1].status == "success"
    assert any(s.completed and s.completed == s.total == len(LARGE) for s in steps)
    assert steps[-2].digest == f"sha256:{sha256(LARGE).removeprefix('sha256:')}"
    assert "hf.co/user/large" in names(client)
    asked = len(hub.downloads())
    assert client.pull("hf.co/user/large").status == "success"
    assert len(hub.downloads()) == asked


def test_an_error_of_a_pull_stands_in_its_stream(client: ollama.Client, server: Server) -> None:
    with pytest.raises(ollama.ResponseError, match="nothing-here"):
        list(client.pull("hf.co/user/nothing-here", stream=True))
    with pytest.raises(ollama.ResponseError) as caught:
        client.pull("nonsense:7b")
    assert caught.value.status_code == 404
    answer = httpx2.post(f"{server.url}/api/pull", json={"model": "/etc/passwd"})
    assert answer.status_code == 400 and "not a model's name" in answer.json()["error"]


def test_a_pull_ends_with_its_client_and_goes_on_later(client: ollama.Client, server: Server, hub: Hub) -> None:
    hub.fail("/cdn/", Fault(hold_after=100_000))
    with httpx2.stream("POST", f"{server.url}/api/pull", json={"model": "hf.co/user/held"}, timeout=30) as answer:
        steps = answer.iter_lines()
        while "completed" not in next(steps):
            pass
        assert hub.held.wait(20)
    time.sleep(1)  # until the server has seen that its client is gone
    hub.release.set()
    time.sleep(0.3)
    assert "hf.co/user/held" not in names(client)
    assert client.pull("hf.co/user/held").status == "success"


def test_a_model_is_copied_and_deleted(client: ollama.Client) -> None:
    client.copy("tiny", "twin")
    assert "twin:latest" in names(client)
    client.delete("twin")
    assert "twin:latest" not in names(client) and "tiny:latest" in names(client)
    for wrong in (lambda: client.delete("twin"), lambda: client.copy("twin", "x"), lambda: client.show("twin")):
        with pytest.raises(ollama.ResponseError) as caught:
            wrong()
        assert caught.value.status_code == 404
    for wrong in (lambda: client.copy("tiny", "../x"), lambda: client.delete("/etc/passwd")):
        with pytest.raises(ollama.ResponseError) as caught:
            wrong()
        assert caught.value.status_code == 400


def test_a_file_is_sent_and_becomes_a_model(client: ollama.Client, server: Server, tmp_path: Path) -> None:
    (tmp_path / "sent.gguf").write_bytes(gguf_files.bert(words=[*gguf_files.WORDS, "▁cat"]))
    digest = client.create_blob(tmp_path / "sent.gguf")
    assert httpx2.head(f"{server.url}/api/blobs/{digest}").status_code == 200
    steps = [s.status for s in client.create("sent", files={"sent.gguf": digest}, license="MIT", stream=True)]
    assert steps[-1] == "success"
    assert len(client.embed("sent", "red apple").embeddings[0]) == gguf_files.WIDTH
    assert client.show("sent").license == "MIT"
    assert client.create("other", from_="sent").status == "success"
    client.delete("sent")
    assert client.embed("other", "red apple").embeddings


@pytest.mark.parametrize(
    "digest",
    ["sha256:abc", "sha256:" + "A" * 64, "sha256-" + "a" * 64, "x", "..%2F..%2Fetc%2Fpasswd", "sha256:" + "0" * 64],
)
def test_a_digest_is_checked_before_it_could_be_a_path(server: Server, digest: str) -> None:
    answer = httpx2.post(f"{server.url}/api/blobs/{digest}", content=b"x")
    assert answer.status_code in (400, 404) and answer.json()["error"]
    assert httpx2.head(f"{server.url}/api/blobs/{digest}").status_code in (400, 404)


def test_a_blob_may_be_larger_than_other_bodies_and_is_no_form(server: Server) -> None:
    url, content = f"{server.url}/api/blobs/sha256:{'1' * 64}", b"x" * (65 << 20)
    answer = httpx2.post(url, content=content, headers={"content-type": "application/octet-stream"}, timeout=60)
    assert answer.status_code == 400 and "digest" in answer.json()["error"]
    assert httpx2.post(url, content=b"x", headers={"content-type": "text/plain"}).status_code == 415
    assert httpx2.post(url, content=b"x", headers={"origin": "http://evil.example"}).status_code == 403


@pytest.mark.parametrize(
    ("more", "status", "word"),
    [
        ({"from": "tiny", "quantize": "q4_Z"}, 400, "unknown quantization"),
        ({"from": "tiny", "template": "{{ .Prompt }}"}, 400, "template"),
        ({"from": "tiny", "parameters": {"warmth": 1}}, 400, "warmth"),
        ({"from": "tiny", "adapters": {"a": "sha256:" + "0" * 64}}, 400, "adapters"),
        ({"modelfile": "SYSTEM x"}, 400, "FROM"),
        ({"modelfile": "FROM /etc/passwd"}, 400, "name"),
        ({}, 400, "from or files"),
        ({"from": "nobody"}, 404, "nobody"),
        ({"from": "/etc/passwd"}, 400, "name"),
        ({"files": {"a.gguf": "sha256:../../x"}}, 400, "digest"),
        ({"files": {"a.gguf": "sha256:" + "0" * 64}}, 404, "no such file"),
        ({"files": {"a": "x", "b": "y"}}, 400, "one GGUF"),
        ({"model": "../x", "from": "tiny"}, 400, "name"),
        ({"model": "hf.co/a/b", "from": "tiny"}, 400, "name"),
    ],
)
def test_what_create_can_not_keep_is_refused(server: Server, more: dict[str, object], status: int, word: str) -> None:
    answer = httpx2.post(f"{server.url}/api/create", json={"model": "new", **more})
    assert answer.status_code == status and word in answer.json()["error"], answer.text


def test_a_model_is_quantized_as_it_is_created(client: ollama.Client) -> None:
    steps = list(client.create("encoder-q8", from_="encoder", quantize="q8_0", license="mine", stream=True))
    assert "quantizing F32 model to Q8_0" in [s.status for s in steps] and steps[-1].status == "success"
    shown = client.show("encoder-q8")
    assert shown.details and shown.details.quantization_level == "Q8_0" and shown.license == "mine"
    assert len(client.embed("encoder-q8", "red apple").embeddings[0]) == gguf_files.WIDTH
    with pytest.raises(ollama.ResponseError, match="only supported for F16") as caught:
        client.create("again", from_="encoder-q8", quantize="q4_0")
    assert caught.value.status_code == 400 and "again:latest" not in names(client)


def test_a_file_that_was_sent_is_quantized(client: ollama.Client, tmp_path: Path) -> None:
    (tmp_path / "sent.gguf").write_bytes(gguf_files.bert(words=[*gguf_files.WORDS, "▁dog"]))
    digest = client.create_blob(tmp_path / "sent.gguf")
    assert client.create("sent-q8", files={"sent.gguf": digest}, quantize="Q8_0").status == "success"
    assert client.embed("sent-q8", "red apple").embeddings


def test_a_file_that_is_no_model_becomes_none(client: ollama.Client, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"no model")
    digest = client.create_blob(tmp_path / "x")
    with pytest.raises(ollama.ResponseError, match="GGUF") as caught:
        client.create("broken", files={"x": digest})
    assert caught.value.status_code == 400 and "broken:latest" not in names(client)


def test_nothing_is_pushed(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="publishes nothing"):
        client.push("tiny")


def test_offline_a_pull_says_so_and_what_is_here_is_found(home: Path) -> None:
    with serving(home, DOMOV_OFFLINE="1") as running:
        client = ollama.Client(running.url)
        assert client.pull(STARTER).status == "success"
        with pytest.raises(ollama.ResponseError, match="offline"):
            client.pull("hf.co/user/tiny")
        told = httpx2.post(f"{running.url}/api/pull", json={"model": "hf.co/user/tiny"})
        client._client.close()
    assert told.status_code == 200 and "offline" in json.loads(told.text.splitlines()[-1])["error"]
