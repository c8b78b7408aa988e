"""What a caller keeps here is the key's own: another key finds nothing of it."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from domov.access.keys import Grant
from domov.api.openai.inside import answered
from domov.batches.jobs import About, Batch
from domov.chats.answers import KeptAnswer
from domov.types import Message
from tests.api.guarded import Guarded
from tests.asgi import call

FORM = ("content-type", "multipart/form-data; boundary=x")
CHAT = "/v1/chat/completions"


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    guarded = Guarded(tmp_path)
    yield guarded
    guarded.domov.database.close()


def form(purpose: str, content: bytes) -> bytes:
    head = b'--x\r\nContent-Disposition: form-data; name="'
    return (
        head + b'purpose"\r\n\r\n' + purpose.encode() + b"\r\n" + head + b'file"; filename="a"\r\n\r\n'
        + content + b"\r\n--x--\r\n"
    )  # fmt: skip


async def test_files_batches_responses_and_stories_are_found_by_their_own_key_alone(guarded: Guarded) -> None:
    anna, boris = (guarded.secret(Grant(name, "inference")) for name in ("anna", "boris"))
    owner = guarded.domov.access.keys.get("anna").id
    body = form("batch", b'{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {}}')
    heads = (("authorization", f"Bearer {anna}"), ("content-length", str(len(body))), FORM)
    file = (await call(guarded.guard, "POST", "/v1/files", *heads, body=body)).json["id"]
    about = {"input_file_id": file, "endpoint": CHAT, "completion_window": "24h"}
    batch = (await guarded.ask("POST", "/v1/batches", key=anna, body=orjson.dumps(about))).json["id"]
    answer = KeptAnswer("resp_1", None, "m", time.time(), (Message("user", "hello"),), {"object": "response"}, owner)
    await asyncio.to_thread(guarded.domov.answers.put, answer)
    story = {"slot": 0, "title": "mine", "data": "once"}
    assert (await guarded.ask("POST", "/api/extra/data/save", key=anna, body=orjson.dumps(story))).json["success"]

    for path in (f"/v1/files/{file}", f"/v1/files/{file}/content", f"/v1/batches/{batch}", "/v1/responses/resp_1"):
        assert (await guarded.ask("GET", path, key=anna)).status == 200, path
        assert (await guarded.ask("GET", path, key=boris)).status == 404, path
    for path in ("/v1/files", "/v1/batches"):
        assert len((await guarded.ask("GET", path, key=anna)).json["data"]) == 1
        assert (await guarded.ask("GET", path, key=boris)).json["data"] == []
    assert (await guarded.ask("DELETE", f"/v1/files/{file}", key=boris)).status in (400, 404)
    assert (await guarded.ask("POST", "/v1/batches", key=boris, body=orjson.dumps(about))).status == 404
    titles = [
        (await guarded.ask("POST", "/api/extra/data/list", key=key, body=orjson.dumps({}))).json[0]
        for key in (anna, boris)
    ]
    assert titles == ["mine", ""]


async def test_a_request_of_a_batch_may_do_what_the_key_may_now(guarded: Guarded) -> None:
    guarded.secret(Grant("anna", models=("other:1b",)))
    owner = guarded.domov.access.keys.get("anna").id
    about = About(endpoint=CHAT, window="24h", expires_at=time.time() + 100)
    batch = Batch("batch_1", time.time(), "in_progress", "file-1", about, owner=owner)
    body = {"model": "smollm2:135m", "messages": [{"role": "user", "content": "hello"}]}
    assert (await answered(guarded.domov, batch, body))[0] == 403
    guarded.domov.access.keys.revoke("anna")
    status, told = await answered(guarded.domov, batch, body)
    assert status == 403 and "revoked" in told["error"]["message"]


def file_form(name: str, content: bytes) -> bytes:
    head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return head.encode() + content + b"\r\n--x--\r\n"


async def test_documents_are_found_by_their_own_key_alone_until_an_administrator_shares_them(guarded: Guarded) -> None:
    keys = {name: guarded.secret(Grant(name, "inference")) for name in ("anna", "boris")}
    keys["chief"] = guarded.secret(Grant("chief", "admin"))
    documents = "/api/domov/documents"

    async def found(name: str) -> list[str]:
        body = orjson.dumps({"query": "secret recipe"})
        answer = await guarded.ask("POST", f"{documents}/search", key=keys[name], body=body)
        return [hit["collection"] for hit in answer.json["references"]]

    for name in ("anna", "chief"):
        body = file_form("recipe.txt", f"the secret recipe of {name}".encode())
        heads = (("authorization", f"Bearer {keys[name]}"), ("content-length", str(len(body))), FORM)
        sent = await call(guarded.guard, "POST", f"{documents}/{name}s/files", *heads, body=body)
        assert sent.status == 200, sent.json
    await guarded.domov.documents.refresh()
    assert [await found(name) for name in keys] == [["annas"], [], ["chiefs"]]
    listed = await guarded.ask("GET", documents, key=keys["boris"])
    assert listed.json["collections"] == []
    for method, path in (("GET", "files"), ("DELETE", "files/recipe.txt"), ("POST", "retry")):
        assert (await guarded.ask(method, f"{documents}/annas/{path}", key=keys["boris"])).status == 404
    share = orjson.dumps({"shared": True})
    assert (await guarded.ask("POST", f"{documents}/annas/share", key=keys["anna"], body=share)).status == 403
    assert (await guarded.ask("POST", f"{documents}/chiefs/share", key=keys["chief"], body=share)).status == 200
    assert await found("boris") == ["chiefs"]
    assert (await guarded.ask("DELETE", f"{documents}/chiefs", key=keys["boris"])).status == 403
    assert (await guarded.ask("POST", documents, key=keys["anna"], body=b"{}")).status == 403
    guarded.domov.close_documents()
