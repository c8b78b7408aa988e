"""A model behind an address of OpenAI's kind, asked through the one door. So far what `domov bench --url` needs: chat.

Source: OpenAI's API reference, chat completions. Other servers leave things out, so nothing but words is expected:
where no tokens are told, a piece counts as one.
"""

from collections.abc import AsyncIterator
from typing import Any

import orjson

from domov.errors import AccessDenied, BadRequest, Broken, DomovError, NotFound
from domov.outbound import Outbound
from domov.types import ChatRequest, Done, Event, ReasoningDelta, StopReason, TextDelta, Usage

MOST_ERROR_BYTES = 1 << 16


class Remote:
    def __init__(self, outbound: Outbound, url: str, *, reason: str, token: str | None = None) -> None:
        """url  of the API's root, as http://127.0.0.1:11434/v1"""
        self.url, self._outbound, self._reason, self._token = url.rstrip("/"), outbound, reason, token

    async def stream(self, request: ChatRequest) -> AsyncIterator[Event]:
        """The answer. Raises BadRequest, NotFound, AccessDenied or Broken for what the server refuses."""
        where = f"{self.url}/chat/completions"
        body = request_body(request)
        async with self._outbound.post(where, body=body, reason=self._reason, token=self._token) as response:
            if response.status != 200:
                raise refusal(response.status, await response.content.read(MOST_ERROR_BYTES))
            reader, rest = Reader(), b""
            async for received in response.content.iter_any():
                *lines, rest = (rest + received).split(b"\n")
                for line in lines:
                    for event in reader.read(line):
                        yield event
            yield reader.done()


def request_body(request: ChatRequest) -> bytes:
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [{"role": m.role, "content": m.text} for m in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if request.sampling.temperature is not None:
        body["temperature"] = request.sampling.temperature
    if request.max_tokens is not None:
        body["max_tokens"] = request.max_tokens
    return orjson.dumps(body)


class Reader:
    """Reads server-sent events, a line at a time."""

    def __init__(self) -> None:
        self._reason: StopReason = "stop"
        self._usage: dict[str, Any] = {}
        self._pieces = 0

    def read(self, line: bytes) -> list[Event]:
        """What a line says. Raises Broken for an error among the lines, or for what is no JSON."""
        if not line.startswith(b"data:") or line[5:].strip() in (b"", b"[DONE]"):
            return []
        try:
            chunk = orjson.loads(line[5:])
            return list(self._chunk(chunk))
        except (orjson.JSONDecodeError, AttributeError, TypeError, KeyError) as error:
            raise Broken("the server answered with something else than chat completions") from error

    def _chunk(self, chunk: dict[str, Any]) -> list[Event]:
        if chunk.get("error"):
            raise refusal(500, orjson.dumps(chunk))
        self._usage = chunk.get("usage") or self._usage
        events: list[Event] = []
        for choice in chunk.get("choices") or ():
            delta = choice.get("delta") or {}
            if text := delta.get("reasoning_content") or delta.get("reasoning"):
                events.append(ReasoningDelta(text))
            if text := delta.get("content"):
                events.append(TextDelta(text))
            if choice.get("finish_reason"):
                self._reason = "length" if choice["finish_reason"] == "length" else "stop"
        self._pieces += len(events)
        return events

    def done(self) -> Done:
        told = self._usage
        return Done(
            self._reason,
            Usage(
                prompt_tokens=told.get("prompt_tokens") or 0,
                answer_tokens=told.get("completion_tokens") or self._pieces,
                cached_tokens=(told.get("prompt_tokens_details") or {}).get("cached_tokens") or 0,
            ),
        )


def refusal(status: int, body: bytes) -> DomovError:
    """What a status other than 200 means, with the server's own words."""
    words = f"the server answered {status}: {_words(body)}"
    if status in (401, 403):
        return AccessDenied(words, hint="name the environment variable that holds the key with --key-env")
    if status == 404:
        return NotFound(words, hint="check the model's name, and that the address ends as the API's root does: …/v1")
    return BadRequest(words) if 400 <= status < 500 and status != 429 else Broken(words)


def _words(body: bytes) -> str:
    try:
        table = orjson.loads(body)
        error = table.get("error", table)
        text = error.get("message", "") if isinstance(error, dict) else str(error)
    except (orjson.JSONDecodeError, AttributeError):
        text = body.decode("utf-8", "replace")
    return ascii(text[:300])[1:-1] or "no words"
