"""A body of POST /v1/responses becomes a ChatRequest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from domov.api.openai.fields import shared_fields
from domov.api.openai.responses.body import UNSUPPORTED, FunctionTool, Reasoning, ResponseBody, ToolChoice
from domov.api.openai.responses.items import Item, called_name, joined, messages_of
from domov.errors import BadRequest
from domov.types import ChatRequest, Message, Tool


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a request goes on from: the messages that led there, and the name that their saved states have."""

    messages: tuple[Message, ...] = ()
    conversation: str | None = None


@dataclass(frozen=True, slots=True)
class Called:
    """A tool as the caller named it."""

    name: str
    namespace: str | None = None


def check(body: ResponseBody) -> None:
    """Raises BadRequest, naming the field, for what can't be honoured."""
    for name, harmless in UNSUPPORTED.items():
        if (body.model_extra or {}).get(name) not in harmless:
            raise BadRequest(f"{name} is not supported", hint=f"leave {name} out")
    if body.conversation is not None:
        raise BadRequest("conversation is not supported", hint="go on from an answer with previous_response_id")
    if body.n not in (None, 1):
        raise BadRequest("a response is one answer", hint="leave n out")
    if not body.input and body.previous_response_id is None:
        raise BadRequest("input is required")


def decode(body: ResponseBody, items: Sequence[Item], earlier: Earlier) -> ChatRequest:
    """The request that a body means. Its own instructions come first; those of an earlier response are not kept.

    items  of the input, references to kept ones resolved

    Raises BadRequest, naming the field, for what can't be honoured.
    """
    check(body)
    values = dict(body.chat_template_kwargs or {})
    shared = shared_fields(body) | {
        "conversation": earlier.conversation,
        "overflow": body.overflow or ("drop_oldest" if body.truncation == "auto" else "stop"),
        "progress": body.stream,
    }
    return ChatRequest(
        body.model,
        _instructed(body.instructions, (*earlier.messages, *messages_of(items))),
        **shared,
        max_tokens=body.max_output_tokens,
        top_logprobs=(body.top_logprobs or 0) if body.tells_logprobs else None,
        json_schema=_schema(body),
        tools=tuple(_allowed(body)),
        tool_choice=_choice(body.tool_choice),
        parallel_tool_calls=body.parallel_tool_calls,
        thinking=_thinking(body.reasoning or Reasoning(), values),
        thinking_tokens=body.thinking_budget_tokens,
        template_values=values,
    )


def tools_of(body: ResponseBody) -> dict[str, tuple[Called, Tool]]:
    """The tools that the model is told of, by the names that it knows them by. Raises BadRequest."""
    found: dict[str, tuple[Called, Tool]] = {}
    for tool in body.tools or ():
        if tool.type == "namespace" and tool.name:
            for one in tool.tools or ():
                _put(found, one, tool.name)
        elif not _is_index_only(tool):
            _put(found, tool, None)
    return found


def _is_index_only(tool: FunctionTool) -> bool:
    """Codex offers this one always: a search that asks nothing of the web, in an index that nobody has here."""
    return tool.type == "web_search" and tool.external_web_access is False


def _put(found: dict[str, tuple[Called, Tool]], tool: FunctionTool, namespace: str | None) -> None:
    if tool.type != "function":
        raise BadRequest(
            f"no such tool here: {tool.type[:60]}", hint="only tools of the type function, which the caller runs"
        )
    if not tool.name:
        raise BadRequest("a tool needs a name")
    name = called_name(namespace, tool.name)
    if name in found:
        raise BadRequest(f"two tools are called {name}")
    schema = tool.parameters or {"type": "object", "properties": {}}
    found[name] = Called(tool.name, namespace), Tool(name, tool.description or "", schema)


def _allowed(body: ResponseBody) -> list[Tool]:
    tools, choice = tools_of(body), body.tool_choice
    if not isinstance(choice, ToolChoice) or choice.type != "allowed_tools":
        return [tool for _, tool in tools.values()]
    names = [str(one.get("name")) for one in choice.tools]
    if unknown := [name for name in names if name not in tools]:
        raise BadRequest(f"tool_choice allows a tool that is not there: {unknown[0][:128]}")
    return [tool for name, (_, tool) in tools.items() if name in names]


def _choice(choice: str | ToolChoice | None) -> str:
    if choice is None or isinstance(choice, str):
        return choice or "auto"
    if choice.type == "allowed_tools":
        return choice.mode
    if choice.type != "function" or not choice.name:
        raise BadRequest(f"tool_choice can't be of the type {choice.type[:60]}", hint="it takes a function by its name")
    return f"={called_name(choice.namespace, choice.name)}"


def _instructed(instructions: str | None, messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """With the instructions before what the system says first: most templates have one place for both."""
    if not instructions:
        return messages
    if messages and messages[0].role == "system":
        return Message("system", joined(instructions, messages[0].content)), *messages[1:]
    return Message("system", instructions), *messages


def _thinking(reasoning: Reasoning, values: dict[str, Any]) -> bool | None:
    """Whether the model is to think. Takes enable_thinking out of the template's values, and the effort in."""
    thinking = values.pop("enable_thinking", None)
    if not isinstance(thinking, bool | None):
        raise BadRequest("chat_template_kwargs.enable_thinking is true or false")
    if reasoning.effort is None:
        return thinking
    if reasoning.effort != "none":
        values.setdefault("reasoning_effort", reasoning.effort)
    return reasoning.effort != "none" if thinking is None else thinking


def _schema(body: ResponseBody) -> dict[str, Any] | None:
    form = body.text.format if body.text else None
    if form is None or form.type == "text":
        return None
    if form.type == "json_object":
        return {}
    if form.schema_ is None:
        raise BadRequest("text.format of the type json_schema has no schema")
    return form.schema_
