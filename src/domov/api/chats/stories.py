"""Stories: one text that a person and a model write in turns. Its changes are the messages of the chat.

What is undone stays, and so do all tries at one place: to undo, to redo and to show another try is to change the chat's
`current`, as `undo`, `redo` and `alternatives` say.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict

from fastapi import APIRouter
from fastapi.responses import Response

from domov.api.answers import json_response
from domov.api.chats.asking import Question, settings_of, started
from domov.api.chats.bodies import NewText, StorySettings, WriteOn, body_of, given
from domov.api.chats.room import Room
from domov.api.models import engine_of
from domov.api.openai.fields import shared_fields
from domov.app import App
from domov.chats import titles
from domov.chats.answering import Live
from domov.chats.prompting import Entry, Prompt, Story, prompt
from domov.chats.records import Chat, Table, Turn, new_id
from domov.chats.stories import Splice, changed, difference, joins, shown, text_of
from domov.chats.tree import path_to
from domov.engine.scheduler import Scheduled
from domov.errors import BadRequest
from domov.types import CompletionRequest, Event

ANSWER_TOKENS = 160  # that are written at once where nothing is said


def router(room: Room) -> APIRouter:
    routes = APIRouter(prefix="/chats/{id}/story")

    @routes.get("")
    async def story(id: str) -> Response:
        """The text as it is now, and what can be undone."""
        return json_response(await asyncio.to_thread(_told, room, id))

    @routes.put("")
    async def save(id: str, body: NewText) -> Response:
        """The text as a person has changed it."""
        return json_response(await asyncio.to_thread(_saved, room, id, body.text))

    @routes.post("/write")
    async def write(id: str, body: WriteOn) -> Response:
        """Has the model write on."""
        given(body)
        return json_response((await _written(room, id, body, retry=False)).table(), 201)

    @routes.post("/retry")
    async def retry(id: str, body: WriteOn) -> Response:
        """Has the model write its last piece once more; the one before stays as an alternative."""
        given(body)
        return json_response((await _written(room, id, body, retry=True)).table(), 201)

    @routes.post("/prompt")
    async def seen(id: str, body: WriteOn) -> Response:
        """What the model sees when it writes on."""
        given(body)
        return json_response(await _seen(room, id, body))

    @routes.get("/figures/{message}")
    async def figures(id: str, message: str) -> Response:
        """How likely each token of a written piece was, and what else could have stood there."""
        turn = await asyncio.to_thread(room.turn, id, message)
        return json_response({"tokens": await asyncio.to_thread(room.kept(id).turns.figures, turn)})

    return routes


def _story(room: Room, id: str) -> Chat:
    chat = room.chat(id)
    if chat.kind != "story":
        raise BadRequest(f"{id[:100]} is no story", hint="make one with kind = story")
    return chat


def _told(room: Room, id: str) -> Table:
    chat, under_way = _story(room, id), room.answering.all()
    turns = [under_way[turn.id].now() if turn.id in under_way else turn for turn in room.kept(id).turns.of(id)]
    told = asdict(shown(turns, chat.current)) | {"title": chat.title, "running": None, "seq": None}
    for live in room.answering.running(id):
        told |= {"running": live.turn.id, "seq": len(live.pieces)}
    return told


def _saved(room: Room, id: str, text: str) -> Table:
    chat, chats, moment = _story(room, id), room.kept(id), time.time()
    if room.answering.running(id):
        raise BadRequest("the model is writing", hint="stop it first")
    turns = chats.turns.of(id)
    path = path_to(turns, chat.current)
    last = path[-1] if path else None
    if joins(turns, last, moment):
        assert last
        before = text_of(path[:-1])
        splice = difference(before, text) or Splice(len(before), "", "")
        chats.turns.change(changed(last, splice), moment=moment)
    elif change := difference(text_of(path), text):
        made = Turn(new_id("msg"), id, last.id if last else None, "user", "", created_at=moment)
        chats.turns.add([changed(made, change)], chat=id)
        chats.change(id, {"current": made.id}, owner=chat.owner, moment=moment)
    if chat.titled in ("", "words") and (title := titles.first_words(text)) and title != chat.title:
        chats.change(id, {"title": title, "titled": "words"}, owner=chat.owner)
    return _told(room, id)


async def _written(room: Room, id: str, body: WriteOn, *, retry: bool) -> Live:
    chat = await asyncio.to_thread(_story, room, id)
    if room.answering.running(id):
        raise BadRequest("the model is writing", hint="stop it first")
    path = await room.path(chat, chat.current)
    if retry:
        if not path or path[-1].role != "assistant":
            raise BadRequest("the last change was not the model's", hint="have it write on instead")
        path = path[:-1]
    asked = await _asked(room, chat, path, body)
    text = text_of(path)
    about = {"splice": Splice(len(text), "", "").table}
    turn = Turn(
        new_id("msg"),
        id,
        path[-1].id if path else None,
        "assistant",
        "",
        model=asked.model,
        status="running",
        created_at=time.time(),
        about=about,
    )
    await asyncio.to_thread(_add, room, chat, turn)
    return room.run(chat, turn, _made(room.domov, asked, text))


def _add(room: Room, chat: Chat, turn: Turn) -> None:
    chats = room.kept(chat.id)
    chats.turns.add([turn], chat=chat.id)
    chats.change(chat.id, {"current": turn.id}, owner=chat.owner, moment=time.time())


async def _asked(room: Room, chat: Chat, path: list[Turn], body: WriteOn) -> Question:
    preset = await asyncio.to_thread(room.preset, chat)
    asked = Question(chat, path, room.model(chat, preset, body.model), body.options, preset)
    body_of(settings_of(asked)["options"])
    return asked


async def _made(domov: App, asked: Question, text: str) -> AsyncGenerator[Event | Table, None]:
    """The next piece of the text as it is written. Raises what asking a model raises."""
    engine, model = engine_of(domov, asked.model)
    context_tokens = 0
    async with aclosing(started(domov, engine, model)) as steps:
        async for step in steps:
            context_tokens = step.get("size_tokens", context_tokens)
            yield step
    request = await _request(engine, asked, text, context_tokens)
    async with aclosing(engine.stream(request)) as events:  # type: ignore[type-var]
        async for event in events:
            yield event


async def _request(engine: Scheduled, asked: Question, text: str, context_tokens: int) -> CompletionRequest:
    settings = StorySettings.model_validate(asked.chat.settings.get("story") or {})
    body = body_of(settings_of(asked)["options"])
    most = body.max_completion_tokens or body.max_tokens or ANSWER_TOKENS
    made = await _prompt(engine, settings, text, context_tokens - most)
    return CompletionRequest(
        asked.model,
        made.text,
        **shared_fields(body)
        | {"conversation": asked.chat.id, "private": asked.chat.temporary, "progress": True, "overflow": "stop"},
        max_tokens=most,
        top_logprobs=settings.alternatives or None,
    )


async def _prompt(engine: Scheduled, settings: StorySettings, text: str, room_tokens: int) -> Prompt:
    """Counts with the model's own tokens."""
    story = Story(
        text,
        settings.memory,
        settings.note,
        settings.note_depth,
        tuple(Entry(tuple(e.keys), e.text, tuple(e.also), e.constant, e.enabled) for e in settings.world),
        settings.scan_tokens,
    )
    steps = prompt(story, room_tokens=room_tokens)
    piece = next(steps)
    while True:
        try:
            piece = steps.send(len(await engine.tokenize(piece)))
        except StopIteration as end:
            made: Prompt = end.value
            return made


async def _seen(room: Room, id: str, body: WriteOn) -> Table:
    chat = await asyncio.to_thread(_story, room, id)
    asked = await _asked(room, chat, await room.path(chat, chat.current), body)
    engine, _ = engine_of(room.domov, asked.model)
    context_tokens = (await engine.start()).context_tokens
    settings = StorySettings.model_validate(chat.settings.get("story") or {})
    options = body_of(settings_of(asked)["options"])
    most = options.max_completion_tokens or options.max_tokens or ANSWER_TOKENS
    made = await _prompt(engine, settings, text_of(asked.path), context_tokens - most)
    return {**asdict(made), "context_tokens": context_tokens, "answer_tokens": most}
