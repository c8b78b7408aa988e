"""A conversation in llama-server's words: the body of a request, and the events in what comes back.

Pure. Source: llama.cpp tools/server/README.md, POST /v1/chat/completions, held to the build that is pinned.
"""

import base64
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from domov.engine.bounds import check_schema
from domov.engine.pictures import check_picture
from domov.engine.traits import Traits
from domov.engine.wire_errors import error_of
from domov.engine.wire_sampling import answer_fields, in_range, sampling_fields
from domov.engine.wire_tools import CallReader, allowed_tools, call_schema, held_by_us, told_in_words
from domov.errors import BadRequest
from domov.types import (
    ChatRequest,
    Done,
    Event,
    Media,
    Message,
    Progress,
    ReasoningDelta,
    StopReason,
    TextDelta,
    Token,
    ToolCallDelta,
    Usage,
)

SOUNDS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/wave": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}
IMPOSSIBLE = -9999.0  # OpenAI's number for a token that can't come
REASONS: dict[str, StopReason] = {"length": "length", "tool_calls": "tool_calls"}


def chat_fields(request: ChatRequest, traits: Traits) -> dict[str, Any]:
    """The body of a streaming request. Streaming always: only then does llama-server notice a client that left.

    Raises BadRequest for what the model can't do or no engine can.
    """
    fields = template_fields(request, traits)
    fields |= sampling_fields(request.sampling, traits) | answer_fields(request, traits)
    fields["stream_options"] = {"include_usage": True}
    fields |= _form(request, traits)
    if fields.get("stop"):
        fields["verbose"] = True  # the only way to be told which of them ended the answer
    if request.top_logprobs is not None:
        fields |= {"logprobs": True, "top_logprobs": request.top_logprobs}
    if request.thinking_tokens is not None:
        # 0 makes llama-server close a thought that it then continues; 1 is what it does right
        budget = in_range("the budget of reasoning", request.thinking_tokens, 0, 2**31 - 1)
        fields["reasoning_budget_tokens"] = max(1, budget)
    return fields


def template_fields(request: ChatRequest, traits: Traits) -> dict[str, Any]:
    """What decides the prompt that the model's template makes. Raises BadRequest as `chat_fields` does."""
    _check(request, traits)
    tools = allowed_tools(request)
    messages = request.messages if traits.shows_tools else told_in_words(request, traits)
    fields: dict[str, Any] = {"messages": [message_table(message) for message in messages]}
    if tools and traits.shows_tools:
        fields["tools"] = [
            {"type": "function", "function": {"name": t.name, "description": t.description, "parameters": t.parameters}}
            for t in tools
        ]
        fields["tool_choice"] = "none" if held_by_us(request, traits) else "auto"
        if request.parallel_tool_calls is not None:
            fields["parallel_tool_calls"] = request.parallel_tool_calls
    values = dict(request.template_values)
    thinking = False if request.thinking_tokens == 0 else request.thinking
    if thinking is not None:
        values["enable_thinking"] = thinking
    if values:
        fields["chat_template_kwargs"] = values
    if request.continue_last:
        fields |= {"continue_final_message": True, "add_generation_prompt": False}
    return fields


def _form(request: ChatRequest, traits: Traits) -> dict[str, Any]:
    """The schema that the answer is held to, after any reasoning."""
    schema = call_schema(request) if held_by_us(request, traits) else request.json_schema
    if schema is None:
        return {}
    return {"response_format": {"type": "json_schema", "json_schema": {"schema": schema or {"type": "object"}}}}


def _check(request: ChatRequest, traits: Traits) -> None:
    if not request.messages:
        raise BadRequest("there are no messages")
    if allowed_tools(request) and request.grammar:
        raise BadRequest("a grammar would forbid the calls of tools", hint="leave out the grammar or the tools")
    if allowed_tools(request) and request.top_logprobs is not None:
        raise BadRequest("log-probabilities can't be told of an answer that may call tools", hint="leave one out")
    if request.continue_last and request.messages[-1].role != "assistant":
        raise BadRequest("only a message of the assistant can be continued, and the last one is not")
    kinds = {media.kind for message in request.messages for media in message.media}
    if "image" in kinds and not traits.sees:
        raise BadRequest("this model takes no images", hint="choose a model with a projector (mmproj)")
    if "audio" in kinds and not traits.hears:
        raise BadRequest("this model takes no sound", hint="choose a model with a projector (mmproj) for audio")
    for media in (media for message in request.messages for media in message.media):
        if media.kind == "image":
            check_picture(media)
    for tool in request.tools:
        check_schema(tool.parameters, what=f"the schema of {tool.name}")


def message_table(message: Message) -> dict[str, Any]:
    table: dict[str, Any] = {"role": message.role, "content": message.text}
    if message.media:
        table["content"] = [_part(part) for part in message.content]
    if message.tool_calls:
        table["tool_calls"] = [
            {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}}
            for c in message.tool_calls
        ]
    if message.tool_call_id is not None:
        table["tool_call_id"] = message.tool_call_id
    if message.reasoning:
        table["reasoning_content"] = message.reasoning
    return table


def _part(part: str | Media) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    content = base64.b64encode(part.content).decode()
    if part.kind == "image":
        return {"type": "image_url", "image_url": {"url": f"data:{part.media_type};base64,{content}"}}
    if part.media_type not in SOUNDS:
        raise BadRequest(f"no such kind of sound: {part.media_type[:40]}", hint="wav and mp3 are understood")
    return {"type": "input_audio", "input_audio": {"data": content, "format": SOUNDS[part.media_type]}}


class ChatReader:
    """Turns the bytes of an answer, as they come, into events."""

    def __init__(self, calls: CallReader | None = None) -> None:
        self._lines = Lines()
        self._calls = calls
        self._reason: StopReason = "stop"
        self._stop_text: str | None = None

    def feed(self, received: bytes) -> Iterator[Event]:
        """The events that are complete. Raises what an error among them means."""
        for chunk in self._lines.feed(received):
            yield from self._read(chunk)

    def _read(self, chunk: dict[str, Any]) -> Iterator[Event]:
        if progress := chunk.get("prompt_progress"):
            yield progress_of(progress)
        for choice in chunk["choices"]:
            yield from self._delta(choice["delta"], (choice.get("logprobs") or {}).get("content"))
            if finished := choice["finish_reason"]:
                self._reason = REASONS.get(finished, "stop")
                self._stop_text = (chunk.get("__verbose") or {}).get("stopping_word") or None
        if usage := chunk.get("usage"):
            if self._calls and self._calls.calls and self._reason == "stop":
                self._reason = "tool_calls"
            yield Done(self._reason, _usage(usage, chunk.get("timings") or {}), stop_text=self._stop_text)

    def _delta(self, delta: Mapping[str, Any], probabilities: list[dict[str, Any]] | None) -> Iterator[Event]:
        if text := delta.get("reasoning_content"):
            yield ReasoningDelta(text)
        text = delta.get("content") or ""
        if self._calls:
            yield from self._calls.feed(text)
        elif text or (probabilities and not delta.get("reasoning_content")):
            yield TextDelta(text, tuple(token_of(entry) for entry in probabilities or ()))
        for call in delta.get("tool_calls") or ():
            function = call.get("function") or {}
            yield ToolCallDelta(
                call["index"], call.get("id") or None, function.get("name"), function.get("arguments") or ""
            )


class Lines:
    """Server-sent events: the JSON of those that are complete. Raises what an error among them means."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, received: bytes) -> Iterator[dict[str, Any]]:
        *lines, self._rest = (self._rest + received).split(b"\n")
        for line in lines:
            if line.startswith(b"data: {"):
                chunk = orjson.loads(line[6:])
                if "error" in chunk:
                    raise error_of(chunk)
                yield chunk


def token_of(entry: Mapping[str, Any]) -> Token:
    alternatives = tuple(token_of(other) for other in entry.get("top_logprobs") or ())
    logprob = IMPOSSIBLE if entry["logprob"] is None else entry["logprob"]
    return Token(entry["token"], entry["id"], logprob, bytes(entry.get("bytes") or ()), alternatives)


def progress_of(progress: Mapping[str, int]) -> Progress:
    return Progress(progress["processed"], progress["total"], progress["cache"])


def _usage(usage: Mapping[str, Any], timings: Mapping[str, Any]) -> Usage:
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
    return usage_of(usage["prompt_tokens"], usage["completion_tokens"], cached, timings)


def usage_of(prompt_tokens: int, answer_tokens: int, cached_tokens: int, timings: Mapping[str, Any]) -> Usage:
    return Usage(
        prompt_tokens=prompt_tokens,
        answer_tokens=answer_tokens,
        cached_tokens=cached_tokens,
        prompt_seconds=timings.get("prompt_ms", 0.0) / 1000,
        answer_seconds=timings.get("predicted_ms", 0.0) / 1000,
        drafted_tokens=timings.get("draft_n", 0),
        accepted_tokens=timings.get("draft_n_accepted", 0),
    )
