"""Mixed requests to one `domov serve` for as long as wanted, and what must be left of them: nothing.

    python -m benchmarks.soak SECONDS [--clients N]

Clients chat, leave in mid-answer, read slowly, send nonsense; models load, go and are killed. A line a minute; at the
end every finding on a line of its own, and the status says whether there is one.
"""

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.soak_requests import KINDS, Sent, post, request_of
from benchmarks.soak_server import MODELS, STATES_BYTES, Figures, Server, serving

LINE_SECONDS = 60.0
KILL_SECONDS = 20.0  # between two kills of a worker, on average
QUIET_SECONDS = 30.0  # for the last work to end
# What an allocator keeps or gives back as it likes, once everything has been used.
MOST_GROWTH_BYTES = 8 << 20
SAMPLE_SECONDS = 1.0
# A worker that was killed is a 503 to those it was answering, and a full queue is one; all else is a mistake.
ALLOWED = {200, 499, 503}


@dataclass
class Soak:
    server: Server
    chance: random.Random
    sent: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    kills: int = 0
    memory_bytes: list[int] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)

    async def client(self, until: float) -> None:
        while time.monotonic() < until:
            await self.one(self.chance.choice(list(KINDS)))

    async def one(self, kind: str) -> None:
        request = request_of(kind, self.chance)
        self.sent[kind] += 1
        try:
            answer = await post(self.server.port, request)
        except OSError as error:
            self.findings.append(f"{kind}: the server can't be reached: {error}")
            await asyncio.sleep(1)
            return
        if answer is not None:
            self.statuses[answer.status] += 1
            if answer.status not in ALLOWED | request.also or not answer.whole:
                self.findings.append(f"{kind}: status {answer.status}, {answer.content[-200:]!r}")

    async def kill(self) -> None:
        """Now and then ends a worker as a lack of memory would."""
        while True:
            await asyncio.sleep(self.chance.expovariate(1 / KILL_SECONDS))
            workers = self.server.workers()
            if workers:
                self.chance.choice(workers).kill()
                self.kills += 1

    async def watch(self, say: bool) -> None:
        start = said = time.monotonic()
        while True:
            await asyncio.sleep(SAMPLE_SECONDS)
            figures = self.server.figures()
            self.memory_bytes.append(figures.memory_bytes)
            if say and time.monotonic() - said >= LINE_SECONDS:
                said = time.monotonic()
                print(self.line(said - start, figures), flush=True)  # noqa: T201

    def line(self, seconds: float, figures: Figures) -> str:
        statuses = ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses.items()))
        return (
            f"{seconds / 60:5.1f} min  {sum(self.sent.values())} requests ({statuses}), {self.kills} kills; "
            f"gateway {figures.memory_bytes / 1e6:.1f} MB, {figures.files} files, {figures.tasks} threads; "
            f"{figures.workers} workers; states {figures.states_bytes / 1e6:.0f} MB"
        )


async def soak(server: Server, seconds: float, *, clients: int, seed: int = 1, say: bool = True) -> Soak:
    """All of it; the server still runs at the end, with nothing loaded."""
    run = Soak(server, random.Random(seed))
    for kind in KINDS:  # everything once: what is opened or imported for good is there
        await run.one(kind)
    await settle(run)
    before = server.figures()
    helpers = [asyncio.ensure_future(run.watch(say)), asyncio.ensure_future(run.kill())]
    until = time.monotonic() + seconds
    await asyncio.gather(*(run.client(until) for _ in range(clients)))
    helpers[1].cancel()
    await settle(run)
    helpers[0].cancel()
    await asyncio.gather(*helpers, return_exceptions=True)
    after = server.figures()
    if say:
        print(run.line(seconds, after), flush=True)  # noqa: T201
    run.findings += left_over(before, after, run.memory_bytes)
    return run


async def settle(run: Soak) -> None:
    """Waits until nothing is under way, looks into the workers' slots, and unloads everything."""
    end = time.monotonic() + QUIET_SECONDS
    while busy := await run.server.busy():
        if time.monotonic() > end:
            run.findings.append(f"still at work after {QUIET_SECONDS:.0f} s: {busy}")
            break
        await asyncio.sleep(0.2)
    for model in MODELS:
        answer = await post(run.server.port, Sent("/api/domov/unload", {"model": model}))
        if answer is None or answer.status != 200:
            run.findings.append(f"{model} can't be unloaded: {answer}")
    await asyncio.sleep(0.5)


def left_over(before: Figures, after: Figures, memory_bytes: list[int]) -> list[str]:
    """What a leak would leave, in words."""
    found = []
    if after.files > before.files:
        found.append(f"{after.files - before.files} more files or sockets are open: {after.open_files}")
    if after.workers or after.folders:
        found.append(f"{after.workers} workers and {after.folders} of their folders are left")
    if after.tasks > before.tasks:
        found.append(f"{after.tasks - before.tasks} more threads")
    if after.states_bytes > STATES_BYTES:
        found.append(f"saved states take {after.states_bytes} bytes of {STATES_BYTES}")
    quarter = len(memory_bytes) // 4
    third, last = sorted(memory_bytes[2 * quarter : 3 * quarter]), sorted(memory_bytes[3 * quarter :])
    if quarter and (growth := last[len(last) // 2] - third[len(third) // 2]) > MOST_GROWTH_BYTES:
        found.append(f"the gateway grew by {growth / 1e6:.1f} MB in the second half")
    return found


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("seconds", type=float)
    arguments.add_argument("--clients", type=int, default=6)
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="domov-soak-") as folder:
        with contextlib.closing(serving(Path(folder))) as server:
            run = asyncio.run(soak(server, given.seconds, clients=given.clients, seed=given.seed))
        findings = [*run.findings, *server.remains()]
    print("\n".join(findings) or "nothing is left")  # noqa: T201
    sys.exit(bool(findings))


if __name__ == "__main__":
    main()
