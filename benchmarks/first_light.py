"""What Domov adds: to the start of a command, and to a streamed answer. `make bench-start` prints the table.

Everything is a ratio or a difference of two things that are done in turn in one run, because machines are noisy.
Close other programs first.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.client import Question, ask
from benchmarks.engine import OUT, STARTER, Stage, keep, stage_for
from benchmarks.table import Row, Wanted, as_text, compared
from benchmarks.texts import STORY
from benchmarks.turns import compare, in_turn

STARTS, ANSWERS, TOKENS = 21, 15, 160


def start() -> Row:
    script = str(Path(sys.executable).with_name("domov"))
    sides = in_turn(seconds_of([script, "--help"]), seconds_of([sys.executable, "-c", "pass"]), STARTS)
    return compared("domov --help / python -c pass", Wanted(4, at_most=True), compare(*sides), unit="s")


def seconds_of(command: list[str]) -> Callable[[], float]:
    def run() -> float:
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start

    return run


def through(stage: Stage) -> list[Row]:
    """An answer through the gateway, and one asked of its worker directly."""
    question = Question(STORY, tokens=TOKENS)
    server = stage.ours
    ours, worker = in_turn(lambda: ask(server.address, question), lambda: ask(server.worker, question), ANSWERS)
    speeds = compare([a.decoding_speed for a in ours], [b.decoding_speed for b in worker])
    waits = [statistics.median(answer.first_token_seconds for answer in side) for side in (ours, worker)]
    later = Wanted(30, at_most=True, unit=" ms")
    return [
        compared("decoding speed through the gateway / at its worker", Wanted(0.97), speeds),
        Row("time to first token, more than at the worker", later, 1000 * (waits[0] - waits[1])),
    ]


def main() -> None:
    with stage_for(STARTER, quick=False) as stage:
        rows = [start(), *through(stage)]
    sys.stdout.write(as_text(rows))
    keep(rows, OUT, name="first_light", model=STARTER, quick=False)
    sys.exit(not all(row.good for row in rows))


if __name__ == "__main__":
    main()
