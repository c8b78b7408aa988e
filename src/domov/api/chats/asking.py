"""How an answer of a chat is asked for: as a chat completion, with the chat's settings, documents and attachments."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from domov.api.chats.bodies import Options, body_of
from domov.api.lmstudio.loading import watched
from domov.api.models import engine_of
from domov.api.openai import chat, documents
from domov.api.tools import tools_for
from domov.app import App
from domov.chats.attached import Attachments
from domov.chats.conversation import Told
from domov.chats.conversation import told as conversation_of
from domov.chats.records import Chat, Table, Turn
from domov.engine.scheduler import Scheduled
from domov.errors import BadRequest
from domov.store.models import Model
from domov.types import ChatRequest, Event

PLACES = {
    True: {"where": "home", "reason": "the model runs on this computer"},
    False: {"where": "cloud", "reason": "the model runs at a provider"},
}


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be answered: the way to it is the conversation."""

    chat: Chat
    path: list[Turn]  # its last turn is the question, or the answer that is gone on with
    model: str
    options: Options = field(default_factory=dict)
    preset: Table = field(default_factory=dict)  # the chat's assistant
    goes_on: bool = False


def settings_of(question: Question) -> Table:
    """What holds for an answer: the assistant's words, the chat's above them, the request's above all."""
    preset, settings = question.preset, question.chat.settings
    adapters = {"lora": preset["adapters"]} if preset.get("adapters") else {}
    return {
        "system": settings.get("system") or preset.get("system", ""),
        "documents": settings.get("documents") or preset.get("documents", []),
        "options": adapters | preset.get("options", {}) | settings.get("options", {}) | question.options,
    }


def understood(question: Question, attachments: Attachments) -> tuple[chat.ChatBody, ChatRequest, Told]:
    """The request that a question is. Raises BadRequest, NoSuchFile."""
    settings = settings_of(question)
    asks = settings["documents"] if not question.goes_on else []
    body = body_of(settings["options"], model=question.model, documents=asks or None)
    conversation = conversation_of(settings["system"], question.path, lambda a: attachments.contents.get(a.id))
    if not conversation.messages:
        raise BadRequest("there is nothing to answer")
    request = replace(
        chat.decode(body),
        messages=conversation.messages,
        conversation=question.chat.id,
        private=question.chat.temporary,
        progress=True,
        continue_last=question.goes_on,
    )
    return body, request, conversation


async def answer(domov: App, question: Question, attachments: Attachments) -> AsyncGenerator[Event | Table, None]:
    """The answer as it is made. Raises what asking a model raises."""
    body, request, conversation = await asyncio.to_thread(understood, question, attachments)
    engine, model = engine_of(domov, question.model)
    async with aclosing(started(domov, engine, model)) as steps:
        async for step in steps:
            yield step
    yield {"turns": ((), *conversation.turns) if _adds_rules(body, request) else conversation.turns}
    if not body.documents:
        wanted = question.chat.settings.get("tools", []) if not question.goes_on else []
        async with tools_for(domov, engine, wanted, chat=question.chat.id) as (able, uses):
            async with aclosing(able.stream(request)) as events:  # type: ignore[type-var]
                async for event in events:
                    yield event
            if uses:
                yield {"tools": uses}
        return
    asker = documents.asker_of(domov, body, request, engine)
    async with aclosing(asker.numbered(request)) as numbered:  # type: ignore[type-var]
        async for _, told in numbered:
            yield told


def _adds_rules(body: chat.ChatBody, request: ChatRequest) -> bool:
    """Whether answering from documents puts a message before all others."""
    return bool(body.documents) and request.messages[0].role != "system"


async def started(domov: App, engine: Scheduled, model: Model) -> AsyncGenerator[Table, None]:
    """Has the model be loaded, telling how far that is, and then where it runs."""
    row = domov.scheduler.row(model)
    loading = asyncio.ensure_future(engine.start())
    try:
        if row is None or row.state == "loading":
            yield {"progress": {"stage": "loading", "fraction": 0.0}}
            async for share in watched(domov, model, loading):
                yield {"progress": {"stage": "loading", "fraction": share}}
        abilities = await loading
    finally:
        loading.cancel()
        await asyncio.gather(loading, return_exceptions=True)
    yield {"progress": {"stage": "reading", "fraction": 0.0}}
    yield {"size_tokens": abilities.context_tokens, "place": PLACES[abilities.local]}
