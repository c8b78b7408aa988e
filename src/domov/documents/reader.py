"""The process that reads files: `python -m domov.documents.reader`. It gets bytes and gives text, and can do no more.

It opens no file, no socket and starts no program (Linux; the walls are the engine's), and has limits of memory. A bomb
or a crash ends this process and costs the one file that it was reading.

A request is a line of JSON and then the bytes; an answer is a line with its length, then JSON. One that is started with
`scans` recognises text in pictures, and does nothing else.
"""

import contextlib
import gc
import importlib
import os
import sys
import sysconfig
from dataclasses import asdict
from typing import Any, cast

import orjson

from domov.documents.blocks import Parsed
from domov.documents.failures import Scanned, Unreadable
from domov.documents.kinds import READERS, SCANS
from domov.engine.sandbox import confine, die_with_parent

MEMORY_BYTES = 3 << 30  # of address space, libraries included
MOST_CHARACTERS = 32 << 20
LIBRARIES = (
    "/usr",
    "/lib",
    "/lib64",
    "/opt",
    "/etc/ld.so.cache",
    "/dev/urandom",
    "/dev/zero",
    "/proc/self",
    "/proc/meminfo",
)


def main() -> None:
    parent, walls = int(sys.argv[1]), sys.argv[2] == "sandbox"
    die_with_parent(parent)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    if "scans" in sys.argv[3:]:
        importlib.import_module("domov.documents.readers.scan").prepare()
    else:
        _preload()
    limit()
    if walls:
        wall()
    gc.freeze()  # what is loaded stays: no collection has to look at it
    for line in sys.stdin.buffer:
        request = orjson.loads(line)
        content = sys.stdin.buffer.read(request["bytes"])
        answer = orjson.dumps(_answer(request["kind"], content, request["name"]))
        answers.write(b"%d\n" % len(answer) + answer)
        answers.flush()
        del content, answer


def _answer(kind: str, content: bytes, name: str) -> dict[str, Any]:
    try:
        return _told(read(kind, content, name))
    except Unreadable as error:
        return {"failed": error.reason, "scanned": isinstance(error, Scanned)}
    except MemoryError:
        return {"failed": "it takes more memory than a reader may have"}
    except RecursionError:
        return {"failed": "it is nested too deeply"}


def _told(parsed: Parsed) -> dict[str, Any]:
    characters = sum(len(block.text) for block in parsed.blocks)
    if characters > MOST_CHARACTERS:
        raise Unreadable(f"its text has {characters} characters, {MOST_CHARACTERS} are read")
    return cast(dict[str, Any], _sayable(asdict(parsed)))


def _sayable(value: Any) -> Any:
    """The value with halves of characters, which no file or database takes, replaced."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {key: _sayable(child) for key, child in value.items()}
    return [_sayable(child) for child in value] if isinstance(value, list | tuple) else value


def read(kind: str, content: bytes, name: str) -> Parsed:
    """What the reader of that kind makes of the bytes. Raises Unreadable."""
    spelling = SCANS[1] if kind == SCANS[0] else READERS[kind][0]
    module, _, function = spelling.partition(":")
    parsed = getattr(importlib.import_module(f"domov.documents.readers.{module}"), function)(content, name)
    assert isinstance(parsed, Parsed)
    return parsed


def wall() -> None:
    """From here on this process can open nothing but libraries."""
    own = [sys.prefix, sys.base_prefix, sysconfig.get_paths()["purelib"], sysconfig.get_paths()["platlib"]]
    confine(readable=[*LIBRARIES, *own], writable=["/dev/null"], programs=False)


def limit() -> None:
    """Memory as far as a reader needs it; no file of any size, no image of a crash."""
    if sys.platform != "win32":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS has the name, not always the limit
            resource.setrlimit(resource.RLIMIT_AS, (most, hard))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _preload() -> None:
    """What readers import while they read: before the walls, as Python looks for modules in many places."""
    sys.modules["numpy"] = None  # type: ignore[assignment]  # openpyxl would load it, and does without
    for library in ("openpyxl", "pypdfium2"):
        importlib.import_module(library)
    for spelling in {row[0] for row in READERS.values()}:
        importlib.import_module(f"domov.documents.readers.{spelling.partition(':')[0]}")


if __name__ == "__main__":
    main()
