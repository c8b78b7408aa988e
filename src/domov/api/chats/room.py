"""The chats of one server: those that are kept, those in memory, and the answers that are being written."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

from filelock import FileLock, Timeout

from domov.access.callers import Caller, acting_for, current
from domov.api.chats.asking import Question, answer, understood
from domov.api.chats.bodies import NewMessage, Options
from domov.api.models import engine_of
from domov.app import App
from domov.chats import titles
from domov.chats.answering import Answering, Live, Made, Then, nothing
from domov.chats.attached import Attachments
from domov.chats.chats import Chats
from domov.chats.records import Chat, Table, Turn, new_id
from domov.chats.tree import below, path_to
from domov.errors import BadRequest, DomovError, NoSuchChat
from domov.types import TextDelta

IDLE_SECONDS = 3600.0  # that a temporary chat stays
LOOK_SECONDS = 60.0


class Room:
    def __init__(self, domov: App) -> None:
        self.domov, self.answering = domov, Answering(lambda: domov.tariff)
        self._lock = FileLock(domov.config.home / "chats.lock", mode=0o600, thread_local=False)
        self._opening, self._opened = threading.Lock(), False
        self._tasks: set[asyncio.Future[None]] = set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Answers are written for as long as the block lasts; those that are not done at its end are interrupted."""
        sweeping = asyncio.ensure_future(self._sweep())
        try:
            yield
        finally:
            for task in (sweeping, *self._tasks):
                task.cancel()
            await asyncio.gather(sweeping, *self._tasks, return_exceptions=True)
            await self.answering.close()
            self._lock.release()

    def kept(self, id: str = "") -> Chats:
        """Where the chat of an id is. Opens the database: for a thread of its own."""
        return self.domov.temporary_chats if id.startswith("temp_") else self._chats()

    def _chats(self) -> Chats:
        """At their first use what an earlier server was writing is said to be interrupted: if none else runs here."""
        with self._opening:
            if not self._opened:
                with suppress(Timeout):
                    self._lock.acquire(timeout=0)
                    self.domov.chats.turns.interrupt()
                    self.domov.attachments.tidy()
                self._opened = True
        return self.domov.chats

    def attachments(self, *, temporary: bool) -> Attachments:
        return self.domov.temporary_attachments if temporary else self.domov.attachments

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.sweep()

    async def sweep(self) -> None:
        """Temporary chats that nobody has used for an hour go, and uploads that no message has got in a day.

        Opens nothing; what can't go now goes at a later time.
        """
        if "temporary_chats" in self.domov.__dict__:
            for id, owner in self.domov.temporary_chats.idle(time.time() - IDLE_SECONDS):
                if not self.answering.running(id):
                    with suppress(DomovError):  # deleted meanwhile
                        await self.delete(id, owner=owner)
        for name in ("temporary_attachments", "attachments"):
            if name in self.domov.__dict__:
                with suppress(DomovError):  # a disk that is full, or a database that is busy
                    await asyncio.to_thread(getattr(self.domov, name).expire)

    def chat(self, id: str) -> Chat:
        """The caller's chat of an id. Raises NoSuchChat."""
        return self.kept(id).get(id, owner=current().owner)

    def turn(self, chat: str, id: str) -> Turn:
        """Raises NoSuchChat."""
        self.chat(chat)
        return self.kept(chat).turns.get(chat, id)

    async def delete(self, id: str, *, owner: str) -> None:
        """Deletes a chat with all that there is of it. Raises NoSuchChat."""
        chats = await asyncio.to_thread(self.kept, id)
        await asyncio.to_thread(chats.get, id, owner=owner)
        for live in self.answering.running(id):
            await self.answering.stop(live)
        turns = await asyncio.to_thread(chats.turns.of, id)
        await asyncio.to_thread(chats.delete, id, owner=owner)
        await self._gone(chats, id, turns)

    async def delete_turn(self, id: str, message: str) -> None:
        """Deletes a message with all below it. Raises NoSuchChat."""
        turn = await asyncio.to_thread(self.turn, id, message)
        chats = self.kept(id)
        every = await asyncio.to_thread(chats.turns.of, id)
        gone = below(every, message)
        for live in self.answering.running(id):
            if live.turn.id in gone:
                await self.answering.stop(live)
        chat = await asyncio.to_thread(self.chat, id)
        shown = turn.parent if chat.current in gone else chat.current
        await asyncio.to_thread(partial(chats.turns.delete, id, gone, current=shown))
        await self._gone(chats, id, [each for each in every if each.id in gone])

    async def _gone(self, chats: Chats, id: str, turns: Sequence[Turn]) -> None:
        """Has what was attached to turns, what models have read, and what is left of them in files go too."""
        files = [attachment.id for turn in turns for attachment in turn.attachments]
        if files:
            await asyncio.to_thread(self.attachments(temporary=chats.temporary).release, files)
        await self.domov.forget(id)
        await asyncio.to_thread(chats.purge)

    async def ask(self, id: str, message: NewMessage) -> tuple[Turn, list[Live]]:
        """Keeps a question, and has it answered, by several models at the same time where several are named."""
        chat = await asyncio.to_thread(self.chat, id)
        if chat.kind == "story":
            raise BadRequest("a story is not asked", hint="have it written on, with …/story/write")
        preset = await asyncio.to_thread(self.preset, chat)
        models = message.models or [self.model(chat, preset, None)]
        question = await asyncio.to_thread(self._keep_question, chat, message)
        answers = []
        for model in dict.fromkeys(models):
            asked = Question(chat, await self.path(chat, question.id), model, message.options, preset)
            answers.append(await self._begin(asked, question.id))
        await self._show(chat, answers[0].turn.id)
        return question, answers

    def _keep_question(self, chat: Chat, message: NewMessage) -> Turn:
        chats, owner = self.kept(chat.id), current().owner
        if message.parent_id is not None:
            self.check_idle(chats.turns.get(chat.id, message.parent_id))
        temporary = [id for id in message.attachments if id.startswith("atmp_")]
        if len(temporary) != (len(message.attachments) if chat.temporary else 0):
            raise BadRequest(
                "an attachment of a temporary chat is sent with temporary=true, and of another without",
                hint="send it again so",
            )
        attached = self.attachments(temporary=chat.temporary).every(message.attachments, owner=owner)
        if not message.content.strip() and not attached:
            raise BadRequest("a question needs words or an attachment")
        turn = Turn(
            new_id("msg"),
            chat.id,
            message.parent_id,
            "user",
            message.content,
            created_at=time.time(),
            attachments=attached,
        )
        chats.turns.add([turn], chat=chat.id)
        if not chat.titled:
            words = titles.first_words(message.content) or (attached[0].name if attached else "")
            chats.entitle(chat.id, words, by="words")
        return turn

    async def answer(self, id: str, message: str, *, model: str | None, options: Options) -> Live:
        """Has a question be answered once more."""
        question = await asyncio.to_thread(self.turn, id, message)
        if question.role != "user":
            raise BadRequest(f"{message[:100]} is no question", hint="name the message that is to be answered")
        chat = await asyncio.to_thread(self.chat, id)
        preset = await asyncio.to_thread(self.preset, chat)
        path = await self.path(chat, question.id)
        asked = Question(chat, path, self.model(chat, preset, model), options, preset)
        live = await self._begin(asked, question.id)
        await self._show(chat, live.turn.id)
        return live

    async def go_on(self, id: str, message: str, *, options: Options) -> Live:
        """Has an answer be written on."""
        turn = await asyncio.to_thread(self.turn, id, message)
        chat = await asyncio.to_thread(self.chat, id)
        self.check_idle(turn)
        if turn.role != "assistant" or not turn.content.strip():
            raise BadRequest(f"{message[:100]} has no answer to go on with", hint="ask for another answer instead")
        if turn.about.get("references"):
            raise BadRequest("an answer from documents is not gone on with", hint="ask for another answer instead")
        preset = await asyncio.to_thread(self.preset, chat)
        asked = Question(
            chat, await self.path(chat, turn.id), self.model(chat, preset, turn.model), options, preset, goes_on=True
        )
        await asyncio.to_thread(understood, asked, self.attachments(temporary=chat.temporary))
        begun = replace(turn, status="running", about={k: v for k, v in turn.about.items() if k != "error"})
        await asyncio.to_thread(self.kept(id).turns.change, begun)
        return self._run(asked, begun)

    def check_idle(self, turn: Turn) -> None:
        """Raises BadRequest for what is being written."""
        live = self.answering.of(turn)
        if live is not None and live.ended is None:
            raise BadRequest(f"{turn.id} is being written", hint="stop it first")

    async def stop(self, id: str, message: str) -> Table:
        """Ends an answer, if it is being written."""
        turn = await asyncio.to_thread(self.turn, id, message)
        if live := self.answering.of(turn):
            await self.answering.stop(live)
            return live.table()
        return turn.table()

    async def path(self, chat: Chat, leaf: str | None) -> list[Turn]:
        return path_to(await asyncio.to_thread(self.kept(chat.id).turns.of, chat.id), leaf)

    def preset(self, chat: Chat) -> Table:
        """What the chat's assistant says; nothing where it is gone."""
        if not (id := chat.settings.get("assistant")):
            return {}
        with suppress(NoSuchChat):
            return self.domov.assistants.get(id, owner=current().owner).about
        return {}

    def model(self, chat: Chat, preset: Table, named: str | None) -> str:
        model = named or chat.model or preset.get("model")
        if not model:
            raise BadRequest("no model is named", hint="put its name into the request, or into the chat's `model`")
        return str(model)

    async def _show(self, chat: Chat, leaf: str) -> None:
        change = partial(self.kept(chat.id).change, chat.id, {"current": leaf}, owner=chat.owner, moment=time.time())
        await asyncio.to_thread(change)

    async def _begin(self, asked: Question, parent: str) -> Live:
        """Keeps an empty answer, and has it written. Raises BadRequest for options that can't be meant."""
        chat = asked.chat
        await asyncio.to_thread(understood, asked, self.attachments(temporary=chat.temporary))
        turn = Turn(
            new_id("msg"), chat.id, parent, "assistant", "", model=asked.model, status="running", created_at=time.time()
        )
        await asyncio.to_thread(self.kept(chat.id).turns.add, [turn], chat=chat.id)
        return self._run(asked, turn)

    def _run(self, asked: Question, turn: Turn) -> Live:
        attachments = self.attachments(temporary=asked.chat.temporary)
        return self.run(asked.chat, turn, answer(self.domov, asked, attachments), then=partial(self._entitle, asked))

    def run(self, chat: Chat, turn: Turn, made: Made, *, then: Then = nothing) -> Live:
        """The work counts as the caller's, whose limits hold for it, also when the request is over.

        It ends when whoever asked for it may not call any more.
        """
        by = current()
        caller = self.domov.access.caller_of(by.owner, by.account_key)
        with acting_for(caller):
            live = self.answering.begin(self.kept(chat.id).turns, turn, made, then=then)
        if caller.key or caller.user:
            self._go_on(self._while_permitted(caller, live))
        return live

    async def _while_permitted(self, caller: Caller, live: Live) -> None:
        assert live.task
        with self.domov.access.running.request(caller) as ended:
            ending = asyncio.ensure_future(ended.wait())
            try:
                await asyncio.wait((ending, live.task), return_when=asyncio.FIRST_COMPLETED)
            finally:
                ending.cancel()
        if ended.is_set():
            await self.answering.stop(live)

    def _go_on(self, work: Coroutine[Any, Any, None]) -> None:
        """Has something be done beside the requests, for as long as the server runs."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _entitle(self, asked: Question, live: Live) -> None:
        """Has the model name a chat after its first answer, where that is wanted."""
        first = len(asked.path) == 1 and live.ended is not None and live.ended.status == "done"
        if first and asked.chat.settings.get("title") == "auto" and asked.chat.titled in ("", "words"):
            self._go_on(self._made_title(asked, live))

    async def _made_title(self, asked: Question, live: Live) -> None:
        text = ""
        with suppress(DomovError):  # the first words of the question stay
            engine, model = engine_of(self.domov, asked.model)
            request = titles.asking(model.name, asked.path[0].content, live.now().content)
            async with aclosing(engine.stream(request)) as events:  # type: ignore[type-var]
                async for event in events:
                    text += event.text if isinstance(event, TextDelta) else ""
            if title := titles.made(text):
                await asyncio.to_thread(partial(self.kept(asked.chat.id).entitle, asked.chat.id, title, by="model"))
