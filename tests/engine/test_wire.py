import math
from dataclasses import replace
from typing import Any

import orjson
import pytest

from domov.engine.thoughts import Thoughts
from domov.engine.traits import Traits, read_traits
from domov.engine.wire_chat import ChatReader, chat_fields
from domov.engine.wire_completion import CompletionReader, completion_fields
from domov.engine.wire_errors import error_of, to_json
from domov.engine.wire_sampling import RANGES
from domov.engine.wire_vectors import read_ranking
from domov.errors import BadRequest, Broken, ContextOverflow
from domov.types import (
    Adapter,
    ChatRequest,
    CompletionRequest,
    Done,
    Media,
    Message,
    Progress,
    ReasoningDelta,
    Sampling,
    TextDelta,
    ToolCallDelta,
)

TRAITS = Traits(context_tokens=1000, vocabulary=100, adapters=2)
HI = (Message("user", "Hi"),)


def chunk(finish: str | None = None, **delta: Any) -> bytes:
    return line({"choices": [{"delta": delta, "finish_reason": finish}]})


def line(table: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(table) + b"\n\n"


def test_a_request_says_only_what_was_asked_for_and_always_streams() -> None:
    fields = chat_fields(ChatRequest("m", HI, Sampling(seed=7, temperature=0)), TRAITS)
    assert fields["messages"] == [{"role": "user", "content": "Hi"}]
    assert (fields["stream"], fields["seed"], fields["temperature"]) == (True, 7, 0)
    assert not {"n_predict", "stop", "response_format", "tools", "lora", "logprobs", "verbose"} & fields.keys()


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_events_come_out_whole_however_the_bytes_are_cut(size: int) -> None:
    sent = chunk(content="dům ") + chunk(reasoning_content="hm") + chunk(content="🏠") + b": ping\n\ndata: [DONE]\n\n"
    reader = ChatReader()
    events = [e for i in range(0, len(sent), size) for e in reader.feed(sent[i : i + size])]
    assert events == [TextDelta("dům "), ReasoningDelta("hm"), TextDelta("🏠")]


def test_the_usage_chunk_becomes_done_with_the_reason_that_came_before_it() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 8}}
    timings = {"predicted_ms": 500, "prompt_ms": 250, "draft_n": 5, "draft_n_accepted": 3}
    last = {"choices": [], "usage": usage, "timings": timings}
    (done,) = ChatReader().feed(chunk("length") + line(last))
    assert isinstance(done, Done) and done.reason == "length"
    assert (done.usage.cached_tokens, done.usage.prompt_seconds) == (8, 0.25)
    assert done.usage.answer_tokens_per_second == 8.0  # 4 tokens in half a second
    assert (done.usage.drafted_tokens, done.usage.accepted_tokens) == (5, 3)


def test_the_calls_of_a_native_template_are_passed_on_with_their_places() -> None:
    first = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
    then = {"index": 0, "function": {"arguments": "{}"}}
    events = list(ChatReader().feed(chunk(tool_calls=[first]) + chunk(tool_calls=[then])))
    assert events == [ToolCallDelta(0, "a", "f", ""), ToolCallDelta(0, None, None, "{}")]


def test_progress_and_figures_are_read() -> None:
    told = {"choices": [], "prompt_progress": {"total": 9, "cache": 2, "processed": 5}}
    assert list(ChatReader().feed(line(told))) == [Progress(5, 9, 2)]
    entry = {"id": 5, "token": "a", "bytes": [97], "logprob": None, "top_logprobs": []}
    piece = {"content": "a", "stop": False, "completion_probabilities": [entry]}
    (delta,) = CompletionReader(alternatives=1).feed(line(piece))
    assert isinstance(delta, TextDelta) and delta.tokens[0].content == b"a" and delta.tokens[0].logprob == -9999


def test_errors_are_told_apart_by_their_type() -> None:
    overflow = error_of({"error": {"type": "exceed_context_size_error", "n_prompt_tokens": 10, "n_ctx": 5}})
    assert isinstance(overflow, ContextOverflow) and overflow.prompt_tokens == 10
    for kind in ("invalid_request_error", "not_supported_error"):
        assert isinstance(error_of({"error": {"type": kind, "message": "no"}}), BadRequest)
    assert isinstance(error_of({"error": {"type": "server_error", "message": "no"}}), Broken)
    assert isinstance(error_of([]), Broken)


def test_an_error_in_the_middle_of_a_stream_is_raised() -> None:
    with pytest.raises(Broken, match="out of luck"):
        list(ChatReader().feed(b'data: {"error":{"type":"server_error","message":"out of luck"}}\n\n'))


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300, -1000])
def test_no_number_reaches_native_code_that_means_nothing(name: str, value: float) -> None:
    with pytest.raises(BadRequest, match=name):
        chat_fields(ChatRequest("m", HI, Sampling(**{name: value})), TRAITS)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["repeat_last_n", "dry_penalty_last_n"])
def test_a_window_is_never_longer_than_the_context(name: str) -> None:
    # llama.cpp makes a buffer of that many tokens
    for value, sent in ((-1, 1000), (2**31 - 1, 1000), (64, 64), (0, 0)):
        assert chat_fields(ChatRequest("m", HI, Sampling(**{name: value})), TRAITS)[name] == sent  # type: ignore[arg-type]


def test_a_bias_is_by_number_or_text_and_minus_infinity_forbids() -> None:
    bias = ((5, 1.5), ("no", -math.inf))
    fields = chat_fields(ChatRequest("m", HI, Sampling(logit_bias=bias)), TRAITS)
    assert fields["logit_bias"] == [[5, 1.5], ["no", False]]
    with pytest.raises(BadRequest, match="no such token: 100"):
        chat_fields(ChatRequest("m", HI, Sampling(logit_bias=((100, 1.0),))), TRAITS)


def test_adapters_are_checked_by_their_place() -> None:
    assert chat_fields(ChatRequest("m", HI, adapters=(Adapter(1, 0.5),)), TRAITS)["lora"] == [{"id": 1, "scale": 0.5}]
    with pytest.raises(BadRequest, match="no such adapter"):
        chat_fields(ChatRequest("m", HI, adapters=(Adapter(2, 0.5),)), TRAITS)


GIF = b"GIF89a\x01\x00\x01\x00"


def test_pictures_and_sounds_go_to_models_that_take_them_only() -> None:
    messages = (Message("user", ("Look:", Media("image", GIF, "image/gif"), Media("audio", b"\x02", "audio/wav"))),)
    content = chat_fields(ChatRequest("m", messages), Traits(10, sees=True, hears=True))["messages"][0]["content"]
    assert content[1]["image_url"]["url"] == "data:image/gif;base64,R0lGODlhAQABAA=="
    assert content[2]["input_audio"] == {"data": "Ag==", "format": "wav"}
    for traits in (Traits(10), Traits(10, sees=True), Traits(10, hears=True)):
        with pytest.raises(BadRequest, match="takes no"):
            chat_fields(ChatRequest("m", messages), traits)


@pytest.mark.parametrize("prompt", [(), (-1,), (100,), (2**40,)])
def test_tokens_that_there_are_not_are_refused(prompt: tuple[int, ...]) -> None:
    with pytest.raises(BadRequest):
        completion_fields(CompletionRequest("m", prompt), TRAITS)


def test_what_was_read_around_a_gap_moves_along_unless_a_seed_asks_for_the_same_each_time() -> None:
    gap = CompletionRequest("m", "def f", suffix="\n")
    assert completion_fields(gap, TRAITS, prompt=[1])["n_cache_reuse"] > 0
    marked = CompletionRequest("m", "<|fim_prefix|>def f<|fim_suffix|>\n<|fim_middle|>")
    assert completion_fields(marked, TRAITS)["n_cache_reuse"] > 0
    seeded = completion_fields(replace(gap, sampling=Sampling(seed=1)), TRAITS, prompt=[1])
    assert "n_cache_reuse" not in seeded and seeded["cache_prompt"] is False
    plain = completion_fields(CompletionRequest("m", "def f"), TRAITS)
    assert "n_cache_reuse" not in plain and plain["cache_prompt"] is True


def test_what_json_can_not_hold_is_a_bad_request() -> None:
    deep: dict[str, Any] = {}
    for _ in range(1000):
        deep = {"x": deep}
    for wrong in ({"x": "\ud800"}, deep):
        with pytest.raises(BadRequest):
            to_json(wrong)


def test_what_a_worker_says_of_its_model_is_read() -> None:
    props = {
        "default_generation_settings": {"n_ctx": 512},
        "total_slots": 2,
        "modalities": {"vision": True},
        "chat_template_caps": {"supports_tools": True, "supports_tool_calls": True},
        "chat_template": "<think>",
    }
    traits = read_traits(props, {"data": [{"meta": {"n_vocab": 7}}]}, [{}])
    assert traits == Traits(512, 2, 7, adapters=1, sees=True, shows_tools=True, marks_thoughts=True)
    assert traits.abilities(embeds=False, reranks=False).sees


def test_scores_come_back_in_the_order_of_the_documents() -> None:
    rows = [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}]
    assert read_ranking({"results": rows, "usage": {"prompt_tokens": 4}}, documents=2).scores == (0.1, 0.9)
    with pytest.raises(Broken):
        read_ranking({"results": rows[:1], "usage": {"prompt_tokens": 4}}, documents=2)


@pytest.mark.parametrize("size", [1, 3, 100])
def test_thoughts_are_told_from_the_answer_however_they_come(size: int) -> None:
    for prompt, text in (("…<think>\n", "hm </think>\n\nyes <b>"), ("…", "<think>hm </think>\n\nyes <b>")):
        thoughts = Thoughts(prompt)
        pieces = [TextDelta(text[i : i + size]) for i in range(0, len(text), size)]
        events = [e for piece in pieces for e in thoughts.feed(piece)] + list(thoughts.end())
        assert "".join(e.text for e in events if isinstance(e, ReasoningDelta)) == "hm "
        assert "".join(e.text for e in events if isinstance(e, TextDelta)).lstrip("\n") == "yes <b>"
    plain = Thoughts("…")
    assert [*plain.feed(TextDelta("<thin")), *plain.feed(TextDelta("g>"))] == [TextDelta("<thing>")]
