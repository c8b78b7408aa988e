import orjson
import pytest

from domov.engine.remote import Reader, refusal, request_body
from domov.errors import AccessDenied, BadRequest, Broken, DomovError, NotFound
from domov.types import ChatRequest, Done, Message, ReasoningDelta, Sampling, TextDelta, Usage


def test_a_request_sends_nothing_that_strict_servers_refuse() -> None:
    request = ChatRequest("m", (Message("user", "Hi"),), Sampling(temperature=0.0, ignore_end=True), max_tokens=4)
    body = orjson.loads(request_body(request))
    assert set(body) == {"model", "messages", "stream", "stream_options", "temperature", "max_tokens"}


def test_words_reasoning_and_usage_are_read() -> None:
    reader = Reader()
    lines = [
        b'data: {"choices":[{"delta":{"reasoning_content":"hm"}}]}',
        b'data:{"choices":[{"delta":{"content":"a"}}]}\r',
        b'data: {"choices":[{"delta":{},"finish_reason":"length"}]}',
        b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,'
        b'"prompt_tokens_details":{"cached_tokens":4}}}',
        b"data: [DONE]",
        b": a comment",
        b"",
    ]
    assert [e for line in lines for e in reader.read(line)] == [ReasoningDelta("hm"), TextDelta("a")]
    assert reader.done() == Done("length", Usage(9, 3, cached_tokens=4))


def test_pieces_count_as_tokens_where_no_usage_is_told() -> None:
    reader = Reader()
    for _ in range(3):
        reader.read(b'data: {"choices":[{"delta":{"content":"a"}}],"usage":null}')
    assert reader.done().usage.answer_tokens == 3


@pytest.mark.parametrize(
    "line", [b"data: {", b"data: 1", b'data: {"choices": 5}', b'data: {"error": {"message": "x"}}']
)
def test_anything_else_is_an_error(line: bytes) -> None:
    with pytest.raises(Broken):
        Reader().read(line)


@pytest.mark.parametrize(
    ("status", "kind"), [(400, BadRequest), (401, AccessDenied), (404, NotFound), (429, Broken), (503, Broken)]
)
def test_refusals_have_the_servers_words(status: int, kind: type[DomovError]) -> None:
    for body in (b'{"error": {"message": "out of cheese"}}', b'{"error": "out of cheese"}', b"out of cheese"):
        error = refusal(status, body)
        assert type(error) is kind and "out of cheese" in error.message and str(status) in error.message
