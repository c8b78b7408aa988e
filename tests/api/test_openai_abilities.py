"""Everything that a model can be asked, by OpenAI's own client, of models that can do it."""

import base64
import json
import math
import struct
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest

from tests.api.conftest import Server

QUESTION: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


@pytest.fixture(scope="module")
def client(able: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{able.url}/v1", api_key="none", max_retries=0, timeout=60) as opened:
        yield opened


def ask(client: openai.OpenAI, model: str = "plain", **more: Any) -> Any:
    extra = {k: more.pop(k) for k in list(more) if k in EXTRA}
    return client.chat.completions.create(
        **{"model": model, "messages": QUESTION, "max_tokens": 100, "temperature": 0, **more}, extra_body=extra
    )


EXTRA = {"banned_strings", "chat_template_kwargs", "thinking_budget_tokens", "keep_alive", "priority", "grammar"}
EXTRA |= {"min_p", "dry_multiplier", "samplers", "continue_final_message", "return_progress", "ignore_eos"}


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "get_weather"}}])
@pytest.mark.parametrize("model", ["plain", "thinker"])
def test_a_tool_is_called_when_it_must_be(client: openai.OpenAI, model: str, choice: Any) -> None:
    more: dict[str, Any] = {
        "tools": [WEATHER],
        "tool_choice": choice,
        "chat_template_kwargs": {"enable_thinking": False},
    }
    answer = ask(client, model, **more).choices[0]
    (call,) = answer.message.tool_calls
    assert answer.finish_reason == "tool_calls" and call.id and call.function.name == "get_weather"
    assert isinstance(json.loads(call.function.arguments)["city"], str)
    chunks = list(ask(client, model, stream=True, **more))
    pieces = [piece for c in chunks for piece in c.choices[0].delta.tool_calls or []]
    assert all(piece.index == 0 for piece in pieces) and pieces[0].function.name == "get_weather"
    assert json.loads("".join(p.function.arguments for p in pieces)) == json.loads(call.function.arguments)
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_a_tools_result_goes_back(client: openai.OpenAI) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
    messages = [
        *QUESTION,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "hail"},
    ]
    for model in ("plain", "thinker"):
        assert ask(client, model, messages=messages, tools=[WEATHER], max_tokens=20).usage.completion_tokens > 0


def test_several_answers_are_several_and_counted(client: openai.OpenAI) -> None:
    answer = ask(client, n=3, temperature=1.5, seed=1, max_tokens=8)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in answer.choices}) > 1
    assert answer.usage.completion_tokens == 24
    chunks = ask(client, n=2, max_tokens=3, stream=True, stream_options={"include_usage": True})
    assert {c.choices[0].index for c in chunks if c.choices} == {0, 1}


def test_log_probabilities_are_told(client: openai.OpenAI) -> None:
    answer = ask(client, logprobs=True, top_logprobs=2, max_tokens=4)
    tokens = answer.choices[0].logprobs.content
    assert b"".join(bytes(t.bytes) for t in tokens).decode() == answer.choices[0].message.content
    assert all(len(t.top_logprobs) == 2 and t.logprob <= 0 for t in tokens)
    chunks = list(ask(client, logprobs=True, top_logprobs=2, max_tokens=4, stream=True))
    assert sum(len(c.choices[0].logprobs.content) for c in chunks if c.choices[0].logprobs) == 4


def test_a_token_is_forbidden_by_its_bias(client: openai.OpenAI, able: Server) -> None:
    first = ask(client, max_tokens=1).choices[0].message.content
    (number,) = post(able, "/tokenize", {"model": "plain", "content": first})["tokens"]
    assert ask(client, max_tokens=1, logit_bias={str(number): -100}).choices[0].message.content != first


def test_banned_strings_do_not_come(client: openai.OpenAI) -> None:
    word = ask(client, max_tokens=20).choices[0].message.content.split()[4]
    answer = ask(client, max_tokens=20, banned_strings=[word.upper()])
    assert word.lower() not in answer.choices[0].message.content.lower()
    assert answer.usage.completion_tokens == 20


def test_reasoning_is_apart_and_can_be_turned_off_or_bounded(client: openai.OpenAI) -> None:
    bounded = ask(client, "thinker", thinking_budget_tokens=5, max_tokens=30).choices[0].message
    assert bounded.reasoning_content and bounded.content
    for off in ({"reasoning_effort": "none"}, {"chat_template_kwargs": {"enable_thinking": False}}):
        message = ask(client, "thinker", max_tokens=6, **off).choices[0].message
        assert message.content and not hasattr(message, "reasoning_content")


def test_a_schema_is_kept_after_reasoning(client: openai.OpenAI) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    message = ask(client, "thinker", thinking_budget_tokens=5, response_format=form).choices[0].message
    assert message.reasoning_content and isinstance(json.loads(message.content)["n"], int)


def test_llama_cpps_fields_are_taken(client: openai.OpenAI) -> None:
    more: dict[str, Any] = {
        "min_p": 0.1,
        "dry_multiplier": 0.5,
        "samplers": ["top_k", "temperature"],
        "keep_alive": "5m",
    }
    assert ask(client, max_tokens=3, priority="batch", **more).choices[0].message.content
    assert ask(client, grammar='root ::= "yes"').choices[0].message.content == "yes"
    messages = [*QUESTION, {"role": "assistant", "content": "It rains in"}]
    assert ask(client, messages=messages, continue_final_message=True, max_tokens=3).choices[0].message.content


def test_progress_comes_before_the_first_word(client: openai.OpenAI) -> None:
    messages = [{"role": "user", "content": "home " * 700}]
    chunks = list(ask(client, messages=messages, max_tokens=2, stream=True, return_progress=True))
    told = [c.prompt_progress for c in chunks if hasattr(c, "prompt_progress")]
    assert told and told[-1]["processed"] == told[-1]["total"]


def test_a_prompt_is_written_on(client: openai.OpenAI, able: Server) -> None:
    prompt = "Once upon a time"
    one = client.completions.create(model="plain", prompt=prompt, max_tokens=8, temperature=0)
    tokens = post(able, "/tokenize", {"model": "plain", "content": prompt})["tokens"]
    same = client.completions.create(model="plain", prompt=tokens, max_tokens=8, temperature=0, echo=True)
    assert same.choices[0].text == prompt + one.choices[0].text
    assert one.usage and one.usage.completion_tokens == 8
    chunks = client.completions.create(model="plain", prompt=prompt, max_tokens=8, temperature=0, stream=True)
    assert "".join(c.choices[0].text for c in chunks) == one.choices[0].text


def test_several_prompts_give_several_choices_with_figures(client: openai.OpenAI) -> None:
    answer = client.completions.create(
        model="plain", prompt=["One, two,", "Red, green,"], n=2, max_tokens=4, logprobs=2, temperature=0
    )
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert answer.choices[0].text == answer.choices[1].text != answer.choices[2].text
    figures = answer.choices[0].logprobs
    assert figures and figures.tokens and figures.top_logprobs and figures.text_offset
    assert "".join(figures.tokens) == answer.choices[0].text and len(figures.top_logprobs[0]) == 2


def test_a_gap_is_filled(client: openai.OpenAI, able: Server) -> None:
    gap: dict[str, Any] = {
        "model": "filler",
        "prompt": "def add(a, b):\n",
        "suffix": "\nprint(add(1, 2))",
        "max_tokens": 6,
    }
    assert client.completions.create(**gap, temperature=0).choices[0].text
    with pytest.raises(openai.BadRequestError, match="not trained to fill"):
        client.completions.create(**{**gap, "model": "plain"})
    body = {"model": "filler", "input_prefix": "def add(", "input_suffix": ")", "n_predict": 4, "temperature": 0}
    told = post(able, "/infill", {**body, "input_extra": [{"filename": "a.py", "text": "x = 1"}]})
    assert told["content"] and told["tokens_predicted"] == 4 and told["stop_type"] == "limit"


NO_SCHEMAS: list[dict[str, Any]] = [{"type": "nonsense"}, {"$ref": "#/nowhere"}, {"anyOf": 3}, {"properties": 5}]


@pytest.mark.parametrize("schema", NO_SCHEMAS)
def test_what_is_no_schema_is_not_left_out_in_silence(client: openai.OpenAI, schema: dict[str, Any]) -> None:
    with pytest.raises(openai.BadRequestError, match="schema"):
        client.completions.create(model="plain", prompt="x", max_tokens=2, extra_body={"json_schema": schema})


@pytest.mark.parametrize("more", [{"best_of": 3}, {"echo": True, "logprobs": 1}, {"n": 200}, {"prompt": [[]]}])
def test_what_completions_can_not_honour_is_refused(client: openai.OpenAI, more: dict[str, Any]) -> None:
    with pytest.raises(openai.BadRequestError):
        client.completions.create(**{"model": "plain", "prompt": "x", **more})


def test_vectors_as_numbers_and_as_base64_are_the_same(client: openai.OpenAI, able: Server) -> None:
    told = client.embeddings.create(model="encoder", input=["house by the sea", "red apple"])
    assert [row.index for row in told.data] == [0, 1] and told.usage.prompt_tokens > 5
    coded = post(able, "/v1/embeddings", {"model": "encoder", "input": "red apple", "encoding_format": "base64"})
    raw = base64.b64decode(coded["data"][0]["embedding"])
    assert list(struct.unpack(f"<{len(raw) // 4}f", raw)) == pytest.approx(told.data[1].embedding, abs=1e-6)


def test_vectors_are_shortened_to_unit_length(client: openai.OpenAI) -> None:
    (row,) = client.embeddings.create(model="encoder", input=[[2, 5, 3]], dimensions=8).data
    assert len(row.embedding) == 8 and math.hypot(*row.embedding) == pytest.approx(1, abs=1e-5)
    for wrong in ({"dimensions": 4096}, {"input": ""}, {"input": [[10**6]]}, {"model": "plain"}):
        with pytest.raises(openai.BadRequestError):
            client.embeddings.create(**{"model": "encoder", "input": "x", **wrong})  # type: ignore[arg-type]


def test_documents_are_ranked(able: Server) -> None:
    body = {"model": "ranker", "query": "house", "documents": ["red apple", {"text": "house by the sea"}, "sea"]}
    told = post(able, "/v1/rerank", {**body, "top_n": 2, "return_documents": True})
    assert told["results"] == told["data"] and len(told["results"]) == 2
    scores = [row["relevance_score"] for row in told["results"]]
    assert scores == sorted(scores, reverse=True) and told["results"][0]["document"]["text"]


def test_tokens_and_templates_are_told(able: Server) -> None:
    tokens = post(able, "/tokenize", {"model": "plain", "content": "Dobrý den", "with_pieces": True})["tokens"]
    told = post(able, "/detokenize", {"model": "plain", "tokens": [t["id"] for t in tokens]})
    assert told["content"] == "Dobrý den"
    prompt = post(able, "/apply-template", {"model": "plain", "messages": QUESTION})["prompt"]
    assert "weather in Paris" in prompt
    assert httpx2.post(f"{able.url}/detokenize", json={"model": "plain", "tokens": [10**7]}).status_code == 400


def post(server: Server, path: str, body: dict[str, Any]) -> Any:
    answer = httpx2.post(f"{server.url}{path}", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()
