"""What the clients of a soak ask for, and how they behave: each kind is a row."""

import asyncio
import contextlib
import random
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from benchmarks.texts import STORY, document

PATIENCE_SECONDS = 120.0
SIP_BYTES = 4096
WEATHER = {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}


@dataclass(frozen=True, slots=True)
class Sent:
    path: str
    body: Any
    leaves_seconds: float | None = None  # after so long, whatever has come; None: stays to the end
    leaves_bytes: int | None = None  # after so much of the answer
    rest_seconds: float = 0.0  # between two sips of the answer
    also: frozenset[int] = field(default_factory=frozenset)  # other statuses that are right


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    content: bytes

    @property
    def whole(self) -> bool:
        """Whether a stream said how it ended."""
        streamed = b"text/event-stream" in self.content[:2000].lower()
        return not streamed or b"data: [DONE]" in self.content or b'"error"' in self.content


Kind = Callable[[random.Random], Sent]


def _chat(chance: random.Random, *, words: int = 8, tokens: int = 20, **more: Any) -> Sent:
    body = {
        "model": chance.choice(("one", "one", "two")),
        "messages": [{"role": "user", "content": document(chance.randrange(20), words=words)}],
        "max_tokens": tokens,
        "stream": chance.random() < 0.5,
        **more,
    }
    return Sent("/v1/chat/completions", body)


def _completion(chance: random.Random, **more: Any) -> Sent:
    prompt = document(chance.randrange(20), words=20)
    return Sent("/v1/completions", {"model": "one", "prompt": prompt, "max_tokens": 12, **more})


def _leaves_in_an_answer(chance: random.Random) -> Sent:
    story = [{"role": "user", "content": STORY}]
    sent = _chat(chance, tokens=300, stream=True, messages=story, ignore_eos=True)
    return replace(sent, leaves_bytes=chance.randrange(1, 6000))


def _leaves_early(chance: random.Random) -> Sent:
    return replace(_chat(chance, words=600, tokens=50), leaves_seconds=chance.random() * 1.5)


def _reads_slowly(chance: random.Random) -> Sent:
    return replace(_chat(chance, tokens=150, stream=True, logprobs=True, top_logprobs=20), rest_seconds=0.05)


def _nonsense(chance: random.Random) -> Sent:
    bodies: list[Any] = [
        {"model": "one"},
        {"model": "nobody", "messages": [{"role": "user", "content": "x"}]},
        {"model": "one", "messages": [{"role": "user", "content": "x"}], "temperature": -1},
        {"model": "one", "messages": [{"role": "user", "content": "x"}], "grammar": "root ::= ("},
        {"model": "encoder", "messages": [{"role": "user", "content": "x"}]},
        {"model": "one", "messages": [{"role": "user", "content": document(1, words=3000)}]},
        [],
    ]
    return Sent("/v1/chat/completions", chance.choice(bodies), also=frozenset({400, 404}))


def _tool(chance: random.Random) -> Sent:
    tools = [{"type": "function", "function": WEATHER}]
    return _chat(chance, tokens=40, tools=tools, tool_choice="required")


def _embedding(chance: random.Random) -> Sent:
    return Sent("/v1/embeddings", {"model": "encoder", "input": ["the house by the sea", "red apple"] * 4})


KINDS: Mapping[str, Kind] = {
    "short chat": _chat,
    "long chat": lambda chance: _chat(chance, words=500, tokens=30),
    "several answers": lambda chance: _chat(chance, n=3, tokens=8),
    "batch": lambda chance: _chat(chance, priority="batch"),
    "completion": _completion,
    "banned texts": lambda chance: _chat(chance, banned_strings=["the", " a"], tokens=15),
    "log-probabilities": lambda chance: _chat(chance, logprobs=True, top_logprobs=5),
    "forced tool": _tool,
    "embedding": _embedding,
    "goes at once": lambda chance: _chat(chance, model="two", keep_alive=0),
    "leaves in an answer": _leaves_in_an_answer,
    "leaves early": _leaves_early,
    "reads slowly": _reads_slowly,
    "nonsense": _nonsense,
    "unload": lambda chance: Sent("/api/domov/unload", {"model": chance.choice(("two", "encoder"))}),
}


def request_of(kind: str, chance: random.Random) -> Sent:
    return KINDS[kind](chance)


async def post(port: int, sent: Sent) -> Answered | None:
    """The answer, headers included; None for a client that left before its end. Raises OSError."""
    content = orjson.dumps(sent.body)
    head = (
        f"POST {sent.path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    )
    reader, writer = await _connect(port)
    try:
        writer.write(head.encode() + content)
        received = await asyncio.wait_for(_read(reader, sent), sent.leaves_seconds or PATIENCE_SECONDS)
    except TimeoutError:
        if sent.leaves_seconds is None:
            raise OSError(f"no end of an answer after {PATIENCE_SECONDS:.0f} s") from None
        received = None
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    if received is None:
        return None
    return Answered(int(received.split(b" ", 2)[1]) if b" " in received else 0, received)


async def _connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """With small buffers, so that the server feels it when a client reads slowly."""
    channel = socket.socket()
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SIP_BYTES)
    channel.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(channel, ("127.0.0.1", port))
        return await asyncio.open_connection(sock=channel, limit=SIP_BYTES)
    except BaseException:
        channel.close()
        raise


async def _read(reader: asyncio.StreamReader, sent: Sent) -> bytes | None:
    received = b""
    while part := await reader.read(SIP_BYTES):
        received += part
        if sent.leaves_bytes is not None and len(received) >= sent.leaves_bytes:
            return None
        if sent.rest_seconds:
            await asyncio.sleep(sent.rest_seconds)
    return received
