"""Files read by a process of their own, seen from the gateway: asked, waited for, ended when it takes too long."""

import asyncio
import contextlib
import importlib.util
import os
import sys
from dataclasses import dataclass, field
from typing import Any, cast

import orjson

from domov.documents.blocks import Block, Kind, Parsed
from domov.documents.failures import Scanned, Unreadable
from domov.engine.process import PASSED_ON, ending

COMMAND = (sys.executable, "-P", "-m", "domov.documents.reader")
SECONDS, SECONDS_A_MEGABYTE = 30.0, 2.0
SCAN_SECONDS, SCAN_SECONDS_A_MEGABYTE = 600.0, 120.0
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # walls hold for the thread that puts them up
MOST_FILES = 500  # then a new process: what libraries leak goes with the old one
MOST_ANSWER_BYTES = 512 << 20


@dataclass
class Reader:
    """One process that reads one file after the other; a new one after each crash. Raises Unreadable, Scanned.

    scans  whether it is one that recognises text in pictures
    """

    sandbox: bool = True
    seconds: float = SECONDS
    scans: bool = False
    _process: asyncio.subprocess.Process | None = field(default=None, init=False)
    _read: int = field(default=0, init=False)

    async def read(self, kind: str, content: bytes, name: str) -> Parsed:
        seconds = self.seconds + (SCAN_SECONDS_A_MEGABYTE if self.scans else SECONDS_A_MEGABYTE) * len(content) / 1e6
        process = await self._started()
        try:
            answer = await asyncio.wait_for(_ask(process, kind, content, name), seconds)
        except TimeoutError as error:
            await self.close()
            raise Unreadable(f"reading it took longer than {seconds:.0f} s") from error
        except (OSError, ValueError, asyncio.IncompleteReadError) as error:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 5)
            why = ending(process.returncode)
            await self.close()
            raise Unreadable(f"its reader could not go on: {why}") from error
        except BaseException:
            await self.close()
            raise
        return _parsed(answer)

    async def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _started(self) -> asyncio.subprocess.Process:
        self._read += 1
        if self._process is not None and (self._process.returncode is not None or self._read > MOST_FILES):
            await self.close()
        if self._process is None:
            self._read = 1
            self._process = await asyncio.create_subprocess_exec(
                *COMMAND,
                str(os.getpid()),
                "sandbox" if self.sandbox else "open",
                *(["scans"] if self.scans else []),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={key: value for key, value in os.environ.items() if PASSED_ON.fullmatch(key)} | ONE_THREAD,
                start_new_session=sys.platform != "win32",
            )
        return self._process


async def _ask(process: asyncio.subprocess.Process, kind: str, content: bytes, name: str) -> dict[str, Any]:
    assert process.stdin and process.stdout
    shown = name.encode("utf-8", "replace").decode()
    process.stdin.write(orjson.dumps({"kind": kind, "name": shown, "bytes": len(content)}) + b"\n")
    process.stdin.write(content)
    await process.stdin.drain()
    length = int(await process.stdout.readline())
    if length > MOST_ANSWER_BYTES:
        raise ValueError("an answer without end")
    return cast(dict[str, Any], orjson.loads(await process.stdout.readexactly(length)))


def _parsed(answer: dict[str, Any]) -> Parsed:
    if "failed" in answer:
        failure = Scanned if answer.get("scanned") else Unreadable
        raise failure(str(answer["failed"])[:300])
    blocks = tuple(
        Block(b["text"], cast(Kind, b["kind"]), tuple(b["titles"]), b["page"], b["line"], b["last_line"])
        for b in answer["blocks"]
    )
    return Parsed(blocks, answer["title"], answer["author"], answer["date"])


def scan_reader(*, sandbox: bool = True) -> Reader | None:
    """What reads scans, where the extra for it is installed."""
    if importlib.util.find_spec("rapidocr") is None or importlib.util.find_spec("onnxruntime") is None:
        return None
    return Reader(sandbox=sandbox, seconds=SCAN_SECONDS, scans=True)
