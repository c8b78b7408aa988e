"""Responses that are kept: gone on from, looked up, listed and deleted. All of it reads or writes the database."""

import re
import time
from typing import Any

from domov.access.callers import current
from domov.api.openai.responses.body import ResponseBody
from domov.api.openai.responses.items import Item, listed
from domov.api.openai.responses.request import Earlier
from domov.app import App
from domov.chats.answers import KeptAnswer
from domov.errors import BadRequest, NoSuchAnswer
from domov.types import Message

INPUT = "input_items"  # where a kept body has what it was asked
_ITEM = re.compile(r"[a-z]+_([0-9a-f]{2,64})_\d{1,9}")
DAY_SECONDS = 86_400


def earlier(domov: App, body: ResponseBody, *, id: str) -> Earlier:
    """What a request goes on from; `id` is its own. Raises NoSuchAnswer."""
    if body.previous_response_id is None:
        return Earlier(conversation=id if body.keeps else None)
    chain = domov.answers.chain(body.previous_response_id, owner=current().owner)
    return Earlier(tuple(m for answer in chain for m in answer.messages), chain[0].id)


def resolved(domov: App, body: ResponseBody) -> list[Item]:
    """The items of the input, references to items of kept responses replaced by these. Raises BadRequest."""
    return [_referenced(domov, item) if is_reference(item) else item for item in listed(body.input)]


def is_reference(item: Item) -> bool:
    return item.get("type") == "item_reference"


def _referenced(domov: App, item: Item) -> Item:
    id = str(item.get("id"))
    named = _ITEM.fullmatch(id)
    try:
        kept = domov.answers.get(f"resp_{named[1]}", owner=current().owner) if named else None
    except NoSuchAnswer:
        kept = None
    found: list[Item] = [x for x in kept.body.get("output", ()) if x["id"] == id] if kept else []
    if not found:
        raise BadRequest(f"no such item: {id[:100]}", hint="send the item itself: what it belongs to was not kept")
    return found[0]


def keep(domov: App, answer: KeptAnswer) -> list[str]:
    """Keeps an answer. Returns the conversations that go for it, where there are more or older than are to be kept."""
    domov.answers.put(answer)
    oldest = time.time() - domov.config.answers_days * DAY_SECONDS
    return domov.answers.prune(older_than=oldest, most=domov.config.answers)


def kept_answer(response: dict[str, Any], items: list[Item], messages: tuple[Message, ...]) -> KeptAnswer:
    return KeptAnswer(
        id=response["id"],
        previous=response["previous_response_id"],
        model=response["model"],
        created_at=time.time(),
        messages=messages,
        body={**response, INPUT: shown_items(items, response["id"])},
        owner=current().owner,
    )


def shown_items(items: list[Item], id: str) -> list[Item]:
    """Items as they are listed: each has an id and says what it is, and a text is a part."""
    start = id.removeprefix("resp_")
    every = {"type": "message", "status": "completed"}
    given = [{**every, "id": f"item_{start}_{n}", **item} for n, item in enumerate(items)]
    return [_in_parts(item) if isinstance(item.get("content"), str) else item for item in given]


def _in_parts(item: Item) -> Item:
    if item.get("role") == "assistant":
        return {**item, "content": [{"type": "output_text", "text": item["content"], "annotations": []}]}
    return {**item, "content": [{"type": "input_text", "text": item["content"]}]}


def body_of(domov: App, id: str) -> dict[str, Any]:
    """The response as it was given. Raises NoSuchAnswer, also for an answer of another dialect."""
    body = domov.answers.get(id, owner=current().owner).body
    if body.get("object") != "response":
        raise NoSuchAnswer(f"no such response: {id[:100]}")
    return body


def response_of(domov: App, id: str) -> dict[str, Any]:
    return {key: value for key, value in body_of(domov, id).items() if key != INPUT}


def delete(domov: App, id: str) -> str:
    """Deletes a response. Returns the conversation that it belongs to. Raises NoSuchAnswer."""
    body_of(domov, id)
    conversation = domov.answers.chain(id, owner=current().owner)[0].id
    domov.answers.delete(id, owner=current().owner)
    return conversation
