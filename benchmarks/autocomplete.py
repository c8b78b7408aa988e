"""How long a suggestion takes while somebody types: `make bench-autocomplete`, or `python -m benchmarks.autocomplete`.

A typist writes the next lines of a real file, key by key. After each key the editor asks for what fills the gap; at
the next key it leaves, as editors do. Where the typist pauses, it is timed until the suggestion's first letter comes.
The model is the starter with marks for gaps: its suggestions are poor, its speed is that of any model of its size.
Beside it, in turn: xllamacpp's own server with its defaults, which is asked the same.
"""

import argparse
import http.client
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from benchmarks.client import Address
from benchmarks.engine import OUT, STARTER, keep
from benchmarks.servers import gateway, home_of, plain_server
from benchmarks.table import Row, Wanted, as_text, compared
from benchmarks.turns import compare
from domov import app
from tests.model_files import with_gap_marks

FILE = Path("src") / "domov" / "engine" / "slots.py"
KEY_SECONDS = 0.12  # 100 words a minute
PAUSE_KEYS = 8  # the typist looks up after so many keys
BEFORE_CHARACTERS, AFTER_CHARACTERS = 3000, 1000  # what editors send of a file, about 1,000 tokens
SUGGESTION_TOKENS = 16
SLOTS, CONTEXT_TOKENS = 2, 4096


@dataclass(frozen=True, slots=True)
class Gap:
    """A moment of typing: the text before the cursor and after it, and whether the typist waits now."""

    before: str
    after: str
    pause: bool


@dataclass(frozen=True, slots=True)
class Suggestion:
    first_letter_seconds: float
    whole_seconds: float
    prompt_tokens: int
    cached_tokens: int


def typing(text: str, *, start: int, keys: int) -> Iterator[Gap]:
    """The gaps of a typist who writes on from `start`. What is not typed yet is not there, and what follows is."""
    after = text[start + keys :][:AFTER_CHARACTERS]
    first = max(0, start - BEFORE_CHARACTERS)  # editors move the window now and then, not with every key
    for typed in range(1, keys + 1):
        yield Gap(text[first : start + typed], after, pause=typed % PAUSE_KEYS == 0)


def session(address: Address, gaps: Sequence[Gap]) -> list[Suggestion]:
    """Everything that is waited for in a session; the rest is asked for and left."""
    waited = []
    for gap in gaps:
        asked = _ask(address, gap)
        if gap.pause:
            waited.append(_read(asked))
        else:
            time.sleep(KEY_SECONDS)
        asked.connection.close()
    return waited


@dataclass(frozen=True, slots=True)
class _Asked:
    connection: http.client.HTTPConnection
    at_seconds: float


def _ask(address: Address, gap: Gap) -> _Asked:
    parts = urlsplit(address.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    body = {"model": address.model, "input_prefix": gap.before, "input_suffix": gap.after, "stream": True}
    more = {"n_predict": SUGGESTION_TOKENS, "temperature": 0, "ignore_eos": True, "cache_prompt": True}
    start = time.perf_counter()
    connection.request("POST", "/infill", orjson.dumps({**body, **more}), {"Content-Type": "application/json"})
    return _Asked(connection, start)


def _read(asked: _Asked) -> Suggestion:
    response = asked.connection.getresponse()
    first = 0.0
    last: dict[str, Any] = {}
    for line in response:
        if line.startswith(b"data: {"):
            last = orjson.loads(line[6:])
            assert "error" not in last, last
            first = first or (time.perf_counter() - asked.at_seconds if last.get("content") else 0.0)
    response.close()
    timings = last["timings"]
    prompt_tokens = timings["prompt_n"] + timings["cache_n"]
    return Suggestion(first, time.perf_counter() - asked.at_seconds, prompt_tokens, timings["cache_n"])


def rows(ours: Sequence[Suggestion], theirs: Sequence[Suggestion], *, quick: bool) -> list[Row]:
    """The table. Limits hold for a run that measures; a quick one shows that all works."""
    firsts = [[s.first_letter_seconds for s in side] for side in (ours, theirs)]
    limits = (9.0, 9.0, 0.0) if quick else (1.1, 1.1, 0.7)
    share = sum(s.cached_tokens for s in ours) / sum(s.prompt_tokens for s in ours)
    their_share = sum(s.cached_tokens for s in theirs) / sum(s.prompt_tokens for s in theirs)
    slow = [percentile(side, 95) for side in firsts]
    return [
        compared("a suggestion's first letter, median", Wanted(limits[0], at_most=True), compare(*firsts), unit="s"),
        compared(
            "the same, the slowest of 20", Wanted(limits[1], at_most=True), compare(*[[s] for s in slow]), unit="s"
        ),
        Row("share of the prompt that was not read again", Wanted(limits[2]), share, note=f"there {their_share:.2f}"),
    ]


def percentile(values: Sequence[float], percent: int) -> float:
    return sorted(values)[min(len(values) - 1, round(len(values) * percent / 100))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few keys: shows that it works, measures nothing")
    parser.add_argument("--file", type=Path, default=FILE, help="the file that is typed")
    parser.add_argument("--sessions", type=int, default=8, help="of eight suggestions each, at as many places")
    given = parser.parse_args()
    text, sessions = given.file.read_text("utf-8"), 1 if given.quick else given.sessions
    keys = PAUSE_KEYS * (2 if given.quick else 8)
    with tempfile.TemporaryDirectory(prefix="domov-bench-") as folder:
        model = Path(folder) / "filler.gguf"
        model.write_bytes(with_gap_marks(app.load().models.get(STARTER).path.read_bytes()))
        ours, theirs = _measure(model, text, keys=keys, sessions=sessions)
    table = rows(ours, theirs, quick=given.quick)
    sys.stdout.write(as_text(table))
    sys.stdout.write(
        f"{len(ours)} suggestions; a whole one takes {statistics.median(s.whole_seconds for s in ours):.3f} s\n"
    )
    keep(table, OUT, name="autocomplete", model=STARTER, quick=given.quick)
    sys.exit(not all(row.good for row in table))


def _measure(model: Path, text: str, *, keys: int, sessions: int) -> tuple[list[Suggestion], list[Suggestion]]:
    """Sessions at different places of the text, both servers in turn."""
    ours: list[Suggestion] = []
    theirs: list[Suggestion] = []
    options = f"context_tokens = {CONTEXT_TOKENS}\nslots = {SLOTS}"
    with (
        home_of(model) as home,
        gateway(home, options=options) as mine,
        plain_server(model, context_tokens=CONTEXT_TOKENS, slots=SLOTS) as other,
    ):
        for number in range(sessions):
            start = (number + 1) * (len(text) - keys) // (sessions + 1)
            gaps = list(typing(text, start=start, keys=keys))
            for address, suggestions in ((mine.address, ours), (other, theirs))[:: 1 if number % 2 else -1]:
                suggestions += session(address, gaps)
    return ours, theirs


if __name__ == "__main__":
    main()
