"""All that can be done with the user's documents: the one object that commands, the API and MCP get from the app."""

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from domov.documents.answering import (
    Checked,
    characters_for,
    checked,
    fitting,
    messages_for,
    not_found_words,
    rewriting,
    rewritten,
)
from domov.documents.embedding import Embedder
from domov.documents.gathering import Paper, write_papers
from domov.documents.index import Collection, Counts, FileState, Index
from domov.documents.indexing import Indexer, OnStage, Stage, quiet
from domov.documents.kinds import READERS
from domov.documents.owners import Viewer as Viewer
from domov.documents.reading import Reader, scan_reader
from domov.documents.retrieval import EVERYTHING, RERANKED, Filters, Hit, Retriever, reranked
from domov.engine.protocol import Engine
from domov.errors import BadRequest, DomovError, NoSuchFile, NotPermitted
from domov.files import disk_errors, make_folder, write_atomically
from domov.types import ChatRequest, Done, Event, Message, TextDelta, Usage

PASSAGES = 6  # that an answer is made from
DEFAULT_NAME = "documents"
LOOK_SHARE = 0.05  # of the time, that looking at folders may take
AFTER_ERROR_SECONDS = 30.0
WHOLE_SHARE = 0.8  # of the room in the context, that a whole document may take
# Below this cosine and without one common word nothing is near: measured with e5-small, whose cosines begin at 0.7.
LEAST_COSINE = 0.78


@dataclass(frozen=True, slots=True)
class Found:
    """The passages that an answer is made from; `[1]` in it is the first of them."""

    hits: tuple[Hit, ...]
    searched: str  # the question as it was searched for


@dataclass(frozen=True, slots=True)
class Status:
    collection: Collection
    counts: Counts
    failures: tuple[tuple[str, str], ...]
    size_bytes: int  # of the whole database


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to the documents, with the chat before it."""

    request: ChatRequest  # its last message is the question, those before it the chat
    filters: Filters = EVERYTHING
    count: int = PASSAGES

    @property
    def question(self) -> str:
        return self.request.messages[-1].text

    @property
    def history(self) -> tuple[Message, ...]:
        return self.request.messages[:-1]


class Documents:
    def __init__(
        self,
        folder: Path,
        *,
        embedder: Callable[[str | None], Embedder | None],
        reranker: Callable[[], Engine | None] = lambda: None,
        sandbox: bool = True,
        now: Callable[[], str],
        viewer: Callable[[], Viewer] = Viewer,
    ) -> None:
        """
        folder    where all of it is kept
        embedder  gives the model that makes vectors, by its name or else the one that is set; None where it is not
                  here: then words alone decide
        reranker  gives the model that sorts the best passages anew, if there is one
        viewer    gives who asks, at each call: nothing of others is seen
        """
        self.folder, self._embedder, self._reranker, self._now = folder, embedder, reranker, now
        self._viewer = viewer
        self._chats: Callable[[str], Iterable[Paper]] = lambda owner: ()
        self.stage: Stage | None = None  # what indexing does now
        self.problem = ""  # why the last look at the folders failed
        self.index = Index(folder / "index.db")
        self.retriever = Retriever(self.index)
        readers = Reader(sandbox=sandbox), scan_reader(sandbox=sandbox)
        self.indexer = Indexer(self.index, readers[0], lambda: embedder(None), folder / ".lock", readers[1])

    def with_chats(self, chats: Callable[[str], Iterable[Paper]]) -> "Documents":
        """The same, knowing what gives an owner's chats: for collections that they are in."""
        self._chats = chats
        return self

    def close(self) -> None:
        self.index.close()

    def collections(self) -> list[Collection]:
        return self.index.collections(self._viewer())

    def collection(self, name: str) -> Collection:
        """The viewer's own of that name, or one that is shared. Raises NoSuchCollection."""
        return self.index.collection(name, self._viewer())

    def may_change(self, collection: Collection) -> bool:
        return self._viewer().may_change(collection.owner, shared=collection.shared)

    def _own(self, name: str) -> Collection:
        """Raises NotPermitted for what others share, NoSuchCollection."""
        collection = self.collection(name)
        if not self.may_change(collection):
            raise NotPermitted(f"{name} is somebody else's: it can be searched, and not changed")
        return collection

    def add(self, paths: Sequence[str], name: str = DEFAULT_NAME) -> Collection:
        """Adds folders and files to a collection. Nothing is read yet. Raises BadRequest, BadName."""
        if not paths:
            raise BadRequest("no folder and no file was named")
        return self._added(name, [_whole_path(path) for path in paths])

    def _added(self, name: str, paths: Sequence[str]) -> Collection:
        """To the collection of that name that the viewer may change, or else to a new one of the viewer's."""
        known = [c for c in self.collections() if c.name == name and self.may_change(c)]
        owner = known[0].owner if known else self._viewer().owner
        return self.index.add(name, paths, now=self._now(), owner=owner)

    def add_chats(self, name: str) -> Collection:
        """Adds the chats of the collection's owner: those there are, and whichever come. Raises BadName."""
        folder = make_folder(self._written(self._added(name, [])))
        return self._added(name, [os.fspath(folder.resolve())])

    def _write_chats(self) -> None:
        for collection in self.index.collections():
            folder = self._written(collection)
            if os.fspath(folder.resolve()) in collection.roots and not collection.paused:
                write_papers(folder, self._chats(collection.owner))

    def remove(self, name: str) -> Collection:
        """Deletes a collection with everything that was kept of it. The user's files stay. Raises NoSuchCollection."""
        collection = self._own(name)
        self._remove(collection)
        return collection

    def forget(self, owner: str) -> None:
        """Deletes the collections of somebody who is gone, with the files that they sent and their chats."""
        for collection in self.index.collections():
            if collection.owner == owner:
                self._remove(collection)

    def _remove(self, collection: Collection) -> None:
        self.index.remove(collection)
        for folder in (self._sent(collection), self._written(collection)):
            shutil.rmtree(folder, ignore_errors=True)

    def pause(self, name: str, paused: bool) -> None:
        self.index.pause(self._own(name), paused)

    def share(self, name: str, shared: bool) -> None:
        """Lets everybody search a collection, or its owner alone. Raises NotPermitted unless an administrator asks."""
        if not self._viewer().admin:
            raise NotPermitted("only an administrator shares collections with everybody")
        self.index.share(self._own(name), shared)

    def retry(self, name: str) -> int:
        """Has files that could not be read tried again at the next look. Gives how many."""
        return self.index.retry(self._own(name))

    def status(self) -> list[Status]:
        size = sum(p.stat().st_size for p in self.folder.glob("index.db*"))
        return [Status(c, self.index.counts(c), tuple(self.index.failures(c)), size) for c in self.collections()]

    def files(self, name: str, *, state: str = "", after: int = 0, count: int = 100) -> list[FileState]:
        """A collection's files, one by one; `after` is the id of the last one that is known."""
        return self.index.list_files(self.collection(name), state=state, after=after, count=count)

    def keep(self, name: str, file: str, content: bytes | Path) -> Path:
        """Takes a file that was sent into a collection. The name is one that the caller has checked."""
        collection = self._added(name, [])
        folder = make_folder(self._sent(collection))
        if isinstance(content, Path):
            with disk_errors(folder):
                content.replace(folder / file)
        else:
            write_atomically(folder / file, content)
        self._added(name, [os.fspath(folder.resolve())])
        return folder / file

    def drop(self, name: str, file: str) -> None:
        """Removes a file that was sent. Raises NoSuchFile."""
        collection = self._own(name)
        path = self._sent(collection).resolve() / file
        known = self.index.files(collection).get(os.fspath(path))
        if known is None and not path.is_file():
            raise NoSuchFile(f"no such file was sent: {file[:120]}")
        path.unlink(missing_ok=True)
        self.index.update(collection, gone=[known.id] if known else [])

    def _sent(self, collection: Collection) -> Path:
        """Where the files of a collection are kept that were sent over the API."""
        return self.folder / "files" / str(collection.id)

    def _written(self, collection: Collection) -> Path:
        """Where chats are written, if they are in the collection."""
        return self.folder / "chats" / str(collection.id)

    async def refresh(self, *, on_stage: OnStage = quiet) -> bool:
        """Brings all collections up to date with the folders. Gives whether there was anything to do."""

        def note(stage: Stage) -> None:
            self.stage = stage
            on_stage(stage)

        try:
            await asyncio.to_thread(self._write_chats)
            return await self.indexer.run(on_stage=note)
        finally:
            self.stage = None

    async def watch(self, seconds: float) -> None:
        """Looks at the folders every so often until it is cancelled, less often where a look takes long.

        What goes wrong is noted and tried again.
        """
        while True:
            start = time.monotonic()
            try:
                worked = await self.refresh()
                self.problem = ""
                wait = seconds if worked else max(seconds, (time.monotonic() - start) / LOOK_SHARE)
            except DomovError as error:
                self.problem, wait = error.message, max(seconds, AFTER_ERROR_SECONDS)
            await asyncio.sleep(wait)

    async def search(self, question: str, *, count: int = 10, filters: Filters = EVERYTHING) -> list[Hit]:
        """The passages nearest to a question, best first. Raises NoSuchCollection, BadRequest."""
        if not question.strip():
            raise BadRequest("there is nothing to look for")
        filters = self._seen(filters)
        vector = await self._vector(question)
        reranker = self._reranker()
        wanted = max(count, RERANKED) if reranker else count
        hits = await asyncio.to_thread(self.retriever.find, question, vector, count=wanted, filters=filters)
        return await reranked(reranker, question, hits, count) if reranker else hits[:count]

    def _seen(self, filters: Filters) -> Filters:
        """The same in what the viewer may see. Raises NoSuchCollection."""
        named = [self.collection(name) for name in filters.collections] or self.collections()
        return replace(filters, collections=(), within=tuple(c.id for c in named))

    async def _vector(self, question: str) -> tuple[float, ...] | None:
        """The question's vector by the model whose vectors serve; None where that is not here."""
        serving = self.index.serving()
        embedder = self._embedder(serving[1]) if serving else None
        return await embedder.query(question) if embedder and serving and embedder.digest == serving[2] else None

    async def ask(self, engine: Engine, asked: Asked) -> AsyncIterator[Found | Event | Checked]:
        """First what was found, then the answer as it is made, then what is known of it.

        Where nothing is near the question, no model is asked: the answer says that the documents do not tell.
        """
        searched = await self._standalone(engine, asked)
        hits = await self.search(searched, count=asked.count, filters=asked.filters)
        if not any(_near(hit) for hit in hits):
            yield Found((), searched)
            yield TextDelta(not_found_words(asked.question))
            yield Done("stop", Usage(0, 0))
            yield Checked(False, ())
            return
        context_tokens = (await engine.start()).context_tokens
        taken = sum(len(m.text) for m in asked.history) + len(asked.question)
        hits = self._whole(hits, asked.filters, room=WHOLE_SHARE * characters_for(context_tokens, taken))
        hits = fitting(hits, context_tokens=context_tokens, taken_characters=taken)
        yield Found(tuple(hits), searched)
        messages = messages_for(asked.question, hits, asked.history)
        # private: no saved state may hold passages, or a collection that is deleted would not be gone
        request = replace(asked.request, messages=messages, private=True)
        text = ""
        async with aclosing(engine.stream(request)) as events:  # type: ignore[type-var]
            async for event in events:
                text += event.text if isinstance(event, TextDelta) else ""
                yield event
        yield checked(text, hits)

    async def _standalone(self, engine: Engine, asked: Asked) -> str:
        """A follow-up question as one that can be searched for without the chat before it."""
        if not any(m.role == "user" for m in asked.history):
            return asked.question
        text = ""
        async with aclosing(engine.stream(rewriting(asked.request.model, asked.question, asked.history))) as events:  # type: ignore[type-var]
            async for event in events:
                text += event.text if isinstance(event, TextDelta) else ""
        return rewritten(text, asked.question)

    def _whole(self, hits: list[Hit], filters: Filters, *, room: float) -> list[Hit]:
        """The whole document in its order where all that was found is of one, and it fits."""
        if len({hit.content for hit in hits}) > 1:
            return hits
        document = self.retriever.document(hits[0], self._seen(filters), most_characters=room)
        if not document or sum(len(hit.text) + 150 for hit in document) > room:
            return hits
        known = {hit.passage: hit for hit in hits}
        return [known.get(hit.passage, hit) for hit in document]

    def passage(self, number: int, *, neighbours: int = 1, filters: Filters = EVERYTHING) -> list[Hit]:
        """A passage with those around it in its document. Raises NoSuchPassage, also for one that is filtered out."""
        filters = self._seen(filters)
        return self.retriever.neighbours(self.retriever.passage(number, filters), neighbours, filters)


def _near(hit: Hit) -> bool:
    return bool({"words", "names"} & hit.ranks.keys()) or (hit.cosine or 0.0) >= LEAST_COSINE


def _whole_path(text: str) -> str:
    """The path with its links resolved: below it none is followed. Raises BadRequest for what is not there."""
    with contextlib.suppress(OSError, RuntimeError, ValueError):
        path = Path(text).expanduser().resolve(strict=True)
        if path.is_dir() or path.is_file():
            return os.fspath(path)
    raise BadRequest(f"no such folder or file: {text[:200]}")


def filters(
    *, collections: Sequence[str] = (), folder: str = "", kinds: Sequence[str] = (), since: str = "", until: str = ""
) -> Filters:
    """Raises BadRequest for a kind that no reader has, or a day that is none."""
    for kind in kinds:
        if kind not in READERS:
            raise BadRequest(f"no such kind of file: {kind[:60]}", hint=f"the kinds are: {', '.join(READERS)}")
    for day in filter(None, (since, until)):
        try:
            date.fromisoformat(day)
        except ValueError as error:
            raise BadRequest(f"no such day: {day[:60]}", hint="days look like 2026-01-31") from error
    return Filters(tuple(collections), folder, tuple(kinds), since, until)


def reference(hit: Hit) -> dict[str, Any]:
    """A passage as JSON tells it: where it is from, why it was found, and its text."""
    table = asdict(hit)
    del table["content"], table["place"]
    return {**table, "path": sayable(hit.path), "file": sayable(os.path.basename(hit.path)), "ranks": dict(hit.ranks)}


def state(status: Status) -> dict[str, Any]:
    """A collection as JSON tells it: how far it is, and what could not be read."""
    return {
        "name": status.collection.name,
        "shared": status.collection.shared,
        "paused": status.collection.paused,
        "roots": [sayable(path) for path in status.collection.roots],
        **asdict(status.counts),
        "failures": [{"path": sayable(path), "reason": reason} for path, reason in status.failures],
    }


def file_row(file: FileState) -> dict[str, Any]:
    """A file of a collection as JSON tells it."""
    return {**asdict(file), "path": sayable(file.path), "file": sayable(os.path.basename(file.path))}


def sayable(path: str) -> str:
    """A path that can be printed and sent, whatever bytes it has."""
    return path.encode("utf-8", "replace").decode()
