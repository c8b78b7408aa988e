"""Folders into the index: look, read what is new, embed what has no vector. Killed at any moment it goes on from there.

One process indexes at a time. Text is found by words as soon as it is read, by meaning as soon as
it is embedded.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from domov.documents.blocks import Parsed
from domov.documents.chunks import passages_of
from domov.documents.embedding import Embedder
from domov.documents.failures import Scanned, Unreadable
from domov.documents.index import Collection, Index, Known
from domov.documents.kinds import SCANS, VERSION, kind_of
from domov.documents.reading import Reader
from domov.documents.usual_questions import QUESTIONS
from domov.documents.vectors import packed
from domov.documents.walking import NoEntry, Seen, read_bytes, walk

BATCH_FILES, BATCH_BYTES = 20, 8 << 20
BATCH_PASSAGES = 32
POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Stage:
    """How far indexing is. `left` counts files or passages; the seconds are a guess from the speed so far."""

    step: str  # looking, reading or embedding
    done: int
    left: int
    seconds_left: float | None = None
    name: str = ""


OnStage = Callable[[Stage], None]


def quiet(stage: Stage) -> None:
    """For those who do not want to know."""


@dataclass
class Indexer:
    """
    open_embedder  gives the model for the vectors; None where it is not here
    lock           the file that keeps other processes from indexing the same database
    """

    index: Index
    reader: Reader
    open_embedder: Callable[[], Embedder | None]
    lock: Path
    scans: Reader | None = None  # what reads scans, where that is installed
    _alone: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def run(self, *, on_stage: OnStage = quiet) -> bool:
        """Brings everything up to date that is not paused. Gives whether there was anything to read or to embed.

        Raises DiskFull, and what the engine raises.
        """
        async with self._turn(on_stage):
            for collection in self.index.collections():
                if not collection.paused:
                    on_stage(Stage("looking", 0, 0, name=collection.name))
                    await asyncio.to_thread(look_at, self.index, collection)
            read = await self._read(on_stage)
            return await self._embed(on_stage) or read

    @asynccontextmanager
    async def _turn(self, on_stage: OnStage) -> AsyncIterator[None]:
        """Waits until nobody else indexes."""
        async with self._alone:
            lock = FileLock(self.lock)
            while not _taken(lock):
                on_stage(Stage("waiting for another domov that is indexing", 0, 0))
                await asyncio.sleep(POLL_SECONDS)
            try:
                yield
            finally:
                lock.release()

    async def _read(self, on_stage: OnStage) -> bool:
        pace = _Pace()
        try:
            while files := await asyncio.to_thread(self.index.next_waiting, BATCH_FILES):
                left = await asyncio.to_thread(self.index.waiting_files)
                for batch in _small_enough(files):
                    on_stage(Stage("reading", pace.done, left, pace.seconds(left), Path(batch[0].path).name))
                    await self._read_files(batch)
                    pace.done, left = pace.done + len(batch), left - len(batch)
        finally:
            await self.reader.close()
            if self.scans is not None:
                await self.scans.close()
        return bool(pace.done)

    async def _read_files(self, files: Sequence[Known]) -> None:
        """Some files from waiting to read or failed: those with known content only linked to it."""
        results: list[tuple[_Opened, Parsed | str]] = []
        for opened in await asyncio.to_thread(self._open, files):
            try:
                parsed = await self._parsed(opened)
                results.append((opened, parsed if parsed.blocks else "it holds no text"))
            except Unreadable as error:
                results.append((opened, error.reason))
        await asyncio.to_thread(self._keep, results)

    async def _parsed(self, opened: "_Opened") -> Parsed:
        """Raises Unreadable."""
        name = Path(opened.file.path).name
        try:
            return await self.reader.read(opened.kind, opened.content, name)
        except Scanned:
            if self.scans is None:
                raise
            return await self.scans.read(SCANS[0], opened.content, name)

    def _open(self, files: Sequence[Known]) -> list["_Opened"]:
        """The files that have to be parsed, with their bytes."""
        found = []
        for file in files:
            kind = kind_of(Path(file.path).name) or "text"
            try:
                content = read_bytes(file.path)
                digest = f"{hashlib.sha256(content).hexdigest()}:{kind}:{VERSION}"
                if not content.strip():
                    raise Unreadable("it is empty")
                if not self.index.link(file, digest):
                    found.append(_Opened(file, kind, content, digest))
            except Unreadable as error:
                self.index.note_failed(file, error.reason)
        return found

    def _keep(self, results: Sequence[tuple["_Opened", Parsed | str]]) -> None:
        for opened, parsed in results:
            if isinstance(parsed, str):
                self.index.note_failed(opened.file, parsed)
            elif not self.index.link(opened.file, opened.digest):  # another of these files may be the same
                self.index.store(opened.file, opened.digest, opened.kind, parsed, passages_of(parsed))

    async def _embed(self, on_stage: OnStage) -> bool:
        if not await asyncio.to_thread(self.index.has_passages):
            return False
        embedder = self.open_embedder()
        if embedder is None:
            return False
        model = await self._model(embedder)
        pace, after = _Pace(), 0
        while batch := await asyncio.to_thread(self.index.without_vector, model, BATCH_PASSAGES, after=after):
            left = await asyncio.to_thread(self.index.missing_vectors, model)
            on_stage(Stage("embedding", pace.done, left, pace.seconds(left)))
            vectors = await embedder.passages([text for _, text in batch])
            rows = [(number, packed(vector)) for (number, _), vector in zip(batch, vectors, strict=True)]
            await asyncio.to_thread(self.index.add_vectors, model, rows)
            pace.done, after = pace.done + len(batch), batch[-1][0]
        await asyncio.to_thread(self.index.serve, model)
        return bool(pace.done)

    async def _model(self, embedder: Embedder) -> int:
        """The number of the model, with what its questions have in common made known."""
        model = self.index.model_of(embedder.digest)
        if model is None or self.index.questions(model) is None:
            vectors = [await embedder.query(question) for question in QUESTIONS]
            mean = [sum(values) / len(vectors) for values in zip(*vectors, strict=True)]
            model = self.index.use_model(embedder.model, embedder.digest, len(mean))
            self.index.keep_questions(model, mean)
        return self.index.use_model(embedder.model, embedder.digest, 0)


@dataclass(frozen=True, slots=True)
class _Opened:
    file: Known
    kind: str
    content: bytes
    digest: str


def _small_enough(files: Sequence[Known]) -> Iterator[list[Known]]:
    """The files in batches that fit into memory."""
    batch: list[Known] = []
    for file in files:
        if batch and sum(f.size_bytes for f in batch) + file.size_bytes > BATCH_BYTES:
            yield batch
            batch = []
        batch.append(file)
    if batch:
        yield batch


class _Pace:
    def __init__(self) -> None:
        self.done, self._start = 0, time.monotonic()

    def seconds(self, left: int) -> float | None:
        return left * (time.monotonic() - self._start) / self.done if self.done else None


def _taken(lock: FileLock) -> bool:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True


def look_at(index: Index, collection: Collection) -> None:
    """Compares a collection's folders with what is known of them. Files below what can't be seen now stay known."""
    known = index.files(collection)
    seen: dict[str, Seen] = {}
    problems: list[tuple[str, str]] = []
    for root in collection.roots:
        for entry in walk(Path(root)):
            if isinstance(entry, NoEntry):
                problems.append((entry.path, entry.reason))
            else:
                seen[entry.path] = entry
    unseen = tuple(path.rstrip("/") for path, _ in problems)
    gone = [f for path, f in known.items() if path not in seen and not _below(path, unseen)]
    new = [s for path, s in seen.items() if path not in known]
    moved, new, gone = _moves(new, gone)
    changed = [s for path, s in seen.items() if path in known and _differs(known[path], s)]
    index.note_problems(collection, problems)
    if new or changed or moved or gone:
        index.update(collection, new=[*new, *changed], moved=moved, gone=[f.id for f in gone])


def _below(path: str, folders: tuple[str, ...]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def _differs(known: Known, seen: Seen) -> bool:
    return (known.size_bytes, known.modified_ns) != (seen.size_bytes, seen.modified_ns)


def _moves(new: list[Seen], gone: list[Known]) -> tuple[list[tuple[int, Seen]], list[Seen], list[Known]]:
    """Files that are gone from one place and turn up, untouched, at another; and what is really new and gone."""
    by_inode = {(f.inode, f.size_bytes, f.modified_ns): f for f in gone if f.state == "read"}
    moved, fresh, left = [], [], {f.id: f for f in gone}
    for seen in new:
        file = by_inode.pop((seen.inode, seen.size_bytes, seen.modified_ns), None)
        if file is not None and kind_of(file.path) == kind_of(seen.path):
            moved.append((file.id, seen))
            del left[file.id]
        else:
            fresh.append(seen)
    return moved, fresh, list(left.values())
