"""Servers of tools, spoken to: started or connected to when first needed, kept until closed, tried anew when they end.

The protocol is its own library's (mcp), which is slow to import: only who has servers imports this file. What goes to
an address goes through the one door.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, TextIO

import httpx2
from mcp import StdioServerParameters
from mcp.client import Client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, TextContent

from domov.errors import DomovError, EngineUnavailable
from domov.outbound import Outbound
from domov.tools.calls import Call, Offered, Result, offered
from domov.tools.servers import ToolServer

CONNECT_SECONDS, CALL_SECONDS = 30.0, 120.0
MOST_PAGES, MOST_TOOLS = 20, 200  # of one server's list
REASON = "a tool of the user's"


class TheDoor(httpx2.AsyncBaseTransport):
    """The library's HTTP through the one door. Only questions go out: no stream of the server's own is opened."""

    def __init__(self, outbound: Outbound, token: str | None) -> None:
        self.problem: DomovError | None = None  # why the last request could not be made
        self._outbound, self._token = outbound, token

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method != "POST":
            return httpx2.Response(405)
        stack = AsyncExitStack()
        kept = ("accept", "mcp-")
        headers = {k: v for k, v in request.headers.items() if k.lower().startswith(kept)}
        try:
            post = self._outbound.post(
                str(request.url), body=await request.aread(), reason=REASON, token=self._token, headers=headers
            )
            response = await stack.enter_async_context(post)
        except DomovError as error:
            self.problem = error
            raise httpx2.ConnectError(error.message) from error
        told = [(k, v) for k, v in response.headers.items() if k.lower().startswith(("content-type", "mcp-"))]
        return httpx2.Response(response.status, headers=told, stream=_Body(response.content.iter_any(), stack))


class _Body(httpx2.AsyncByteStream):
    def __init__(self, pieces: Any, stack: AsyncExitStack) -> None:
        self._pieces, self._stack = pieces, stack

    async def __aiter__(self) -> Any:
        async for piece in self._pieces:
            yield piece

    async def aclose(self) -> None:
        await self._stack.aclose()


@dataclass
class _Connection:
    """One server. It lives in a task of its own: the library's scopes end in the task that they began in."""

    server: ToolServer
    outbound: Outbound
    variables: Mapping[str, str]
    silence: TextIO  # where a program's own words go
    _client: Client | None = field(default=None, init=False)
    _task: "asyncio.Task[None] | None" = field(default=None, init=False)
    _door: TheDoor | None = field(default=None, init=False)

    async def client(self) -> Client:
        """Raises EngineUnavailable, BadOption, Offline, ConnectionBroken."""
        if self._client is not None and self._task is not None and not self._task.done():
            return self._client
        transport = self._transport()
        ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(_live(transport, ready))
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                waited: set[asyncio.Future[Any]] = {ready, self._task}
                await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            self._client = ready.result() if ready.done() else None
        except TimeoutError:
            self._client = None
        if self._client is None:
            raise await self._why()
        return self._client

    async def _why(self) -> DomovError:
        """What kept the server from answering."""
        task, self._task = self._task, None
        words = "it did not answer"
        if task is not None and task.done() and not task.cancelled() and (error := task.exception()):
            words = _words(error)
        elif task is not None:
            await _ended(task)
        if self._door is not None and self._door.problem is not None:
            return self._door.problem
        hint = f"does it run by itself? {self.server.where[:200]}"
        return EngineUnavailable(f"the tools of {self.server.name} can't be used: {words[:300]}", hint=hint)

    def _transport(self) -> Any:
        if self.server.url:
            self._door = TheDoor(self.outbound, self.server.token(self.variables))
            client = httpx2.AsyncClient(transport=self._door, timeout=None)
            return streamable_http_client(self.server.url, http_client=client, terminate_on_close=False)
        program, *arguments = self.server.command
        environment = self.server.environment(self.variables)
        parameters = StdioServerParameters(command=program, args=arguments, env=environment)
        return stdio_client(parameters, errlog=self.silence)

    async def close(self) -> None:
        task, self._task, self._client = self._task, None, None
        if task is not None:
            await _ended(task)


async def _live(transport: Any, ready: "asyncio.Future[Client]") -> None:
    async with Client(transport, read_timeout_seconds=CALL_SECONDS) as client:
        ready.set_result(client)
        await asyncio.Event().wait()  # until it is cancelled


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(BaseExceptionGroup, Exception, asyncio.CancelledError):  # it is over, however
        await task


def _words(error: BaseException) -> str:
    """The first plain error of a group of groups, in words."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__


class Toolbox:
    """The tools of some servers. Close it when nothing is to be called any more."""

    def __init__(
        self, servers: Sequence[ToolServer], outbound: Outbound, variables: Mapping[str, str] = os.environ
    ) -> None:
        self._silence = open(os.devnull, "w")  # noqa: SIM115  # closed with the box
        self._connections = {s.name: _Connection(s, outbound, variables, self._silence) for s in servers}
        self.problems: dict[str, str] = {}  # why a server's tools are not offered

    async def offered(self) -> list[Offered]:
        """The tools of every server that answers; `problems` says of the others why not."""
        found: list[Offered] = []
        self.problems = {}
        for name, connection in self._connections.items():
            try:
                found += await self._tools(name, await connection.client())
            except DomovError as error:
                self.problems[name] = error.message
        return found

    async def _tools(self, name: str, client: Client) -> list[Offered]:
        cursor, found = None, list[Offered]()
        for _ in range(MOST_PAGES):
            page = await _answered(name, client.list_tools(cursor=cursor))
            for tool in page.tools:
                reads_only = bool(tool.annotations and tool.annotations.read_only_hint)
                found.append(offered(name, tool.name, tool.description or "", tool.input_schema, reads_only=reads_only))
            cursor = page.next_cursor
            if cursor is None or len(found) >= MOST_TOOLS:
                break
        return found[:MOST_TOOLS]

    async def call(self, call: Call) -> Result:
        """What the tool gives, or in words why it gives nothing: both are told to the model."""
        name = call.offered.server
        try:
            client = await self._connections[name].client()
            return _result(await _answered(name, client.call_tool(call.offered.name, call.arguments)))
        except DomovError as error:
            return Result(f"Error: {error.message}", failed=True)

    async def close(self) -> None:
        for connection in self._connections.values():
            await connection.close()
        self._silence.close()


async def _answered(server: str, asked: Any) -> Any:
    """What the library's request gives. Raises EngineUnavailable for whatever a foreign server makes it raise."""
    try:
        return await asked
    except Exception as error:  # a server can answer anything, and the library raises many kinds
        raise EngineUnavailable(f"{server} did not answer as it should: {_words(error)[:300]}") from error


def _result(answer: CallToolResult) -> Result:
    texts = [part.text if isinstance(part, TextContent) else f"[{part.type}: not shown]" for part in answer.content]
    text = "\n".join(texts) or str(answer.structured_content or "")
    return Result(text, failed=answer.is_error)
