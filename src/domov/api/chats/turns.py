"""The messages of a chat: asked, answered again, gone on with, stopped, changed, deleted, and listened to."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from domov.api.answers import json_response, streaming
from domov.api.chats.bodies import AnotherAnswer, ChangedMessage, GoOn, NewMessage, given
from domov.api.chats.room import Room
from domov.chats.answering import Live
from domov.chats.records import Table, Turn
from domov.errors import DomovError

LISTENING = b": listening\n\n"  # what is no event, so that the headers go out


def router(room: Room) -> APIRouter:
    routes = APIRouter(prefix="/chats/{id}/messages")

    @routes.post("")
    async def ask(id: str, body: NewMessage) -> Response:
        """Asks, and has one model or several answer; the answers are made whether or not anybody waits for them."""
        given(body)
        question, answers = await room.ask(id, body)
        told = {"question": question.table(), "answers": [live.table() for live in answers]}
        return json_response(told, 201)

    @routes.post("/{message}/answers")
    async def answers(id: str, message: str, body: AnotherAnswer) -> Response:
        """Has a question be answered once more."""
        given(body)
        live = await room.answer(id, message, model=body.model, options=body.options)
        return json_response(live.table(), 201)

    @routes.post("/{message}/continue")
    async def go_on(id: str, message: str, body: GoOn) -> Response:
        """Has an answer be written on."""
        given(body)
        return json_response((await room.go_on(id, message, options=body.options)).table())

    @routes.post("/{message}/stop")
    async def stop(id: str, message: str) -> Response:
        """Ends an answer that is being written; its text is kept."""
        return json_response(await room.stop(id, message))

    @routes.patch("/{message}")
    async def change(id: str, message: str, body: ChangedMessage) -> Response:
        """Changes the text of a message."""
        return json_response(await asyncio.to_thread(_changed, room, id, message, body.content))

    @routes.delete("/{message}")
    async def delete(id: str, message: str) -> Response:
        """Deletes a message with all below it."""
        await room.delete_turn(id, message)
        return Response(status_code=204)

    @routes.get("/{message}/events")
    async def events(
        request: Request, id: str, message: str, after: Annotated[int, Query(ge=0, lt=2**53)] = 0
    ) -> Response:
        """What is written from an event's number on, as server-sent events; the last one is the whole message."""
        turn = await asyncio.to_thread(room.turn, id, message)
        last = request.headers.get("last-event-id", "")
        place = int(last) if last.isascii() and last.isdigit() and len(last) < 16 else after
        answer = await streaming(
            _listened(room, turn, place), failed=partial(_event, "error"), media_type="text/event-stream"
        )
        answer.headers["cache-control"] = "no-store"
        return answer

    return routes


def _changed(room: Room, id: str, message: str, content: str) -> Table:
    turn = room.turn(id, message)
    room.check_idle(turn)
    changed = replace(turn, content=content)
    room.kept(id).turns.change(changed)
    return changed.table()


async def _listened(room: Room, turn: Turn, after: int) -> AsyncGenerator[bytes, None]:
    yield LISTENING
    live: Live | None = room.answering.of(turn)
    if live is not None:
        async with aclosing(live.events(after)) as events:  # type: ignore[type-var]
            async for table in events:
                yield _event("delta", table) if table else LISTENING
    ended = live.table() if live else (await asyncio.to_thread(room.turn, turn.chat, turn.id)).table()
    yield _event("done", ended)


def _event(name: str, table: Table | DomovError) -> bytes:
    if isinstance(table, DomovError):
        table = {"message": table.message, "hint": table.hint}
    number = b"id: %d\n" % table["seq"] if name == "delta" else b""
    return b"event: " + name.encode() + b"\n" + number + b"data: " + orjson.dumps(table) + b"\n\n"
