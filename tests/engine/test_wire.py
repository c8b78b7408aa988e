import orjson
import pytest
from domov.engine.wire import EventReader, error_of, request_body

from domov.errors import BadRequest, Broken, ContextOverflow
from domov.types import ChatRequest, Done, Message, ReasoningDelta, Sampling, TextDelta


def chunk(**delta: str) -> bytes:
    return b"data: " + orjson.dumps({"choices": [{"delta": delta, "finish_reason": None}]}) + b"\n\n"


def test_a_request_says_only_what_was_asked_for_and_always_streams() -> None:
    body = orjson.loads(request_body(ChatRequest("m", (Message("user", "Hi"),), Sampling(seed=7))))
    assert body["messages"] == [{"role": "user", "content": "Hi"}]
    assert (body["stream"], body["seed"]) == (True, 7)
    assert not {"temperature", "max_tokens", "stop", "response_format"} & body.keys()


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_events_come_out_whole_however_the_bytes_are_cut(size: int) -> None:
    sent = chunk(content="dům ") + chunk(reasoning_content="hm") + chunk(content="🏠") + b"data: [DONE]\n\n"
    reader = EventReader()
    events = [e for i in range(0, len(sent), size) for e in reader.feed(sent[i : i + size])]
    assert events == [TextDelta("dům "), ReasoningDelta("hm"), TextDelta("🏠")]


def test_the_usage_chunk_becomes_done_with_the_reason_that_came_before_it() -> None:
    end = {"choices": [{"delta": {}, "finish_reason": "length"}]}
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 8}}
    last = {"choices": [], "usage": usage, "timings": {"predicted_ms": 500, "prompt_ms": 250}}
    (done,) = EventReader().feed(b"".join(b"data: " + orjson.dumps(c) + b"\n\n" for c in (end, last)))
    assert isinstance(done, Done) and done.reason == "length"
    assert (done.usage.cached_tokens, done.usage.prompt_seconds) == (8, 0.25)
    assert done.usage.answer_tokens_per_second == 8.0  # 4 tokens in half a second


def test_errors_are_told_apart_by_their_type() -> None:
    overflow = error_of({"error": {"type": "exceed_context_size_error", "n_prompt_tokens": 10, "n_ctx": 5}})
    assert isinstance(overflow, ContextOverflow) and overflow.prompt_tokens == 10
    assert isinstance(error_of({"error": {"type": "invalid_request_error", "message": "no"}}), BadRequest)
    assert isinstance(error_of({"error": {"type": "server_error", "message": "no"}}), Broken)
    assert isinstance(error_of({}), Broken)


def test_an_error_in_the_middle_of_a_stream_is_raised() -> None:
    with pytest.raises(Broken, match="out of luck"):
        list(EventReader().feed(b'data: {"error":{"type":"server_error","message":"out of luck"}}\n\n'))
