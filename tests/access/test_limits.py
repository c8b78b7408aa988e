"""Limits: a bucket a minute, tokens a day, wrong keys ever later."""

import asyncio
from pathlib import Path

import orjson
import pytest

from domov.access.access import Access
from domov.access.audit import Audit
from domov.access.callers import Caller, acting_for
from domov.access.keys import Grant, Keys
from domov.access.limits import Buckets, seconds_to_midnight
from domov.access.logins import MOST_ADDRESSES, Logins, network_of
from domov.access.spending import Spending, Used
from domov.database import Database


class Clock:
    def __init__(self, moment: float = 0.0) -> None:
        self.moment = moment

    def __call__(self) -> float:
        return self.moment


def test_a_minutes_worth_may_come_at_once_and_then_one_every_so_often() -> None:
    clock = Clock()
    buckets = Buckets(clock)
    assert [buckets.wait_seconds("a", 6) for _ in range(7)] == [0] * 6 + [10]  # 6 a minute: one every 10 s
    assert buckets.wait_seconds("b", 6) == 0
    clock.moment = 9.0
    assert buckets.wait_seconds("a", 6) == 1
    clock.moment = 10.0
    assert [buckets.wait_seconds("a", 6), buckets.wait_seconds("a", 6)] == [0, 10]
    clock.moment = 1e6
    assert [buckets.wait_seconds("a", 6) for _ in range(7)] == [0] * 6 + [10]  # never more than a minute's worth


def test_a_limit_that_is_changed_holds_at_once() -> None:
    buckets = Buckets(Clock())
    assert [buckets.wait_seconds("a", 1) for _ in range(2)] == [0, 60]
    assert buckets.wait_seconds("a", 2) == 0


def test_a_day_ends_at_midnight_of_utc() -> None:
    assert seconds_to_midnight(0) == 86400
    assert seconds_to_midnight(86399.5) == 1


async def test_what_is_used_is_written_and_there_after_a_restart(database: Database, keys: Keys) -> None:
    clock = Clock(1000.0)
    key, _ = keys.add(Grant("x"))
    spending = Spending(lambda: database, clock)
    spending.add(key.id, requests=1, tokens=30)
    spending.add(key.id, requests=1, tokens=12)
    assert spending.today(key.id) == Used(2, 42)
    await spending.write()
    again = Spending(lambda: database, clock)
    assert again.today(key.id) == Used(2, 42)
    again.add(key.id, tokens=8)
    await again.write()
    assert Spending(lambda: database, clock).all_today() == {key.id: Used(2, 50)}
    clock.moment += 86400
    assert again.today(key.id) == Used()


async def test_what_is_counted_is_told_before_it_is_written(database: Database, keys: Keys) -> None:
    (key, _), clock = keys.add(Grant("x")), Clock()
    spending = Spending(lambda: database, clock)
    spending.add(key.id, requests=1, tokens=3)
    await spending.write()
    clock.moment += 86400
    spending.add(key.id, requests=1, tokens=5)
    assert spending.all_today() == {key.id: Used(1, 5)}
    assert spending.all_month() == {key.id: Used(2, 8)}


async def test_what_can_t_be_written_is_written_the_next_time(database: Database, keys: Keys) -> None:
    key, _ = keys.add(Grant("x"))
    spending = Spending(lambda: database)
    spending.add(key.id, tokens=5)
    with database.transaction() as connection:
        connection.exec_driver_sql("ALTER TABLE key_usage RENAME TO away")
    await spending.write()
    spending.add(key.id, tokens=2)
    with database.transaction() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO key_usage")
    await spending.write()
    await spending.write()
    assert Spending(lambda: database).all_today() == {key.id: Used(0, 7)}


async def test_tokens_and_money_count_for_the_key_that_asked_and_for_nobody_without_one(
    database: Database, keys: Keys
) -> None:
    access = Access(lambda: database, Audit(database.path.parent))
    key, _ = keys.add(Grant("x"))
    access.count(5, 0.5)
    with acting_for(Caller(key.id, key.grant, key=key.id)):
        access.count(7, 0.25)
        await asyncio.create_task(_count(access, 4))  # a task of the request's
    assert access.spending.today(key.id) == Used(0, 11, 0.75)


async def _count(access: Access, tokens: int) -> None:
    access.count(tokens, 0.5)


def test_each_wrong_key_waits_longer_up_to_three_seconds(tmp_path: Path) -> None:
    clock = Clock()
    logins = Logins(Audit(tmp_path), clock)
    delays = [logins.failed("192.0.2.1", "no") for _ in range(9)]
    assert delays == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3, 3, 3, 3])
    assert logins.failed("192.0.2.2", "no") == pytest.approx(0.1)
    clock.moment = 301.0
    assert logins.failed("192.0.2.1", "no") == pytest.approx(0.1)


def test_a_thousand_wrong_keys_are_ten_lines_without_a_key(tmp_path: Path) -> None:
    logins = Logins(Audit(tmp_path), Clock())
    for _ in range(1000):
        logins.failed("192.0.2.1", "this key is not known here")
    lines = [orjson.loads(line) for line in (tmp_path / "logins.jsonl").read_bytes().splitlines()]
    assert [line["failures"] for line in lines] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
    assert lines[0].keys() == {"at", "address", "reason", "failures"}


def test_the_memory_of_wrong_keys_is_bounded(tmp_path: Path) -> None:
    logins = Logins(Audit(tmp_path), Clock())
    for number in range(MOST_ADDRESSES + 50):
        logins.failed(f"10.0.{number // 250}.{number % 250}", "no")
    assert len(logins._failures) == MOST_ADDRESSES


def test_one_caller_has_a_whole_network_of_ipv6() -> None:
    assert network_of("2001:db8:1:2:3::4") == network_of("2001:db8:1:2:ffff::1") == "2001:db8:1:2::/64"
    assert network_of("::ffff:192.0.2.1") != network_of("::ffff:192.0.2.2")
    assert network_of("not an address" * 10) == ("not an address" * 10)[:64]


def test_a_log_of_wrong_keys_that_has_grown_is_turned_over_and_the_audit_is_not(
    tmp_path: Path,
) -> None:
    audit = Audit(tmp_path)
    (tmp_path / "logins.jsonl").write_bytes(b"x" * 4_000_001)
    (tmp_path / "audit.jsonl").write_bytes(b"y" * 4_000_001)
    audit.failed_login("192.0.2.1", "no", 1)
    audit.command("domov rm", model="m:1")
    assert (tmp_path / "logins.jsonl").stat().st_size < 200 and (tmp_path / "logins.1.jsonl").exists()
    assert (tmp_path / "audit.jsonl").stat().st_size > 4_000_001
