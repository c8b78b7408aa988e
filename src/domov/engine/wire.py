"""llama-server's chat protocol: a ChatRequest becomes its JSON, its server-sent events become Events.

Pure. Source: llama.cpp tools/server/README.md at b11549, POST /v1/chat/completions.
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import orjson

from domov.errors import BadRequest, Broken, ContextOverflow, DomovError
from domov.types import ChatRequest, Done, Event, ReasoningDelta, StopReason, TextDelta, Usage


def request_body(request: ChatRequest, **more: Any) -> bytes:
    """The body of a streaming request. Streaming always: only then does llama-server notice a client that left."""
    body: dict[str, Any] = {
        "messages": [{"role": m.role, "content": m.text} for m in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        "cache_prompt": True,
        **more,
    }
    body |= {
        key: value
        for key, value in asdict(request.sampling).items()
        if value is not None and value is not False and value != ()
    }
    if request.max_tokens is not None:
        body["max_tokens"] = request.max_tokens
    if request.stop:
        body["stop"] = list(request.stop)
    if request.json_schema is not None:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"schema": request.json_schema or {"type": "object"}},
        }
    return orjson.dumps(body)


class EventReader:
    """Turns the bytes of a response, as they come, into events."""

    def __init__(self) -> None:
        self._rest = b""
        self._reason: StopReason = "stop"

    def feed(self, received: bytes) -> Iterator[Event]:
        """The events that are complete. Raises what an error among them means."""
        *lines, self._rest = (self._rest + received).split(b"\n")
        for line in lines:
            if line.startswith(b"data: {"):
                yield from self._read(orjson.loads(line[6:]))

    def _read(self, chunk: dict[str, Any]) -> Iterator[Event]:
        if "error" in chunk:
            raise error_of(chunk)
        for choice in chunk["choices"]:
            delta = choice["delta"]
            if text := delta.get("reasoning_content"):
                yield ReasoningDelta(text)
            if text := delta.get("content"):
                yield TextDelta(text)
            if choice["finish_reason"]:
                self._reason = "length" if choice["finish_reason"] == "length" else "stop"
        if usage := chunk.get("usage"):
            yield Done(self._reason, _usage(usage, chunk.get("timings") or {}))


def _usage(usage: dict[str, Any], timings: dict[str, Any]) -> Usage:
    return Usage(
        prompt_tokens=usage["prompt_tokens"],
        answer_tokens=usage["completion_tokens"],
        cached_tokens=(usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0),
        prompt_seconds=timings.get("prompt_ms", 0.0) / 1000,
        answer_seconds=timings.get("predicted_ms", 0.0) / 1000,
    )


def error_of(body: dict[str, Any]) -> DomovError:
    """What llama-server's error object means."""
    error = body.get("error")
    if not isinstance(error, dict):
        return Broken("the worker answered with something else than an error object")
    if error.get("type") == "exceed_context_size_error":
        return ContextOverflow(prompt_tokens=error["n_prompt_tokens"], context_tokens=error["n_ctx"])
    message = str(error.get("message", "no message"))[:500]
    if error.get("type") == "invalid_request_error":
        return BadRequest(f"the engine refused the request: {message}")
    return Broken(f"the engine failed: {message}")
