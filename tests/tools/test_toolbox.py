"""Real servers of tools, as programs and at an address: listed, called, and what goes wrong with them."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest
import uvicorn

from domov.outbound import Outbound
from domov.tools.calls import MOST_RESULT_CHARACTERS, Call, Result, offered, shortened
from domov.tools.servers import ToolServer
from domov.tools.toolbox import Toolbox
from tests.tools.weather_server import weather_server

PROGRAM = ToolServer("weather", (sys.executable, "-m", "tests.tools.weather_server"), variables=("WEATHER_KEY",))
VARIABLES = {"WEATHER_KEY": "sunny", "OTHER_SECRET": "hidden"}


@asynccontextmanager
async def toolbox(tmp_path: Path, *servers: ToolServer, offline: bool = False) -> AsyncIterator[Toolbox]:
    async with Outbound(tmp_path / "outbound.jsonl", offline=offline) as outbound:
        box = Toolbox(servers, outbound, VARIABLES)
        try:
            yield box
        finally:
            await box.close()


async def called(box: Toolbox, name: str, **arguments: object) -> Result:
    found = {offered.name: offered for offered in await box.offered()}
    return await box.call(Call(found[name], arguments))


async def test_a_program_is_asked_and_its_answers_come_back(tmp_path: Path) -> None:
    async with toolbox(tmp_path, PROGRAM) as box:
        tools = {offered.tool.name: offered for offered in await box.offered()}
        assert tools.keys() == {"weather_weather", "weather_fail", "weather_told"} and box.problems == {}
        assert tools["weather_weather"].reads_only and not tools["weather_fail"].reads_only
        assert tools["weather_weather"].tool.parameters["properties"].keys() == {"city"}
        assert 20 < tools["weather_weather"].about_tokens < 100
        assert await called(box, "weather", city="Brno") == Result("It rains in Brno.")
        failed = await called(box, "fail")
        assert failed.failed and "fail" in failed.text


async def test_a_program_gets_the_variables_that_were_named_and_no_others(tmp_path: Path) -> None:
    async with toolbox(tmp_path, PROGRAM) as box:
        assert await called(box, "told") == Result("sunny None")


async def test_a_program_that_ended_is_started_again(tmp_path: Path) -> None:
    async with toolbox(tmp_path, PROGRAM) as box:
        await called(box, "weather", city="Brno")
        connection = box._connections["weather"]
        await connection.close()
        assert await called(box, "weather", city="Zlín") == Result("It rains in Zlín.")


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (ToolServer("none", ("/no/such/program",)), "can't be used"),
        (ToolServer("short", (sys.executable, "-c", "print('hello')")), "can't be used"),
        (ToolServer("poor", (sys.executable,), variables=("NOT_SET",)), "needs the environment variable NOT_SET"),
        (ToolServer("far", url="http://127.0.0.1:9/mcp"), "127.0.0.1 failed"),
    ],
)
async def test_one_that_does_not_answer_costs_only_its_own_tools(
    tmp_path: Path, server: ToolServer, words: str
) -> None:
    async with toolbox(tmp_path, server, PROGRAM) as box:
        assert len(await box.offered()) == 3
        assert words in box.problems[server.name]
        gone = offered(server.name, "x", "", {}, reads_only=False)
        result = await box.call(Call(gone, {}))
        assert result.failed and words in result.text


async def test_an_address_is_asked_through_the_one_door(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        config = uvicorn.Config(weather_server().streamable_http_app(), log_level="error", ws="none")
        running = uvicorn.Server(config)
        task = asyncio.create_task(running._serve([listener]))
        server = ToolServer("web", url=f"http://127.0.0.1:{port}/mcp", token_variable="WEATHER_KEY")
        async with toolbox(tmp_path, server) as box:
            assert await called(box, "weather", city="Brno") == Result("It rains in Brno."), box.problems
        running.should_exit = True
        await task
    rows = [orjson.loads(line) for line in (tmp_path / "outbound.jsonl").read_bytes().splitlines()]
    assert rows and {(row["reason"], row["host"], row["path"]) for row in rows} == {
        ("a tool of the user's", "127.0.0.1", "/mcp")
    }


async def test_offline_forbids_an_address(tmp_path: Path) -> None:
    server = ToolServer("web", url="https://tools.example.com/mcp")
    async with toolbox(tmp_path, server, offline=True) as box:
        assert await box.offered() == []
        assert "offline mode is on" in box.problems["web"]


def test_a_long_result_is_cut_and_says_so() -> None:
    text = shortened("x" * (MOST_RESULT_CHARACTERS + 7))
    assert text.endswith("[7 characters more were left out]")
