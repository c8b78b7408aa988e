"""Tools over HTTP: who sees which, and whose word a waiting call hears."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from domov.access.callers import Caller, acting_for
from domov.access.keys import Grant
from domov.api.tools import tools_for
from domov.engine.fake import FakeEngine
from domov.errors import NoSuchTool
from domov.tools.calls import Call, offered
from domov.tools.servers import ToolServer
from domov.tools.using import ToolUsing
from tests.api.guarded import Guarded

TOOLS = "/api/domov/tools"
PROGRAM = (sys.executable, "-m", "tests.tools.weather_server")
CALL = Call(offered("sky", "weather", "The weather.", {}, reads_only=True), {"city": "Brno"})


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    guarded = Guarded(tmp_path)
    yield guarded
    guarded.domov.database.close()


async def test_there_are_none_until_some_are_added_and_only_shared_ones_for_most(guarded: Guarded) -> None:
    anna, chief = guarded.secret(Grant("anna", "inference")), guarded.secret(Grant("chief", "admin"))
    assert (await guarded.ask("GET", TOOLS, key=chief)).json == {"servers": [], "tools": []}
    guarded.domov.tools.servers.add(ToolServer("sky", PROGRAM, shared=True))
    guarded.domov.tools.servers.add(ToolServer("gone", ("/no/such/program",)))
    told = (await guarded.ask("GET", TOOLS, key=chief)).json
    assert {t["name"] for t in told["tools"]} == {"sky_weather", "sky_fail", "sky_told"}
    assert [bool(s["problem"]) for s in told["servers"]] == [True, False]
    assert [s["name"] for s in (await guarded.ask("GET", TOOLS, key=anna)).json["servers"]] == ["sky"]


async def test_a_call_that_waits_is_shown_to_its_caller_and_decided_by_them_alone(guarded: Guarded) -> None:
    keys = {name: guarded.secret(Grant(name, "inference")) for name in ("anna", "boris")}
    owner = guarded.domov.access.keys.get("anna").id
    asked = asyncio.create_task(guarded.domov.tools.approvals.ask(CALL, owner=owner, chat="c1"))
    await asyncio.sleep(0)
    assert (await guarded.ask("GET", f"{TOOLS}/pending", key=keys["boris"])).json == {"pending": []}
    (waiting,) = (await guarded.ask("GET", f"{TOOLS}/pending", key=keys["anna"])).json["pending"]
    assert (waiting["tool"], waiting["arguments"], waiting["chat"]) == ("weather", {"city": "Brno"}, "c1")
    path, body = f"{TOOLS}/pending/{waiting['id']}", orjson.dumps({"allowed": True})
    assert (await guarded.ask("POST", path, key=keys["boris"], body=body)).status == 404
    assert (await guarded.ask("POST", path, key=keys["anna"], body=body)).status == 200
    assert await asked is True


async def test_an_answer_gets_the_tools_that_it_names(guarded: Guarded) -> None:
    guarded.domov.tools.servers.add(ToolServer("sky", PROGRAM))
    engine = FakeEngine()
    async with tools_for(guarded.domov, engine, False) as (given, _):
        assert given is engine
    async with tools_for(guarded.domov, engine, True) as (given, _):
        assert isinstance(given, ToolUsing) and len(await given.tools.offered()) == 3
    with acting_for(Caller("anna", Grant("anna", "inference"))), pytest.raises(NoSuchTool, match="sky"):
        async with tools_for(guarded.domov, engine, ["sky"]):
            pass
