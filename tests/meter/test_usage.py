"""What was used, from what happens to what is read again."""

import asyncio
import time
from dataclasses import replace

from domov.database import Database
from domov.errors import HomeUnusable
from domov.meter.usage import Amount, Consumption, amount_of, day_of, spent_by, used
from domov.types import Spent, Usage

MONDAY = time.mktime((2026, 11, 23, 12, 0, 0, 0, 0, -1))
ANSWER = Spent("m:1b", "chat", "answered", 3.0, 0.5, Usage(100, 20, cached_tokens=40), pieces=20)


MEASURED = replace(ANSWER, joules=6.0)


def consumption(database: Database, *, owner: str = "", moment: float = MONDAY) -> Consumption:
    return Consumption(lambda: database, owner=lambda: owner, clock=lambda: moment)


async def note(made: Consumption, *happenings: Spent) -> None:
    for happening in happenings:
        made.note(happening)
    await made.write()


def test_what_one_request_took() -> None:
    assert amount_of(MEASURED) == Amount(1, 0, 100, 40, 20, 3.0, 1, 6.0)


def test_an_answer_that_was_cut_short_counts_its_pieces_and_has_failed() -> None:
    assert amount_of(Spent("m:1b", "chat", "cancelled", 9.0, pieces=12)) == Amount(1, 1, 0, 0, 12, 9.0, 0, 0.0)


async def test_requests_add_up_by_day_model_and_owner(database: Database) -> None:
    await note(consumption(database), MEASURED, MEASURED)
    await note(consumption(database, owner="k"), MEASURED)
    await note(consumption(database, moment=MONDAY + 86_400), ANSWER)
    monday, tuesday = day_of(MONDAY), day_of(MONDAY + 86_400)
    assert [key for key, _ in used(database, ("day",))] == [(monday,), (tuesday,)]
    days = dict(used(database, ("day",)))
    assert days[monday,] == Amount(3, 0, 300, 120, 60, 9.0, 3, 18.0)
    assert days[tuesday,] == Amount(1, 0, 100, 40, 20, 3.0, 0, 0.0)  # nobody could measure
    owners = dict(used(database, ("owner",), since=monday, until=monday))
    assert [owners[name,].requests for name in ("", "k")] == [2, 1]
    assert used(database, ("model",), owner="k") == [(("m:1b",), owners["k",])]
    assert used(database, (), since="2030-01-01") == []


async def test_what_a_model_took_is_told_of_days_of_which_all_is_known(database: Database) -> None:
    await note(consumption(database), MEASURED, MEASURED, replace(MEASURED, model="other:1b"))
    await note(consumption(database, moment=MONDAY + 86_400), MEASURED, ANSWER)
    spent = spent_by(database, "m:1b")
    assert (spent.requests, spent.joules, spent.answer_tokens) == (2, 12.0, 40)
    assert spent_by(database, "nobody:1b") == Amount()


async def test_what_can_not_be_written_is_added_the_next_time(database: Database) -> None:
    def unusable() -> Database:
        raise HomeUnusable("no")

    made = Consumption(unusable, owner=lambda: "", clock=lambda: MONDAY)
    await note(made, ANSWER)
    made._database = lambda: database
    await note(made, ANSWER)
    assert used(database, ())[0][1].requests == 2


async def test_it_is_written_a_moment_later_without_being_asked(database: Database) -> None:
    made = consumption(database)
    made.note(ANSWER)
    end = time.monotonic() + 20
    while not used(database, ()) and time.monotonic() < end:
        await asyncio.sleep(0.05)
    assert used(database, ())[0][1].requests == 1
