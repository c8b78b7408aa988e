"""A batch's input, line by line, and the lines of what it writes. Pure.

Source: OpenAI's guide to batches: `{"custom_id", "method", "url", "body"}` in, `{"id", "custom_id", "response",
"error"}` out.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

MOST_LINES = 50_000  # OpenAI's limit
MOST_LINE_BYTES = 64 << 20  # as a request of its own
MOST_PROBLEMS = 100  # told of one file
MOST_ID = 512


@dataclass(frozen=True, slots=True)
class Line:
    """One request of a batch."""

    number: int  # from 1
    custom_id: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a file is no batch."""

    code: str
    message: str
    line: int | None = None  # from 1
    param: str | None = None


class _Wrong(Exception):
    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.param = code, message, param


def lines_of(content: Iterable[bytes], *, endpoint: str) -> Iterator[Line | Problem]:
    """Each line that is not empty: a request, or what is wrong with it."""
    seen: set[str] = set()
    for number, text in enumerate(content, 1):
        if not text.strip():
            continue
        try:
            line = _line(number, text, endpoint)
            if line.custom_id in seen:
                raise _Wrong("duplicate_custom_id", f"the custom_id stands twice: {line.custom_id}", "custom_id")
        except _Wrong as wrong:
            yield Problem(wrong.code, wrong.message, number, wrong.param)
        else:
            seen.add(line.custom_id)
            yield line


def _line(number: int, text: bytes, endpoint: str) -> Line:
    if len(text) > MOST_LINE_BYTES:
        raise _Wrong("invalid_json_line", f"a line has at most {MOST_LINE_BYTES} bytes")
    try:
        table = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _Wrong("invalid_json_line", f"not JSON: {error}") from error
    if not isinstance(table, dict):
        raise _Wrong("invalid_json_line", "not a JSON object")
    id, url, body = table.get("custom_id"), table.get("url"), table.get("body")
    if not isinstance(id, str) or not 0 < len(id) <= MOST_ID:
        raise _Wrong("missing_required_parameter", f"custom_id is a text of 1 to {MOST_ID} characters", "custom_id")
    if table.get("method") != "POST":
        raise _Wrong("invalid_method", "method is POST", "method")
    if url != endpoint:
        raise _Wrong("invalid_url", f"url is the batch's endpoint, {endpoint}", "url")
    if not isinstance(body, dict) or not isinstance(body.get("model"), str):
        raise _Wrong("missing_required_parameter", "body is an object that names a model", "body.model")
    if body.get("stream"):
        raise _Wrong("invalid_request", "a batch is not streamed: leave stream out", "body.stream")
    return Line(number, id, body)


def checked(content: Iterable[bytes], *, endpoint: str) -> tuple[int, list[Problem]]:
    """How many requests a file has, and what is wrong with it."""
    total, problems = 0, []
    for line in lines_of(content, endpoint=endpoint):
        total += 1
        if isinstance(line, Problem):
            problems.append(line)
        if total > MOST_LINES:
            problems.append(Problem("too_many_tasks", f"a batch has at most {MOST_LINES} requests"))
        if total > MOST_LINES or len(problems) >= MOST_PROBLEMS:
            break
    if not total:
        problems.append(Problem("empty_file", "the file has no requests"))
    return total, problems


def answered_row(batch: str, line: Line, *, status: int, body: Any) -> bytes:
    """A line of the output file, or with a status other than 200 of the error file."""
    response = {"status_code": status, "request_id": _id("req", batch, line), "body": body}
    return _row(batch, line, response, None)


def unanswered_row(batch: str, line: Line, *, code: str, message: str) -> bytes:
    """A line of the error file for a request that was not carried out."""
    return _row(batch, line, None, {"code": code, "message": message})


def _row(batch: str, line: Line, response: Any, error: Any) -> bytes:
    table = {"id": _id("batch_req", batch, line), "custom_id": line.custom_id, "response": response, "error": error}
    return orjson.dumps(table) + b"\n"


def _id(kind: str, batch: str, line: Line) -> str:
    return f"{kind}_{batch.removeprefix('batch_')}_{line.number}"


@dataclass(frozen=True, slots=True)
class Used:
    """Tokens of all answers of a batch."""

    prompt_tokens: int = 0
    answer_tokens: int = 0
    cached_tokens: int = 0
    thought_tokens: int = 0

    def plus(self, usage: Mapping[str, Any]) -> "Used":
        """With those of one answer, in either form that OpenAI has."""

        def number(*names: str) -> int:
            return next((int(usage[name]) for name in names if usage.get(name)), 0)

        def detail(name: str, *tables: str) -> int:
            return next((int((usage[table] or {}).get(name, 0)) for table in tables if usage.get(table)), 0)

        return Used(
            self.prompt_tokens + number("prompt_tokens", "input_tokens"),
            self.answer_tokens + number("completion_tokens", "output_tokens"),
            self.cached_tokens + detail("cached_tokens", "prompt_tokens_details", "input_tokens_details"),
            self.thought_tokens + detail("reasoning_tokens", "completion_tokens_details", "output_tokens_details"),
        )
