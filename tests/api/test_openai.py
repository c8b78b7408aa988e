"""OpenAI's dialect, spoken by OpenAI's own client."""

import json
import time
from collections.abc import Iterator

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from tests.api.conftest import Server
from tests.conftest import STARTER

PICTURE = "data:image/png;base64,iVBORw0KGgo="
SOUND = {"data": "UklGRg==", "format": "wav"}
QUESTION: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Why is the sky blue?"}]


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as opened:
        yield opened


def test_the_models_that_are_here_are_listed(client: openai.OpenAI) -> None:
    assert STARTER in [m.id for m in client.models.list()]
    assert client.models.retrieve(STARTER).owned_by == "domov"


def test_a_whole_answer_comes_with_its_usage(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model=STARTER, messages=QUESTION, max_tokens=6, temperature=0)
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage and answer.usage.completion_tokens == 6
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 6


def test_a_streamed_answer_is_the_whole_one_in_pieces(client: openai.OpenAI) -> None:
    options = {"model": STARTER, "messages": QUESTION, "max_tokens": 12, "temperature": 0}
    whole = client.chat.completions.create(**options)  # type: ignore[call-overload]
    chunks = list(client.chat.completions.create(**options, stream=True, stream_options={"include_usage": True}))  # type: ignore[call-overload]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == whole.choices[0].message.content
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "length"
    assert chunks[-1].usage.completion_tokens == 12
    assert len({c.id for c in chunks}) == 1


def test_usage_comes_only_when_it_is_asked_for(client: openai.OpenAI) -> None:
    chunks = list(client.chat.completions.create(model=STARTER, messages=QUESTION, max_tokens=2, stream=True))
    assert all(c.choices and c.usage is None for c in chunks)


def test_the_same_seed_gives_the_same_answer_and_another_may_not(client: openai.OpenAI) -> None:
    def ask(seed: int) -> str | None:
        options = {"model": STARTER, "messages": QUESTION, "max_tokens": 16, "temperature": 1.5}
        answer = client.chat.completions.create(**options, seed=seed)  # type: ignore[call-overload]
        return str(answer.choices[0].message.content)

    assert ask(1) == ask(1)
    assert len({ask(seed) for seed in range(4)}) > 1


def test_a_stop_text_ends_the_answer(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model=STARTER, messages=QUESTION, max_tokens=20, temperature=0)
    stop = str(whole.choices[0].message.content).split()[3]
    cut = client.chat.completions.create(model=STARTER, messages=QUESTION, max_tokens=20, temperature=0, stop=stop)
    assert stop not in str(cut.choices[0].message.content)
    assert cut.choices[0].finish_reason == "stop"


def test_a_json_schema_is_kept(client: openai.OpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {"colour": {"enum": ["red", "blue"]}},
        "required": ["colour"],
        "additionalProperties": False,
    }
    answer = client.chat.completions.create(
        model=STARTER,
        messages=QUESTION,
        max_tokens=60,
        temperature=0,
        response_format={"type": "json_schema", "json_schema": {"name": "sky", "schema": schema}},
    )
    assert json.loads(str(answer.choices[0].message.content))["colour"] in ("red", "blue")


def test_an_unknown_model_is_404_with_the_nearest_name(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match=STARTER):
        client.chat.completions.create(model="smollm2:135", messages=QUESTION)


def test_a_prompt_longer_than_the_context_is_400_with_the_numbers(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="context holds 8192") as caught:
        client.chat.completions.create(model=STARTER, messages=[{"role": "user", "content": "home " * 9000}])
    assert caught.value.code == "context_length_exceeded"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", -1),
        ("temperature", 1e400),
        ("max_tokens", 0),
        ("max_tokens", 2**40),
        ("seed", 2**80),
        ("top_p", "much"),
        ("n", 0),
        ("n", 10**9),
        ("functions", [{"name": "f"}]),
        ("tools", [{"type": "function", "function": {"name": "../../etc/passwd"}}]),
        ("tools", [{"type": "function", "function": {"name": "f", "parameters": {"type": "nonsense"}}}]),
        ("tool_choice", "required"),
        ("tool_choice", {"type": "function", "function": {"name": "f"}}),
        ("top_logprobs", 3),
        ("logit_bias", {"99999999": 1}),
        ("logit_bias", {"5": 1e300}),
        ("repeat_last_n", -7),
        ("dry_base", 1e30),
        ("samplers", ["magic"]),
        ("mirostat", 9),
        ("typical_p", "NaN"),
        ("lora", [{"id": 3, "scale": 1}]),
        ("grammar", "root ::= nothing"),
        ("keep_alive", "soon"),
        ("priority", "first"),
        ("overflow", "explode"),
        ("continue_final_message", True),
        ("chat_template_kwargs", {"enable_thinking": "maybe"}),
        ("stop", ["\ud800"]),
        ("messages", [{"role": "user", "content": "half \ud800 a pair"}]),
        ("response_format", {"type": "json_schema", "json_schema": {"schema": {"$ref": "#"}}}),
        ("messages", []),
        ("messages", [{"role": "robot", "content": "x"}]),
        ("messages", [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]),
        ("messages", [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": PICTURE}}]}]),
        ("messages", [{"role": "user", "content": [{"type": "input_audio", "input_audio": SOUND}]}]),
        ("response_format", {"type": "json_schema"}),
        ("response_format", {"type": "json_schema", "json_schema": {"schema": {"type": "nonsense"}}}),
        ("model", "/etc/passwd"),
        ("model", "../x.gguf"),
        ("model", "a\0b"),
        ("model", "x" * 10_000),
    ],
)
def test_what_can_not_be_honoured_is_400_and_says_what(client: openai.OpenAI, field: str, value: object) -> None:
    body = {"model": STARTER, "messages": QUESTION, "max_tokens": 4, field: value}
    answer = post(client, json.dumps(body))
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert 10 < len(error["message"]) < 600


@pytest.mark.parametrize(
    "body",
    ["", "{", "[]", "null", '"x"', '{"model": "\\ud800"}', "[" * 1000, '{"model": "m", "x": ' + "[" * 5000, "\xff\xfe"],
)
def test_a_body_that_is_no_request_is_400(client: openai.OpenAI, body: str) -> None:
    assert post(client, body).status_code == 400


def test_unknown_fields_are_ignored(client: openai.OpenAI) -> None:
    answer = post(client, json.dumps({"model": STARTER, "messages": QUESTION, "max_tokens": 1, "colour": "blue"}))
    assert answer.status_code == 200


def post(client: openai.OpenAI, body: str) -> httpx2.Response:
    headers = {"content-type": "application/json"}
    return httpx2.post(
        f"{client.base_url}chat/completions", content=body.encode("latin-1"), headers=headers, timeout=60
    )


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_frees_the_model(client: openai.OpenAI, server: Server, stream: bool) -> None:
    # The one slot is free again when a short question is answered at once, long before the long one could end.
    body = {"model": STARTER, "messages": QUESTION, "max_tokens": 4000, "temperature": 2, "stream": stream}
    with (
        pytest.raises(httpx2.TimeoutException),
        httpx2.stream(
            "POST", f"{server.url}/v1/chat/completions", json=body, timeout=httpx2.Timeout(30, read=0.4)
        ) as answer,
    ):
        for _ in answer.iter_bytes():
            if stream:
                raise httpx2.ReadTimeout("enough")
    start = time.monotonic()
    client.chat.completions.create(model=STARTER, messages=QUESTION, max_tokens=1)
    assert time.monotonic() - start < 5
