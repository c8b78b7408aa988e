"""A client that costs little and the same for whoever answers: a socket, lines of bytes, a clock.

What the lines say is read after the answer has ended.
"""

import http.client
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

PATIENCE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Address:
    """Of a server that speaks OpenAI's chat completions; `url` may be `unix:PATH`, a worker's socket."""

    url: str
    model: str
    key: str = ""

    def connect(self) -> http.client.HTTPConnection:
        if self.url.startswith("unix:"):
            return _Local(self.url.removeprefix("unix:"))
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        return kind(parts.hostname or "", parts.port, timeout=PATIENCE_SECONDS)

    @property
    def path(self) -> str:
        base = "/v1" if self.url.startswith("unix:") else urlsplit(self.url).path.rstrip("/")
        return f"{base}/chat/completions"


class _Local(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("127.0.0.1", timeout=PATIENCE_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


@dataclass(frozen=True, slots=True)
class Question:
    user: str
    tokens: int  # of the answer, at most
    system: str = ""

    def body(self, model: str) -> bytes:
        system = [{"role": "system", "content": self.system}] if self.system else []
        return orjson.dumps(
            {
                "model": model,
                "messages": [*system, {"role": "user", "content": self.user}],
                "max_tokens": self.tokens,
                "temperature": 0,
                "stream": True,
                "stream_options": {"include_usage": True},
            }
        )


@dataclass(frozen=True, slots=True)
class Answer:
    text: str
    prompt_tokens: int
    answer_tokens: int
    first_token_seconds: float
    decoding_seconds: float  # from the first token to the last

    @property
    def decoding_speed(self) -> float:
        """Tokens a second. The first one is the prompt's work."""
        assert self.answer_tokens > 1 and self.decoding_seconds > 0, f"an answer of {self.answer_tokens} tokens"
        return (self.answer_tokens - 1) / self.decoding_seconds

    @property
    def prompt_speed(self) -> float:
        """Prompt tokens for each second until the first token of the answer."""
        return self.prompt_tokens / self.first_token_seconds


def ask(address: Address, question: Question) -> Answer:
    """One streamed answer, of at least one word."""
    return read_answer(exchange(address, question))


def exchange(address: Address, question: Question) -> list[tuple[float, bytes]]:
    """The lines of an answer, each with the seconds since the question was sent."""
    connection = address.connect()
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {address.key}"} if address.key else {})
    start = time.perf_counter()
    connection.request("POST", address.path, question.body(address.model), headers)
    response = connection.getresponse()
    lines = [(time.perf_counter() - start, line) for line in response if len(line) > 2]
    connection.close()
    assert response.status == 200, f"status {response.status}: {b''.join(line for _, line in lines)[:300]!r}"
    return lines


def read_answer(lines: Sequence[tuple[float, bytes]]) -> Answer:
    """What the lines of a stream say."""
    texts: list[tuple[float, str]] = []
    usage: dict[str, Any] = {}
    for moment, line in lines:
        chunk = orjson.loads(line[6:]) if line.startswith(b"data: {") else {}
        assert "error" not in chunk, chunk
        usage = chunk.get("usage") or usage
        for choice in chunk.get("choices", ()):
            delta = choice.get("delta", {})
            if text := (delta.get("content") or delta.get("reasoning_content")):
                texts.append((moment, text))
    assert texts, "an answer without a word"
    first, last = texts[0][0], texts[-1][0]
    return Answer(
        text="".join(text for _, text in texts),
        prompt_tokens=usage.get("prompt_tokens", 0),
        answer_tokens=usage.get("completion_tokens", len(texts)),
        first_token_seconds=first,
        decoding_seconds=last - first,
    )


def ask_at_once(address: Address, questions: Sequence[Question]) -> tuple[list[Answer], float]:
    """The answers to all, asked at the same time, and the seconds until the last one had ended."""
    start = time.perf_counter()
    ask_one: Callable[[Question], Answer] = lambda question: ask(address, question)  # noqa: E731
    with ThreadPoolExecutor(len(questions)) as pool:
        answers = list(pool.map(ask_one, questions))
    return answers, time.perf_counter() - start
