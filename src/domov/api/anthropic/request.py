"""POST /v1/messages and /v1/messages/count_tokens: a body becomes a ChatRequest.

Unknown fields are ignored; known ones that Domov can't honour are refused. Source: Anthropic's API reference, messages,
as of the `anthropic` client 2.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from domov.api.anthropic.blocks import Text
from domov.api.anthropic.conversation import MessageBody, conversation
from domov.errors import BadRequest
from domov.types import ChatRequest, Sampling, Tool

# Fields that would change the answer, with the values that ask for nothing.
UNSUPPORTED: dict[str, tuple[Any, ...]] = {
    "container": (None,),
    "mcp_servers": (None, []),
    "output_format": (None,),  # a beta's; it is output_config.format now
}
EFFORTS = {"low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}  # as templates know them
CHOICES = {"auto": "auto", "any": "required", "none": "none"}


class ToolBody(BaseModel):
    type: str | None = None
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:\-]{1,128}$")]
    description: str | None = None
    input_schema: dict[str, Any] | None = None


class ToolChoice(BaseModel):
    type: Literal["auto", "any", "none"]
    disable_parallel_tool_use: bool | None = None


class NamedTool(BaseModel):
    type: Literal["tool"]
    name: str
    disable_parallel_tool_use: bool | None = None


class ThinkingOn(BaseModel):
    type: Literal["enabled"]
    budget_tokens: Annotated[int, Field(ge=1, lt=2**31)]
    display: Literal["summarized", "omitted"] | None = None


class ThinkingElse(BaseModel):
    type: Literal["adaptive", "disabled"]
    display: Literal["summarized", "omitted"] | None = None


class Format(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    type: Literal["json_schema"]
    schema_: dict[str, Any] = Field(alias="schema")


class OutputConfig(BaseModel):
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: Format | None = None


class CountBody(BaseModel):
    """What decides the prompt."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    model: Annotated[str, Field(min_length=1)]
    messages: Annotated[list[MessageBody], Field(min_length=1, max_length=100_000)]
    system: str | list[Text] | None = None
    tools: Annotated[list[ToolBody], Field(max_length=512)] | None = None
    tool_choice: Annotated[ToolChoice | NamedTool, Field(discriminator="type")] | None = None
    thinking: Annotated[ThinkingOn | ThinkingElse, Field(discriminator="type")] | None = None
    output_config: OutputConfig | None = None


class MessagesBody(CountBody):
    max_tokens: Annotated[int, Field(ge=0, lt=2**31)]
    stream: bool = False
    stop_sequences: Annotated[list[str], Field(max_length=64)] | None = None
    temperature: Annotated[float, Field(ge=0, le=5)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0, le=1_000_000)] | None = None


def decode(body: CountBody) -> ChatRequest:
    """The request that a body means. Raises BadRequest, naming the field, for what can't be honoured.

    A prompt that is too long is an error, never shortened: that is what Anthropic's clients are made for.
    """
    for name, harmless in UNSUPPORTED.items():
        if (body.model_extra or {}).get(name) not in harmless:
            raise BadRequest(f"{name} is not supported", hint=f"leave {name} out")
    messages = conversation(body.system, body.messages)
    output, choice = body.output_config or OutputConfig(), body.tool_choice
    one_call = choice.disable_parallel_tool_use if choice else None
    answer: dict[str, Any] = _answer_fields(body) if isinstance(body, MessagesBody) else {}
    return ChatRequest(
        body.model,
        messages,
        **answer,
        json_schema=output.format.schema_ if output.format else None,
        overflow="stop",
        tools=tuple(_tool(tool) for tool in body.tools or ()),
        tool_choice=f"={choice.name}" if isinstance(choice, NamedTool) else CHOICES[choice.type if choice else "auto"],
        parallel_tool_calls=None if one_call is None else not one_call,
        thinking=body.thinking is not None and body.thinking.type != "disabled",
        thinking_tokens=body.thinking.budget_tokens if isinstance(body.thinking, ThinkingOn) else None,
        template_values={"reasoning_effort": EFFORTS[output.effort]} if output.effort else {},
        continue_last=bool(messages) and messages[-1].role == "assistant",
    )


def shows_thoughts(body: CountBody) -> bool:
    """Whether the words of the thinking are wanted, or only that there was some."""
    return body.thinking is None or body.thinking.display != "omitted"


def _answer_fields(body: MessagesBody) -> dict[str, Any]:
    return {
        "max_tokens": body.max_tokens,
        "stop": tuple(text for text in body.stop_sequences or () if text),
        "sampling": Sampling(temperature=body.temperature, top_p=body.top_p, top_k=body.top_k),
        "progress": body.stream,  # tells the tokens of the prompt before the first word
    }


def _tool(tool: ToolBody) -> Tool:
    if tool.type not in (None, "custom"):
        raise BadRequest(
            f"no such tool here: {tool.type[:60]}", hint="only tools with an input_schema, which the caller runs"
        )
    if tool.input_schema is None:
        raise BadRequest(f"the tool {tool.name} has no input_schema")
    return Tool(tool.name, tool.description or "", tool.input_schema)
