"""LM Studio's own Python client against a real port."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import lmstudio
import pytest
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from domov.api.lmstudio.fragments import Told
from domov.api.lmstudio.sockets import serve
from domov.errors import Offline
from domov.types import TextDelta
from tests.api.conftest import Server

SURE = lmstudio.LlmPredictionConfig(temperature=0.0, max_tokens=8)


@pytest.fixture(scope="module")
def client(able: Server) -> Iterator[lmstudio.Client]:
    with lmstudio.Client(f"127.0.0.1:{able.port}") as opened:
        yield opened


def test_a_fragment_tells_how_many_tokens_came_at_once() -> None:
    (fragment,) = Told().messages(TextDelta("two of them", pieces=2))
    assert fragment["fragment"]["tokensCount"] == 2


def test_the_client_finds_the_server(able: Server) -> None:
    assert lmstudio.Client.is_valid_api_host(f"127.0.0.1:{able.port}")


def test_a_chat(client: lmstudio.Client) -> None:
    model = client.llm.model("plain")
    assert model.identifier == "plain:latest"
    answer = model.respond("Hello.", config=SURE)
    assert answer.content and answer.stats.predicted_tokens_count == 8
    assert answer.stats.stop_reason == "maxPredictedTokensReached" and answer.model_info.model_key == "plain:latest"
    chat = lmstudio.Chat("Be brief.")
    chat.add_user_message("Why is the sky blue?")
    chat.add_assistant_response("Because air scatters blue light.")
    chat.add_user_message("And at night?")
    longer = model.respond(chat, config=SURE)
    assert (longer.stats.prompt_tokens_count or 0) > (answer.stats.prompt_tokens_count or 0)


def test_a_stream_and_its_progress(client: lmstudio.Client) -> None:
    shares: list[float] = []
    model = client.llm.model("plain")
    stream = model.respond_stream("Hello.", config=SURE, on_prompt_processing_progress=shares.append)
    words = [fragment.content for fragment in stream]
    assert len(words) > 2 and "".join(words) == stream.result().content == model.respond("Hello.", config=SURE).content
    assert shares == sorted(shares) and shares[-1] == 1.0


def test_a_stream_that_is_cancelled_ends_at_once(client: lmstudio.Client, able: Server) -> None:
    stream = client.llm.model("plain").respond_stream("Tell a long story.", config={"temperature": 0.0})
    for number, _ in enumerate(stream):
        if number == 2:
            stream.cancel()
    assert stream.result().stats.stop_reason == "userStopped"
    rows = httpx2.get(f"{able.url}/api/domov/loaded").json()["models"]
    assert not any(row["running"] for row in rows if row["model"] == "plain:latest")


def test_a_text_is_written_on_verbatim(client: lmstudio.Client, able: Server) -> None:
    text = "Once upon a time"
    answer = client.llm.model("plain").complete(text, config=SURE)
    asked = {"model": "plain", "prompt": text, "max_tokens": 8, "temperature": 0}
    openai = httpx2.post(f"{able.url}/v1/completions", json=asked, timeout=60).json()
    assert answer.content == openai["choices"][0]["text"]


def test_an_answer_held_to_a_schema(client: lmstudio.Client) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    answer = client.llm.model("plain").respond("A number.", response_format=schema, config={"temperature": 0.0})
    assert isinstance(answer.parsed, dict) and isinstance(answer.parsed["n"], int)


def test_thoughts_are_told_from_the_answer(client: lmstudio.Client) -> None:
    stream = client.llm.model("thinker").respond_stream("Hello.", config=SURE)
    assert {fragment.reasoning_type for fragment in stream} & {"reasoning"}


def test_tools_are_called_by_the_client(client: lmstudio.Client) -> None:
    called: list[int] = []

    def lucky_number(maximum: int) -> int:
        """A lucky number up to a maximum."""
        called.append(maximum)
        return 7

    model = client.llm.model("thinker")
    config = lmstudio.LlmPredictionConfig(temperature=0.0, max_tokens=40)
    model.act("Call lucky_number with maximum 9.", [lucky_number], max_prediction_rounds=1, config=config)
    assert all(isinstance(number, int) for number in called)  # a model this small may as well only talk


def test_models_are_listed_loaded_and_unloaded(client: lmstudio.Client) -> None:
    keys = {model.model_key for model in client.system.list_downloaded_models()}
    assert {"plain:latest", "encoder:latest"} <= keys
    shares: list[float] = []
    config = lmstudio.LlmLoadModelConfig(context_length=1024)
    model = client.llm.load_new_instance("filler", config=config, on_load_progress=shares.append)
    assert model.get_context_length() == 1024 and shares[-1] == 1.0
    assert "filler:latest" in {loaded.identifier for loaded in client.llm.list_loaded()}
    assert model.get_load_config().context_length == 1024
    model.unload()
    assert "filler:latest" not in {loaded.identifier for loaded in client.llm.list_loaded()}


def test_tokens_templates_and_vectors(client: lmstudio.Client) -> None:
    model = client.llm.model("plain")
    assert model.count_tokens("Hello there.") == len(model.tokenize("Hello there.")) > 2
    assert "Hello there." in model.apply_prompt_template("Hello there.")
    vectors = client.embedding.model("encoder").embed(["red apple", "blue"])
    assert len(vectors) == 2 and len(list(vectors[0])) > 1  # type: ignore[arg-type]


def test_what_can_not_be_is_an_error_of_the_client(client: lmstudio.Client) -> None:
    with pytest.raises(lmstudio.LMStudioModelNotFoundError, match="nosuch"):
        client.llm.model("nosuch")
    model = client.llm.model("plain")
    with pytest.raises(lmstudio.LMStudioServerError, match="trained for 8192"):
        client.llm.load_new_instance("plain", config={"contextLength": 100_000})
    with pytest.raises(lmstudio.LMStudioServerError, match="one instance"):
        client.llm.load_new_instance("plain", "second")
    with pytest.raises(lmstudio.LMStudioServerError, match="tokens"):
        model.respond("word " * 9000)
    with pytest.raises(lmstudio.LMStudioServerError, match="writes no text"):
        client.llm.model("encoder").respond("Hello.")
    assert model.respond("Hello.", config=SURE).content  # all on the same connection


@pytest.mark.parametrize(
    ("path", "origin", "host"),
    [
        ("llm", "https://evil.example", None),
        ("embedding", "null", None),
        ("system", None, "evil.example"),
        ("nothing", None, None),
    ],
)
def test_pages_of_other_origins_and_names_may_not_connect(
    able: Server, path: str, origin: str | None, host: str | None
) -> None:
    headers = ({"Origin": origin} if origin else {}) | ({"Host": host} if host else {})
    with (
        pytest.raises(InvalidStatus) as caught,
        connect(f"ws://127.0.0.1:{able.port}/{path}", additional_headers=headers),
    ):
        pass
    assert caught.value.response.status_code in (400, 403)  # 400: the Host that the client adds itself stands twice


def test_a_page_of_this_server_may_connect(able: Server) -> None:
    with connect(f"ws://127.0.0.1:{able.port}/llm", additional_headers={"Origin": able.url}) as socket:
        socket.send(json.dumps(HELLO))
        assert json.loads(socket.recv()) == {"success": True}


HELLO = {"authVersion": 1, "clientIdentifier": "a", "clientPasskey": "b"}


class Socket:
    """A client's end of a WebSocket: what it sends, and what has reached it."""

    def __init__(self, *messages: object) -> None:
        self.messages = [m if isinstance(m, str) else json.dumps(m) for m in messages]
        self.sent: list[dict[str, Any]] = []
        self.closed: int | None = None
        self.all_read, self.leaves = asyncio.Event(), asyncio.Event()

    async def accept(self) -> None: ...

    async def receive_text(self) -> str:
        if self.messages:
            return self.messages.pop(0)
        self.all_read.set()
        await self.leaves.wait()
        raise WebSocketDisconnect

    async def send_text(self, text: str) -> None:
        self.sent.append(json.loads(text))

    async def close(self, code: int, reason: str) -> None:
        self.closed = code


async def fails(_: dict[str, Any]) -> None:
    raise Offline("no network")


async def endless(_: dict[str, Any], enough: asyncio.Event) -> AsyncIterator[dict[str, Any]]:
    yield {"type": "begun"}
    await enough.wait()
    yield {"type": "success"}


async def talk(socket: Socket) -> None:
    serving = asyncio.ensure_future(serve(socket, {"fails": fails}, {"endless": endless}))  # type: ignore[arg-type]
    await asyncio.wait((serving, asyncio.ensure_future(socket.all_read.wait())), return_when=asyncio.FIRST_COMPLETED)
    for _ in range(50):  # turns for what was asked
        await asyncio.sleep(0)
    socket.leaves.set()
    await serving


@pytest.mark.parametrize(
    "messages",
    [
        ["no json"],
        [[1]],
        [{"authVersion": 9}],
        [{}],
        [HELLO, "{"],
        [HELLO, [HELLO]],
        [HELLO, {"endpoint": "x"}],
        [HELLO, *({"type": "channelCreate", "endpoint": "endless", "channelId": n} for n in range(500))],
    ],
)
async def test_a_client_that_talks_nonsense_is_hung_up_on(messages: list[object]) -> None:
    socket = Socket(*messages)
    await talk(socket)
    assert socket.closed == 1008


async def test_errors_and_unknown_calls_are_answers() -> None:
    calls = [{"type": "rpcCall", "endpoint": name, "callId": n} for n, name in enumerate(("fails", "nosuch"))]
    socket = Socket(HELLO, *calls, {"type": "novel"}, {"type": "channelSend", "channelId": 7, "message": {}})
    await talk(socket)
    assert socket.sent[0] == {"success": True}
    told = {message["callId"]: message["error"]["title"] for message in socket.sent[1:] if "error" in message}
    assert told[0] == "no network" and "nosuch" in told[1]


async def test_a_channel_ends_when_the_client_has_enough() -> None:
    created = {"type": "channelCreate", "endpoint": "endless", "channelId": 3}
    socket = Socket(HELLO, created, {"type": "channelSend", "channelId": 3, "message": {"type": "cancel"}})
    await talk(socket)
    kinds = [message.get("message", {}).get("type", message.get("type")) for message in socket.sent[1:]]
    assert kinds == ["begun", "success", "channelClose"]


async def test_what_is_under_way_ends_with_its_client() -> None:
    start = time.monotonic()
    socket = Socket(HELLO, {"type": "channelCreate", "endpoint": "endless", "channelId": 3})
    await talk(socket)
    assert socket.closed is None and time.monotonic() - start < 10
