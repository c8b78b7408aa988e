"""The field `documents` of a chat: the answer is made from the user's documents, and tells its references.

    "documents": true | ["home", "work"] | {"collections": ["home"], "folder": "", "kinds": [], "count": 6}

The answer has `references` (the first is [1] in its text) and `documents`: whether they tell, what was searched for,
and which sentences no passage supports. A stream has both in chunks of their own.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from fastapi.responses import Response

from domov.api.answers import json_response
from domov.api.documents import DocumentsBody, filters_of
from domov.api.openai import chat
from domov.api.openai.answers import Asked, collected, streamed
from domov.app import App
from domov.engine.protocol import Abilities
from domov.engine.scheduler import Scheduled
from domov.errors import BadRequest
from domov.types import ChatRequest, Event


async def answer(domov: App, body: chat.ChatBody, engine: Scheduled, stream: chat.Stream) -> Response:
    request = chat.decode(body)
    asker = asker_of(domov, body, request, engine)
    if not body.stream:
        whole = chat.whole(await collected(asker, [request]), stream)  # type: ignore[arg-type]
        return json_response({**whole, **asker.told})
    events = asker.numbered(request)

    def encode(index: int, event: Event | dict[str, Any]) -> bytes:
        return stream.chunk([], **event) if isinstance(event, dict) else stream.encode(index, event)

    return await streamed(events, encode, stream.last)  # type: ignore[arg-type]


def asker_of(domov: App, body: chat.ChatBody, request: ChatRequest, engine: Scheduled) -> "Asker":
    """Who answers a request from documents. Raises BadRequest."""
    _check(body, request)
    return Asker(domov, engine, _wanted(body.documents))


def _check(body: chat.ChatBody, request: ChatRequest) -> None:
    """Refuses what would undo the quoting, or has no meaning here."""
    if request.tools:
        raise BadRequest("tools are off in answers from documents", hint="leave out tools, or documents")
    if request.json_schema is not None or request.grammar or request.continue_last or (body.n or 1) > 1:
        raise BadRequest("an answer from documents takes no schema, grammar, continuation or n above 1")
    if request.messages[-1].role != "user" or not request.messages[-1].text.strip():
        raise BadRequest("an answer from documents needs a question: the last message, a user's")


def _wanted(value: bool | list[str] | DocumentsBody | None) -> DocumentsBody:
    if isinstance(value, DocumentsBody):
        return value
    return DocumentsBody(collections=value) if isinstance(value, list) else DocumentsBody()


@dataclass
class Asker:
    """Looks like an engine to those who collect answers; keeps what is told beside the text."""

    domov: App
    engine: Scheduled
    wanted: DocumentsBody
    told: dict[str, Any] = field(default_factory=dict)

    async def start(self) -> Abilities:
        return await self.engine.start()

    async def stream(self, request: Asked) -> AsyncIterator[Event]:
        async with aclosing(self.numbered(request)) as events:  # type: ignore[type-var]
            async for _, event in events:
                if not isinstance(event, dict):
                    yield event

    async def numbered(self, request: Asked) -> AsyncIterator[tuple[int, Event | dict[str, Any]]]:
        """The events, and as tables what is told beside them."""
        documents = self.domov.documents  # first: it says what is not installed
        from domov.documents.answering import Checked
        from domov.documents.library import Asked as Question
        from domov.documents.library import Found, reference

        assert isinstance(request, ChatRequest)
        question = Question(request, filters_of(self.wanted), self.wanted.count)
        searched = ""
        async with aclosing(documents.ask(self.engine, question)) as events:  # type: ignore[type-var]
            async for event in events:
                told: dict[str, Any] = {}
                if isinstance(event, Found):
                    searched = event.searched
                    told = {"references": [{"number": n, **reference(hit)} for n, hit in enumerate(event.hits, 1)]}
                elif isinstance(event, Checked):
                    claims = {"answered": event.answered, "unsupported": list(event.unsupported)}
                    told = {"documents": {**claims, "searched": searched}}
                else:
                    yield 0, event
                    continue
                self.told |= told
                yield 0, told
