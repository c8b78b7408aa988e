"""A job, from what is wanted to a row of the queue: refused with the reason, or told what it will take."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from domov.errors import BadRequest, Refused
from domov.jobs.queue import Job, Queue
from domov.jobs.work import Needs, Place, Surroundings, Work
from domov.store.download import check_room
from domov.units import human_bytes


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a job will take, and what should be agreed to first."""

    needs: Needs
    seconds: float | None
    measured: bool  # by jobs of this kind that were done here; else it is a guess, or nothing
    waits: str  # what for, if it were begun now; empty: it can begin
    doubts: tuple[str, ...]


@dataclass(frozen=True)
class Ordering:
    queue: Queue
    place: Place
    around: Surroundings
    disk: Path  # a folder on the disk where models are

    def forecast(self, work: Work) -> Forecast:
        """Raises what the work would raise at once, and Refused where this machine can never do it."""
        needs = work.needs(self.place)
        if needs.memory_bytes > (total := self.around.total_bytes()):
            raise Refused(
                f"{human_bytes(needs.memory_bytes)} of memory are needed, this machine has {human_bytes(total)}",
                hint="take a smaller model",
            )
        check_room(self.disk, needs.disk_bytes)
        room, pace = self.around.room_bytes(), self.queue.pace(work.kind)
        waits = ""
        if needs.memory_bytes > room:
            waits = f"{human_bytes(needs.memory_bytes)} of memory are needed, {human_bytes(max(0, room))} are free"
        seconds = pace * needs.size if pace else needs.seconds
        return Forecast(needs, seconds, bool(pace), waits, tuple(work.doubts(self.place)))

    def place_order(self, work: Work, *, owner: str = "", key: str = "", agreed: bool = False) -> Job:
        """Puts the work into the queue. Raises what `forecast` does, and BadRequest for doubts not agreed to."""
        check_agreed(self.forecast(work).doubts, agreed=agreed)
        return self.queue.add(Job(work.kind, work.title(), work.model_dump(exclude_defaults=True), owner, key))


def check_agreed(doubts: Sequence[str], *, agreed: bool) -> None:
    if doubts and not agreed:
        raise BadRequest("; ".join(doubts), hint="say `agreed` if that is what you want")
