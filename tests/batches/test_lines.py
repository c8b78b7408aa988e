"""The lines of a batch, in and out."""

from typing import Any

import orjson
import pytest

from domov.batches.lines import Line, Problem, Used, answered_row, checked, lines_of, unanswered_row

ENDPOINT = "/v1/embeddings"


def line(**more: Any) -> bytes:
    table = {"custom_id": "a", "method": "POST", "url": ENDPOINT, "body": {"model": "m"}, **more}
    return orjson.dumps({key: value for key, value in table.items() if value is not ...}) + b"\n"


def test_each_line_is_a_request_and_empty_ones_are_none() -> None:
    content = [line(), b"\n", line(custom_id="b", body={"model": "m", "input": "é"})]
    assert list(lines_of(content, endpoint=ENDPOINT)) == [
        Line(1, "a", {"model": "m"}),
        Line(3, "b", {"model": "m", "input": "é"}),
    ]
    assert checked(content, endpoint=ENDPOINT) == (2, [])


@pytest.mark.parametrize(
    ("wrong", "code", "param"),
    [
        (b"{", "invalid_json_line", None),
        (b"[]\n", "invalid_json_line", None),
        (b"\xff\n", "invalid_json_line", None),
        (line(custom_id=...), "missing_required_parameter", "custom_id"),
        (line(custom_id="x" * 600), "missing_required_parameter", "custom_id"),
        (line(method="GET"), "invalid_method", "method"),
        (line(url="/v1/chat/completions"), "invalid_url", "url"),
        (line(body=...), "missing_required_parameter", "body.model"),
        (line(body={"model": 1}), "missing_required_parameter", "body.model"),
        (line(body={"model": "m", "stream": True}), "invalid_request", "body.stream"),
    ],
)
def test_what_is_wrong_with_a_line_is_told_with_its_number(wrong: bytes, code: str, param: str | None) -> None:
    (problem,) = checked([line(custom_id="z"), wrong], endpoint=ENDPOINT)[1]
    assert (problem.line, problem.code, problem.param) == (2, code, param) and problem.message


def test_an_id_stands_once_and_a_file_has_requests() -> None:
    assert checked([line(), line()], endpoint=ENDPOINT)[1][0].code == "duplicate_custom_id"
    assert checked([], endpoint=ENDPOINT)[1] == [Problem("empty_file", "the file has no requests")]
    assert len(checked([b"x\n"] * 1000, endpoint=ENDPOINT)[1]) == 100


def test_rows_go_out_as_openais_do() -> None:
    one = Line(7, "a", {})
    told = orjson.loads(answered_row("batch_0f", one, status=200, body={"object": "list"}))
    assert told["custom_id"] == "a" and told["error"] is None and told["response"]["body"] == {"object": "list"}
    told = orjson.loads(unanswered_row("batch_0f", one, code="batch_expired", message="too late"))
    assert told["response"] is None and told["error"] == {"code": "batch_expired", "message": "too late"}


def test_tokens_add_up_in_either_form() -> None:
    chat = {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 3}}
    response = {"input_tokens": 7, "output_tokens": 4, "output_tokens_details": {"reasoning_tokens": 1}}
    assert Used().plus(chat).plus(response).plus({}) == Used(12, 6, 3, 1)
