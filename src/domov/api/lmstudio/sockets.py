"""The WebSockets that LM Studio's SDKs speak over: one for each group of calls, many calls at once on it.

A client says who it is, then sends calls (`rpcCall`) and opens channels (`channelCreate`), each with a number of its
own; the answers bear that number. What is to be sent waits in a queue, so that a slow reader holds no slot.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from typing import Any

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect

from domov.api.errors import sentence
from domov.errors import BadRequest, DomovError, NoSuchModel

Table = dict[str, Any]
Call = Callable[[Table], Awaitable[Any]]
Channel = Callable[[Table, asyncio.Event], AsyncIterator[Table]]  # the event: the client has enough
MOST_AT_ONCE = 256
POLICY_VIOLATED = 1008


async def serve(socket: WebSocket, calls: dict[str, Call], channels: dict[str, Channel]) -> None:
    """Carries out what a client asks until it leaves, and ends then what is under way."""
    await socket.accept()
    talk = Talk(socket, calls, channels)
    with contextlib.suppress(WebSocketDisconnect):
        try:
            await talk.run()
        except _Nonsense as error:
            with contextlib.suppress(RuntimeError):  # it has left
                await socket.close(POLICY_VIOLATED, str(error)[:100])
        finally:
            await talk.end()


class _Nonsense(Exception):
    """A message that is none of the protocol's."""


class Talk:
    def __init__(self, socket: WebSocket, calls: dict[str, Call], channels: dict[str, Channel]) -> None:
        self._socket, self._calls, self._channels = socket, calls, channels
        self._waiting: asyncio.Queue[Table] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._enough: dict[object, asyncio.Event] = {}  # by the numbers of open channels

    async def run(self) -> None:
        hello = await self._receive()
        known = hello.get("authVersion") == 1
        await self._send({"success": known} | ({} if known else {"error": "authVersion must be 1"}))
        if not known:
            raise _Nonsense("authVersion must be 1")
        self._begin(self._send_all())
        while True:
            self._take(await self._receive())

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _take(self, message: Table) -> None:
        match message:
            case {"type": "rpcCall", "endpoint": str(endpoint), "callId": int(number)}:
                self._begin(self._call(endpoint, number, message.get("parameter") or {}))
            case {"type": "channelCreate", "endpoint": str(endpoint), "channelId": int(number)}:
                enough = self._enough[number] = asyncio.Event()
                self._begin(self._channel(endpoint, number, message.get("creationParameter") or {}, enough))
            case {"type": "channelSend", "channelId": number, "message": {"type": "cancel"}}:
                if number in self._enough:
                    self._enough[number].set()
            case {"type": str()}:
                self._waiting.put_nowait({"type": "communicationWarning", "warning": "a message that is not known"})
            case _:
                raise _Nonsense("not a message of this protocol")

    async def _call(self, endpoint: str, number: int, parameter: Any) -> None:
        try:
            result = await _known(self._calls, endpoint)(_table(parameter))
        except DomovError as error:
            self._waiting.put_nowait({"type": "rpcError", "callId": number, "error": _error(error)})
        else:
            more = {} if result is None else {"result": result}
            self._waiting.put_nowait({"type": "rpcResult", "callId": number, **more})

    async def _channel(self, endpoint: str, number: int, parameter: Any, enough: asyncio.Event) -> None:
        head = {"channelId": number}
        try:
            messages = _known(self._channels, endpoint)(_table(parameter), enough)
            async with aclosing(messages):
                async for message in messages:
                    self._waiting.put_nowait({"type": "channelSend", **head, "message": message})
        except DomovError as error:
            self._waiting.put_nowait({"type": "channelError", **head, "error": _error(error)})
        else:
            self._waiting.put_nowait({"type": "channelClose", **head})
        finally:
            self._enough.pop(number, None)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        if len(self._tasks) > MOST_AT_ONCE:
            work.close()
            raise _Nonsense(f"more than {MOST_AT_ONCE} calls at once")
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send_all(self) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # the client has left; the reader notices
            while True:
                await self._send(await self._waiting.get())

    async def _send(self, message: Table) -> None:
        await self._socket.send_text(orjson.dumps(message).decode())

    async def _receive(self) -> Table:
        try:
            return _table(orjson.loads(await self._socket.receive_text()))
        except (orjson.JSONDecodeError, BadRequest, KeyError) as error:  # KeyError: a frame of bytes
            raise _Nonsense("a message is a JSON object") from error


def _known(table: dict[str, Any], endpoint: str) -> Any:
    if endpoint not in table:
        raise BadRequest(f"not supported over the SDK: {endpoint[:60]}", hint="use the REST API")
    return table[endpoint]


def _table(value: Any) -> Table:
    if not isinstance(value, dict):
        raise BadRequest("parameters are an object")
    return value


def _error(error: DomovError) -> Table:
    """As the SDKs read it: the code makes their own class of a model that is not here."""
    title = sentence(error)
    table: Table = {"title": title, "rootTitle": title}
    if isinstance(error, NoSuchModel):
        table["displayData"] = {"code": "generic.noModelMatchingQuery", "query": {}, "total": 0}
    return table
