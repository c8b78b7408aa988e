"""POST /v1/chat/completions: a body becomes a ChatRequest, events become chunks or one whole answer.

Unknown fields are ignored; known ones that Domov can't honour are refused, because an answer that silently
lacks what was asked for is wrong; tests/api/test_openai_fields.py goes through all of OpenAI's. Source: OpenAI's API
reference, chat completions, as of the `openai` client 3.54.
"""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from domov.api.answers import Collected
from domov.api.documents import DocumentsBody, Names
from domov.api.openai.answers import END, dropped_table, in_order, sse, timings_table, total, usage_table
from domov.api.openai.fields import TextBody, shared_fields
from domov.api.openai.messages import ChatMessage, message_of
from domov.errors import BadRequest
from domov.types import (
    ChatRequest,
    Event,
    Progress,
    ReasoningDelta,
    TextDelta,
    Token,
    Tool,
    ToolCallDelta,
    Usage,
)

# Fields that would change the answer, with the values that ask for nothing.
UNSUPPORTED: dict[str, tuple[Any, ...]] = {
    "functions": (None, []),
    "function_call": (None, "none"),
    "audio": (None,),
    "modalities": (None, ["text"]),
    "web_search_options": (None,),
    "moderation": (None,),
}
# OpenAI's fields that change nothing here: what they ask for is so anyway, or is OpenAI's own business.
IGNORED = frozenset(
    ("metadata", "prediction", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention")
    + ("safety_identifier", "service_tier", "store", "user", "verbosity")
)


class JsonSchema(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    schema_: dict[str, Any] = Field(default_factory=dict, alias="schema")


class ResponseFormat(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None
    schema_: dict[str, Any] | None = Field(default=None, alias="schema")  # llama.cpp's, for json_object


class Function(BaseModel):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:\-]{1,128}$")]
    description: str | None = None
    parameters: dict[str, Any] | None = None


class ToolBody(BaseModel):
    type: Literal["function"]
    function: Function


class Named(BaseModel):
    name: str


class NamedTool(BaseModel):
    type: Literal["function"] = "function"
    function: Named


class AllowedTools(BaseModel):
    mode: Literal["auto", "required"]
    tools: list[NamedTool]


class AllowedChoice(BaseModel):
    type: Literal["allowed_tools"]
    allowed_tools: AllowedTools


class ChatBody(TextBody):
    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    max_tokens: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    response_format: ResponseFormat | None = None
    json_schema: dict[str, Any] | None = None
    tools: Annotated[list[ToolBody], Field(max_length=512)] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | AllowedChoice | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    thinking_budget_tokens: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    continue_final_message: bool = False
    documents: bool | Names | DocumentsBody | None = None


def decode(body: ChatBody) -> ChatRequest:
    """The request that a body means. Raises BadRequest, naming the field, for what can't be honoured."""
    for field_name, harmless in UNSUPPORTED.items():
        if (body.model_extra or {}).get(field_name) not in harmless:
            raise BadRequest(f"{field_name} is not supported", hint=f"leave {field_name} out")
    if body.top_logprobs is not None and not body.logprobs:
        raise BadRequest("top_logprobs needs logprobs")
    values = dict(body.chat_template_kwargs or {})
    return ChatRequest(
        body.model,
        tuple(message_of(message) for message in body.messages),
        **shared_fields(body),
        max_tokens=body.max_completion_tokens or body.max_tokens,
        top_logprobs=(body.top_logprobs or 0) if body.logprobs else None,
        json_schema=_schema(body),
        tools=tuple(_allowed(body)),
        tool_choice=_tool_choice(body.tool_choice),
        parallel_tool_calls=body.parallel_tool_calls,
        thinking=_thinking(body, values),
        thinking_tokens=body.thinking_budget_tokens,
        template_values=values,
        continue_last=body.continue_final_message,
    )


def _tool_choice(choice: str | NamedTool | AllowedChoice | None) -> str:
    if isinstance(choice, NamedTool):
        return f"={choice.function.name}"
    return choice.allowed_tools.mode if isinstance(choice, AllowedChoice) else choice or "auto"


def _allowed(body: ChatBody) -> list[Tool]:
    """The tools that the model is told of. Raises BadRequest."""
    tools = [_tool(tool.function) for tool in body.tools or ()]
    if not isinstance(body.tool_choice, AllowedChoice):
        return tools
    names = [tool.function.name for tool in body.tool_choice.allowed_tools.tools]
    if unknown := set(names) - {tool.name for tool in tools}:
        raise BadRequest(f"tool_choice allows a tool that is not there: {min(unknown)[:128]}")
    return [tool for tool in tools if tool.name in names]


def _tool(function: Function) -> Tool:
    return Tool(function.name, function.description or "", function.parameters or {"type": "object", "properties": {}})


def _thinking(body: ChatBody, values: dict[str, Any]) -> bool | None:
    """Whether the model is to think. Takes enable_thinking out of the template's values, and the effort in."""
    thinking = values.pop("enable_thinking", None)
    if not isinstance(thinking, bool | None):
        raise BadRequest("chat_template_kwargs.enable_thinking is true or false")
    if body.reasoning_effort is None:
        return thinking
    if body.reasoning_effort != "none":
        values.setdefault("reasoning_effort", body.reasoning_effort)
    return body.reasoning_effort != "none" if thinking is None else thinking


def _schema(body: ChatBody) -> dict[str, Any] | None:
    form = body.response_format
    if form is None or form.type == "text":
        return body.json_schema
    if form.type == "json_object":
        return form.schema_ or {}
    if form.json_schema is None:
        raise BadRequest("response_format of the type json_schema has no json_schema")
    return form.json_schema.schema_


@dataclass(frozen=True)
class Stream:
    """What every chunk of one answer repeats, and what they add up to."""

    id: str
    created: int
    model: str
    include_usage: bool
    logprobs: bool = False
    usages: dict[int, Usage] = field(default_factory=dict)  # by choice
    begun: set[int] = field(default_factory=set)  # choices

    def chunk(self, choices: list[dict[str, Any]], **more: Any) -> bytes:
        body = {"id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": self.model}
        return sse({**body, "choices": choices, **more})

    def delta(self, index: int, delta: dict[str, Any], reason: str | None = None, **more: Any) -> bytes:
        usage = {"usage": None} if self.include_usage else {}
        logprobs = more.pop("logprobs", None)
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
        return self.chunk([choice], **usage, **more)

    def encode(self, index: int, event: Event) -> bytes:
        """One event of a choice as server-sent events."""
        first = b""
        if index not in self.begun:
            self.begun.add(index)
            first = self.delta(index, {"role": "assistant", "content": ""})
        if isinstance(event, TextDelta):
            logprobs = logprobs_table(event.tokens) if self.logprobs else None
            return first + self.delta(index, {"content": event.text}, logprobs=logprobs)
        if isinstance(event, ReasoningDelta):
            return first + self.delta(index, {"reasoning_content": event.text})
        if isinstance(event, ToolCallDelta):
            return first + self.delta(index, {"tool_calls": [_call_piece(event)]})
        if isinstance(event, Progress):
            told = {"total": event.total_tokens, "cache": event.cached_tokens, "processed": event.read_tokens}
            return first + self.delta(index, {}, prompt_progress=told)
        self.usages[index] = event.usage
        timings = timings_table(event.usage)
        return first + self.delta(index, {}, event.reason, timings=timings, **dropped_table(event.dropped))

    def last(self) -> bytes:
        if not self.include_usage:
            return END
        usage = total(in_order(self.usages))
        return self.chunk([], usage=usage_table(usage), timings=timings_table(usage)) + END


def whole(answers: list[Collected], stream: Stream) -> dict[str, Any]:
    usage = total([answer.done.usage for answer in answers])
    return {
        "id": stream.id,
        "object": "chat.completion",
        "created": stream.created,
        "model": stream.model,
        "choices": [_choice(index, answer, stream) for index, answer in enumerate(answers)],
        "usage": usage_table(usage),
        "timings": timings_table(usage),
        **dropped_table(answers[0].done.dropped),
    }


def _choice(index: int, answer: Collected, stream: Stream) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": None}
    if answer.reasoning:
        message["reasoning_content"] = answer.reasoning
    if answer.calls:
        message["content"] = answer.text or None
        message["tool_calls"] = [
            {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}}
            for _, c in sorted(answer.calls.items())
        ]
    logprobs = logprobs_table(answer.tokens) if stream.logprobs else None
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": answer.done.reason}


def _call_piece(event: ToolCallDelta) -> dict[str, Any]:
    function: dict[str, Any] = {"arguments": event.arguments}
    if event.id is None:
        return {"index": event.index, "function": function}
    return {"index": event.index, "id": event.id, "type": "function", "function": {"name": event.name, **function}}


def logprobs_table(tokens: tuple[Token, ...] | list[Token]) -> dict[str, Any]:
    return {"content": [_token_table(token, alternatives=True) for token in tokens], "refusal": None}


def _token_table(token: Token, *, alternatives: bool) -> dict[str, Any]:
    table: dict[str, Any] = {"token": token.text, "logprob": token.logprob, "bytes": list(token.content)}
    if alternatives:
        table["top_logprobs"] = [_token_table(other, alternatives=False) for other in token.alternatives]
    return table
