"""Every dialect beside the worker itself, which speaks llama.cpp's own: `make bench-dialects`.

Both are asked the same in turn, by one client; the answers are as long. Then 100 streams at once.
"""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import orjson

from benchmarks.client import Address
from benchmarks.engine import STARTER
from benchmarks.servers import MODEL, Gateway, gateway, home_of
from benchmarks.table import Row, Wanted, as_text, compared
from benchmarks.texts import STORY
from benchmarks.turns import compare, in_turn
from domov import app

TOKENS, ROUNDS, STREAMS = 128, 7, 100
SHARE, LATER_SECONDS = 0.95, 0.030
MESSAGES = [{"role": "user", "content": STORY}]


@dataclass(frozen=True, slots=True)
class Dialect:
    name: str
    path: str
    body: dict[str, Any]  # without the length of the answer
    length: tuple[str, ...]  # where that stands
    text: Callable[[dict[str, Any]], str]  # of one event


def _anthropic(event: dict[str, Any]) -> str:
    return str((event.get("delta") or {}).get("text", ""))


def _openai(event: dict[str, Any]) -> str:
    return "".join((choice.get("delta") or {}).get("content") or "" for choice in event.get("choices", ()))


CHAT = {"model": MODEL, "messages": MESSAGES, "stream": True, "temperature": 0}
DIALECTS = (
    Dialect("OpenAI, chat", "/v1/chat/completions", CHAT, ("max_tokens",), _openai),
    Dialect(
        "OpenAI, responses",
        "/v1/responses",
        {"model": MODEL, "input": STORY, "stream": True, "store": False, "temperature": 0},
        ("max_output_tokens",),
        lambda e: e["delta"] if e.get("type") == "response.output_text.delta" else "",
    ),
    Dialect("Anthropic", "/v1/messages", CHAT, ("max_tokens",), _anthropic),
    Dialect(
        "Ollama",
        "/api/chat",
        {"model": MODEL, "messages": MESSAGES, "options": {"temperature": 0}},
        ("options", "num_predict"),
        lambda e: str(e["message"]["content"]),
    ),
    Dialect(
        "KoboldCpp",
        "/api/extra/generate/stream",
        {"model": MODEL, "prompt": STORY, "temperature": 0, "use_default_badwordsids": True},  # no end of its own
        ("max_length",),
        lambda e: str(e["token"]),
    ),
    Dialect(
        "LM Studio",
        "/api/v1/chat",
        {"model": MODEL, "input": STORY, "stream": True, "store": False, "temperature": 0},
        ("max_output_tokens",),
        lambda e: e["content"] if e.get("type") == "message.delta" else "",
    ),
)


@dataclass(frozen=True, slots=True)
class Heard:
    first_seconds: float
    speed: float  # tokens a second, from the first word to the last


def hear(address: Address, dialect: Dialect, *, tokens: int) -> Heard:
    """One streamed answer of so many tokens."""
    body = orjson.loads(orjson.dumps(dialect.body))
    *way, last = dialect.length
    inner = body
    for key in way:
        inner = inner[key]
    inner[last] = tokens
    with contextlib.closing(address.connect()) as connection:
        start = time.perf_counter()
        connection.request("POST", dialect.path, orjson.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        lines = [(time.perf_counter() - start, line) for line in response]
    assert response.status == 200, f"{dialect.name}: {response.status} {b''.join(line for _, line in lines)[:300]!r}"
    events = [(at, line[line.index(b"{") :]) for at, line in lines if line.startswith((b"data: {", b"{"))]
    moments = [at for at, event in events if dialect.text(orjson.loads(event))]
    assert moments, f"{dialect.name}: an answer without a word"
    return Heard(moments[0], (tokens - 1) / max(1e-9, moments[-1] - moments[0]))


def beside_the_worker(server: Gateway, dialect: Dialect, *, tokens: int, rounds: int) -> tuple[Row, Row]:
    whole = Address(server.address.url.removesuffix("/v1"), MODEL)
    ours, theirs = in_turn(
        lambda: hear(whole, dialect, tokens=tokens), lambda: hear(server.worker, DIALECTS[0], tokens=tokens), rounds
    )
    later = sorted(a.first_seconds - b.first_seconds for a, b in zip(ours, theirs, strict=True))[len(ours) // 2]
    speeds = compare([a.speed for a in ours], [b.speed for b in theirs])
    return (
        compared(f"{dialect.name}: decoding", Wanted(SHARE), speeds),
        Row(f"{dialect.name}: first word later", Wanted(1000 * LATER_SECONDS, at_most=True, unit=" ms"), 1000 * later),
    )


def at_once(server: Gateway, dialects: Sequence[Dialect], *, streams: int) -> Row:
    """So many streams at the same time, of all dialects: how many do not give a whole answer."""
    whole = Address(server.address.url.removesuffix("/v1"), MODEL)

    def fails(number: int) -> bool:
        try:
            hear(whole, dialects[number % len(dialects)], tokens=8)
        except (AssertionError, OSError, ValueError):
            return True
        return False

    with ThreadPoolExecutor(streams) as pool:
        failed = sum(pool.map(fails, range(streams)))
    return Row(f"{streams} streams at once: failed", Wanted(0, at_most=True), failed)


def main() -> None:
    quick = "--quick" in sys.argv[1:]
    subprocess.run([sys.executable, "-m", "domov", "pull", STARTER], check=True)
    rows: list[Row] = []
    with home_of(app.load().models.get(STARTER).path) as home, gateway(home, DOMOV_QUEUE="200") as server:
        for dialect in DIALECTS:
            sys.stderr.write(f"{dialect.name} ...\n")
            rows += beside_the_worker(server, dialect, tokens=8 if quick else TOKENS, rounds=1 if quick else ROUNDS)
        rows.append(at_once(server, DIALECTS, streams=12 if quick else STREAMS))
    sys.stdout.write(as_text(rows, beside="the worker"))
    sys.exit(not all(row.good for row in rows))


if __name__ == "__main__":
    main()
