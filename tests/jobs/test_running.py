"""Jobs carried out: one after the other, held, ended, gone on with, and polite."""

import asyncio

import pytest

from domov.errors import BadRequest, NoSuchJob
from domov.jobs.running import GIVING_WAY, MOST_DEATHS
from tests.jobs.conftest import Count, House, seen


def gate(key: str) -> asyncio.Semaphore:
    """Work of that key waits at each step until it is let on."""
    return Count.let.setdefault(key, asyncio.Semaphore(0))


async def test_jobs_are_done_in_order_and_what_came_of_them_is_kept(house: House) -> None:
    first, second = house.order(to=2), house.order(to=5)
    async with house.running():
        done = await house.until(second, "done")
    assert done.account.found == {"counted": 5} and done.account.size == 5.0 and done.account.attempts == 1
    assert [line["words"] for line in done.account.log] == ["counting"]
    assert done.account.curves[0]["points"][-1] == [5, 5.0]
    before = house.queue.get(first.id)
    assert before.account.ended_at and done.account.started_at and before.account.ended_at <= done.account.started_at


async def test_one_at_a_time_and_a_paused_one_lets_the_next_begin(house: House) -> None:
    gate("slow")
    slow, next_one = house.order(key="slow"), house.order(key="next")
    async with house.running():
        gate("slow").release()
        await seen("slow", 1)
        assert house.queue.get(next_one.id).status == "queued"
        house.want("pause", slow.id)
        await house.until(next_one, "done")
        for _ in range(3):
            gate("slow").release()
        house.want("resume", slow.id)
        done = await house.until(slow, "done")
    assert Count.steps_seen["slow"] == [1, 2, 3] and done.account.attempts == 1


async def test_what_is_left_when_it_is_paused_begins_anew(house: House) -> None:
    gate("left").release()
    job = house.order("leaving", key="left")
    async with house.running():
        await seen("left", 1)
        house.want("pause", job.id)
        while "left" not in Count.closed:
            await asyncio.sleep(0.01)
        assert house.queue.get(job.id).status == "paused"
        for _ in range(3):
            gate("left").release()
        house.want("resume", job.id)
        done = await house.until(job, "done")
    assert Count.steps_seen["left"] == [1, 1, 2, 3] and done.account.attempts == 2


async def test_cancelled_it_is_closed_and_the_next_one_begins(house: House) -> None:
    gate("never")
    job, after = house.order(key="never"), house.order(key="after")
    async with house.running():
        await house.until(job, "running")
        house.want("cancel", job.id)
        await house.until(job, "cancelled")
        await house.until(after, "done")
    assert Count.closed[0] == "never" and not house.queue.get(job.id).account.found


async def test_stopped_with_the_server_it_goes_on_at_the_next_start(house: House) -> None:
    gate("slow").release()
    job = house.order(key="slow")
    async with house.running():
        await seen("slow", 1)
    waiting = house.queue.get(job.id)
    assert waiting.status == "queued" and "it counts anew" in waiting.account.log[-1]["words"]
    Count.let.clear()
    async with house.running():
        done = await house.until(job, "done")
    assert done.account.attempts == 2 and done.account.deaths == 0


async def test_what_a_kill_has_left_running_is_begun_again_but_not_for_ever(house: House) -> None:
    job = house.order()
    for number in range(1, MOST_DEATHS):
        house.queue.move(job.id, "running", of=("queued",))  # as it stands after kill -9
        house.runner()._recover()
        assert house.queue.get(job.id).status == "queued" and house.queue.get(job.id).account.deaths == number
    house.queue.move(job.id, "running", of=("queued",))
    house.runner()._recover()
    failed = house.queue.get(job.id)
    assert failed.status == "failed" and failed.account.error and "3 times" in failed.account.error["message"]
    house.want("resume", job.id)
    async with house.running():
        await house.until(job, "done")


async def test_a_worker_that_dies_is_tried_again_a_few_times(house: House) -> None:
    job = house.order(fails="dies")
    async with house.running():
        failed = await house.until(job, "failed")
    assert failed.account.attempts == MOST_DEATHS


async def test_what_is_refused_says_why_and_others_are_done(house: House) -> None:
    wrong, unknown, bad = house.order(fails="needs"), house.order("knit"), house.order(colour="red")
    house.revoked.add("gone")
    nobody, fine = house.order(owner="gone"), house.order()
    async with house.running():
        await house.until(fine, "done")
    errors = [house.queue.get(job.id).account.error for job in (wrong, unknown, bad, nobody)]
    assert [error["message"] if error else "" for error in errors] == [
        "no such model: nothing",
        "no such kind of job: knit",
        "colour: extra inputs are not permitted",
        "the key has ended",
    ]


async def test_what_its_key_gives_no_more_when_it_would_begin_is_not_begun(house: House) -> None:
    house.revoked, house.models = {"key_2"}, ("other:1b",)
    good, ended = (house.order(owner="anna", of=key, key=key) for key in ("key_1", "key_2"))
    narrowed = house.order(owner="anna", of="key_1", key="narrowed", model="mine:1b")
    async with house.running():
        await house.until(good, "done")
        failed = [await house.until(job, "failed") for job in (ended, narrowed)]
    messages = [job.account.error["message"] if job.account.error else "" for job in failed]
    assert messages == ["the key has ended", "this key may not use mine:1b"]
    assert set(Count.steps_seen) == {"key_1"}


async def test_a_fault_of_our_own_fails_the_job_and_is_told(house: House) -> None:
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
    job, after = house.order(fails="breaks"), house.order()
    async with house.running():
        await house.until(after, "done")
    assert house.queue.get(job.id).account.error == {"message": "Domov failed: ZeroDivisionError", "hint": ""}
    assert [type(error) for error in told] == [ZeroDivisionError]


async def test_what_has_no_room_waits_and_says_so_while_others_go_first(house: House) -> None:
    large, small = house.order(memory_bytes=5000), house.order()
    async with house.running():
        await house.until(small, "done")
        waiting = house.queue.get(large.id)
        assert waiting.status == "queued" and waiting.account.waiting == "5 kB of memory are needed, 1 kB are free"
        house.room_bytes = 9000
        house.changed.set()
        assert (await house.until(large, "done")).account.waiting == ""


async def test_while_answers_are_given_it_stands_still(house: House) -> None:
    gate("polite").release()
    job = house.order(key="polite")
    async with house.running() as runner:
        await seen("polite", 1)
        house.serving = True
        while not (live := runner.live[job.id]).crew.held:
            await asyncio.sleep(0.01)
        assert live.account.waiting == GIVING_WAY
        house.serving = False
        for _ in range(3):
            gate("polite").release()
        assert (await house.until(job, "done")).account.waiting == ""


async def test_only_one_process_carries_out_the_jobs_of_a_home(house: House) -> None:
    async with house.running():
        job = house.order()
        await house.until(job, "done")
        async with house.running() as second:
            await house.until(house.order(), "done")
            assert not second.live


def test_what_has_ended_is_not_paused_and_what_goes_on_is_not_removed(house: House) -> None:
    job = house.order()
    with pytest.raises(BadRequest, match="queued"):
        house.queue.remove(job.id)
    house.queue.move(job.id, "done", of=("queued",))
    for verb in (house.queue.pause, house.queue.cancel, house.queue.resume):
        with pytest.raises(BadRequest, match="done"):
            verb(job.id)
    house.queue.remove(job.id)
    with pytest.raises(NoSuchJob):
        house.queue.get(job.id)


def test_a_job_is_its_owners(house: House) -> None:
    job = house.order(owner="ann")
    assert house.queue.all(owner="bob") == [] and len(house.queue.all(owner="ann")) == 1
    for verb in (house.queue.get, house.queue.pause, house.queue.cancel, house.queue.remove):
        with pytest.raises(NoSuchJob):
            verb(job.id, owner="bob")


def test_the_pace_of_a_kind_follows_from_what_was_done_here(house: House) -> None:
    assert house.queue.pace("count") is None
    for seconds in (10.0, 20.0, 60.0):
        job = house.order()
        account = job.account
        account.attempts, account.seconds, account.size = 1, seconds, 10.0
        house.queue.move(job.id, "done", of=("queued",), account=account)
    assert house.queue.pace("count") == 2.0
