"""The queue of models that are fetched, from a hub that holds back and breaks off as it is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from domov.database import Database
from domov.errors import BadRequest, NoSuchDownload
from domov.store import queued
from domov.store.downloads import Downloads
from domov.store.models import Models
from domov.store.pull import Puller
from domov.store.queued import Download
from tests.hub import WAIT_SECONDS, Fault, Hub, tiny_gguf
from tests.store.conftest import MakePuller

A, B, C = "hf.co/user/a:Q8_0", "hf.co/user/b:Q8_0", "hf.co/user/c:Q8_0"
SIZE = 400_000
MakeQueue = Callable[..., Downloads]


@pytest.fixture
async def make_queue(hub: Hub, database: Database, make_puller: MakePuller) -> AsyncIterator[MakeQueue]:
    for seed, name in enumerate("abc"):
        content = tiny_gguf(filler_bytes=SIZE, seed=seed)
        hub.add_repository(f"user/{name}", {f"{name}-Q8_0.gguf": content})
    made: list[Downloads] = []

    def make(*, offline: bool = False) -> Downloads:
        @asynccontextmanager
        async def puller() -> AsyncIterator[Puller]:
            yield make_puller(offline=offline)

        made.append(Downloads(lambda: database, puller))
        return made[-1]

    yield make
    hub.release.set()
    for queue in made:
        await queue.close()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


def states(queue: Downloads) -> list[tuple[str, str]]:
    return [(row["model"], row["state"]) for row in queue.rows()]


async def held(hub: Hub, queue: Downloads, model: str, *, after: int = 100_000) -> Download:
    """A download under way that gets on no more."""
    hub.fail("/cdn/", Fault(hold_after=after))
    one = await queue.add(model)
    await until(hub.held.is_set)
    await until(lambda: one.done_bytes >= after)
    return one


async def test_models_are_fetched_one_after_the_other_in_their_order(
    make_queue: MakeQueue, hub: Hub, models: Models
) -> None:
    queue = make_queue()
    first = await held(hub, queue, A)
    second, third = await queue.add(B), await queue.add(C)
    assert await queue.add(A) is first
    assert states(queue) == [(A, "running"), (B, "waiting"), (C, "waiting")]
    await queue.move(third, before=second)
    assert [row["model"] for row in queue.rows()] == [A, C, B]
    hub.release.set()
    await until(lambda: second.state == "done")
    assert [seen.path.split("/")[3] for seen in hub.downloads()] == ["a", "c", "b"]
    assert [model.name for model in models.all()] == [A, B, C]
    row = queue.rows()[0]
    assert row["done_bytes"] == row["total_bytes"] == models.get(B).manifest.size_bytes and row["ended_at"]


async def test_a_paused_download_makes_way_and_goes_on_where_it_stopped(
    make_queue: MakeQueue, hub: Hub, models: Models
) -> None:
    queue = make_queue()
    one, other = await held(hub, queue, A), await queue.add(B)
    await queue.pause(one)
    await until(lambda: other.state == "done")
    assert one.state == "paused" and models.find(A) is None
    hub.release.set()
    await queue.resume(one)
    await until(lambda: one.state == "done")
    assert [seen.range for seen in hub.downloads() if "/user/a/" in seen.path] == [None, "bytes=100000-"]
    with pytest.raises(BadRequest, match="nothing to pause"):
        await queue.pause(one)


async def test_a_restart_loses_nothing(make_queue: MakeQueue, hub: Hub, models: Models) -> None:
    queue = make_queue()
    one, two, three = await held(hub, queue, A), await queue.add(B), await queue.add(C)
    await queue.pause(three)
    await queue.close()
    hub.release.set()
    after = make_queue()
    await after.begin()
    assert {row["id"]: row["model"] for row in after.rows()} == {one.id: A, two.id: B, three.id: C}
    await until(lambda: states(after)[:1] == [(C, "paused")])
    assert [seen.range for seen in hub.downloads() if "/user/a/" in seen.path] == [None, "bytes=100000-"]
    assert [model.name for model in models.all()] == [A, B]


async def test_cancelling_throws_away_what_was_fetched_and_keeps_what_is_whole(
    make_queue: MakeQueue, hub: Hub, models: Models
) -> None:
    queue = make_queue()
    one = await held(hub, queue, A)
    assert list(models.partial.glob("*.part"))
    await queue.cancel(one)
    assert not list(models.partial.glob("*.part")) and queue.rows() == []
    with pytest.raises(NoSuchDownload):
        await queue.get(one.id)
    hub.release.set()
    whole = await queue.add(B)
    await until(lambda: whole.state == "done")
    await queue.cancel(whole)
    assert [model.name for model in models.all()] == [B] and queue.rows() == []


async def test_what_fails_says_why_and_is_tried_again_when_it_is_wanted_again(make_queue: MakeQueue, hub: Hub) -> None:
    queue = make_queue()
    hub.fail("/api/models/user/a", Fault(status=404))
    one = await queue.add(A)
    await until(lambda: one.state == "failed")
    assert one.error.startswith("no such repository") and one.hint and one.cause
    assert await queue.add(A) is one
    await until(lambda: one.state == "done")
    assert (one.error, one.hint) == ("", "")


async def test_offline_nothing_is_fetched_and_nothing_is_given_up(make_queue: MakeQueue, hub: Hub) -> None:
    queue = make_queue(offline=True)
    one = await queue.add(A)
    await until(lambda: one.state == "paused")
    assert "offline mode" in one.error and hub.requests == []


async def test_what_is_being_written_is_written_before_anything_else_is(
    make_queue: MakeQueue, database: Database
) -> None:
    queue = make_queue(offline=True)
    await queue.begin()
    with database.transaction():
        adding = asyncio.ensure_future(queue.add(A))
        await asyncio.sleep(0.1)
        adding.cancel()
        await asyncio.sleep(0.1)
        assert not adding.done()
    with pytest.raises(asyncio.CancelledError):
        await adding
    assert [one.model for one in queued.read_all(database)] == [A]


async def test_who_watches_sees_the_list_and_its_changes(make_queue: MakeQueue) -> None:
    queue = make_queue()
    seen = []
    watching = queue.watch()
    seen.append(await anext(watching))
    one = await queue.add(A)
    async with asyncio.timeout(WAIT_SECONDS):
        async for rows in watching:
            seen.append(rows)
            if rows[0]["state"] == "done":
                break
    assert seen[0] == [] and seen[-1][0]["id"] == one.id
