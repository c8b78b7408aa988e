"""What the SDKs of LM Studio ask a model for: a history and a stack of settings become a request.

Unknown settings are ignored; known ones that Domov can't honour are refused. Source: lmstudio-js,
packages/lms-kv-config/src/schema.ts, and the `lmstudio` client 1.5.
"""

from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

from domov.errors import BadRequest
from domov.types import ChatRequest, CompletionRequest, Message, Overflow, Sampling, Tool, ToolCall

Table = dict[str, Any]
OVERFLOWS: dict[str, Overflow] = {"stopAtLimit": "stop", "truncateMiddle": "keep_ends", "rollingWindow": "drop_oldest"}
COMPLETION_LAYER = "completeModeFormatting"  # its template puts nothing around the text


class Setting(BaseModel):
    key: str
    value: Any = None


class LayerConfig(BaseModel):
    fields: Annotated[list[Setting], Field(max_length=256)] = []


class Layer(BaseModel):
    layerName: str = ""
    config: LayerConfig = LayerConfig()


class Stack(BaseModel):
    layers: Annotated[list[Layer], Field(max_length=16)] = []

    def values(self) -> Table:
        """All settings by their keys; a template that only says "as it is" is none."""
        layers = [layer for layer in self.layers if layer.layerName != COMPLETION_LAYER]
        return {setting.key: setting.value for layer in layers for setting in layer.config.fields}

    @property
    def completes(self) -> bool:
        """Whether a text is to be written on verbatim."""
        return any(layer.layerName == COMPLETION_LAYER for layer in self.layers)


class CalledTool(BaseModel):
    id: str = ""
    name: str
    arguments: dict[str, Any] = {}


class Part(BaseModel):
    type: str
    text: str = ""
    content: str = ""
    toolCallId: str | None = None
    toolCallRequest: CalledTool | None = None


class Said(BaseModel):
    role: Literal["system", "user", "assistant", "tool"]
    content: list[Part] = []


class History(BaseModel):
    messages: Annotated[list[Said], Field(max_length=100_000)] = []

    def all_messages(self) -> tuple[Message, ...]:
        """Raises BadRequest for what no model takes."""
        return tuple(message for said in self.messages for message in _messages(said))


def _messages(said: Said) -> list[Message]:
    for part in said.content:
        if part.type not in ("text", "toolCallRequest", "toolCallResult"):
            raise BadRequest(f"content of the type {part.type[:40]} is not supported", hint="send it over REST")
    if said.role == "tool":
        results = [part for part in said.content if part.type == "toolCallResult"]
        return [Message("tool", part.content, tool_call_id=part.toolCallId) for part in results]
    calls = [part.toolCallRequest for part in said.content if part.toolCallRequest]
    told = tuple(ToolCall(call.id, call.name, orjson.dumps(call.arguments).decode()) for call in calls)
    return [Message(said.role, "".join(part.text for part in said.content), tool_calls=told)]


class Checked(BaseModel):
    checked: bool = False
    value: float | None = None

    @property
    def meant(self) -> float | None:
        return self.value if self.checked else None


class Structured(BaseModel):
    type: Literal["none", "json", "gbnf"] = "none"
    jsonSchema: dict[str, Any] | None = None
    gbnfGrammar: str | None = None


class Function(BaseModel):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:\-]{1,128}$")]
    description: str = ""
    parameters: dict[str, Any] | None = None


class ToolBody(BaseModel):
    type: Literal["function"] = "function"
    function: Function


class Tools(BaseModel):
    type: Literal["none", "toolArray"] = "none"
    tools: Annotated[list[ToolBody], Field(max_length=512)] = []
    force: bool = False


def _key(name: str) -> Any:
    return Field(default=None, alias=f"llm.prediction.{name}")


class Settings(BaseModel):
    """Those that change an answer."""

    model_config = ConfigDict(allow_inf_nan=False)

    temperature: Annotated[float, Field(ge=0, le=5)] | None = _key("temperature")
    top_k: Annotated[int, Field(ge=0, le=1_000_000)] | None = _key("topKSampling")
    top_p: Checked | None = _key("topPSampling")
    min_p: Checked | None = _key("minPSampling")
    repeat_penalty: Checked | None = _key("repeatPenalty")
    most: Checked | None = _key("maxPredictedTokens")
    stop: Annotated[list[str], Field(max_length=64)] | None = _key("stopStrings")
    overflow: Literal["stopAtLimit", "truncateMiddle", "rollingWindow"] | None = _key("contextOverflowPolicy")
    structured: Structured | None = _key("structured")
    tools: Tools | None = _key("tools")
    template: Any = _key("promptTemplate")

    def shared(self) -> Table:
        """What every kind of request has, as the arguments of its class. Raises BadRequest."""
        if self.template is not None:
            raise BadRequest("promptTemplate is not supported: the model's own is used")
        most, form = _meant(self.most), self.structured or Structured()
        return {
            "sampling": Sampling(
                temperature=self.temperature,
                top_k=self.top_k,
                top_p=_meant(self.top_p),
                min_p=_meant(self.min_p),
                repeat_penalty=_meant(self.repeat_penalty),
            ),
            "max_tokens": int(most) if most is not None and 0 <= most < 2**31 else None,
            "stop": tuple(text for text in self.stop or () if text),
            "overflow": OVERFLOWS[self.overflow] if self.overflow else None,
            "json_schema": (form.jsonSchema or {}) if form.type == "json" else None,
            "grammar": form.gbnfGrammar if form.type == "gbnf" else None,
        }


def _meant(value: Checked | None) -> float | None:
    return value.meant if value else None


class Prediction(BaseModel):
    """What a channel `predict` is created with."""

    modelSpecifier: dict[str, Any]
    history: History
    predictionConfigStack: Stack = Stack()
    fuzzyPresetIdentifier: str | None = None

    def request(self, model: str, settings: Settings) -> ChatRequest | CompletionRequest:
        """Raises BadRequest for what can't be honoured."""
        if self.fuzzyPresetIdentifier:
            raise BadRequest("presets are not supported", hint="put the settings into config")
        messages = self.history.all_messages()
        if self.predictionConfigStack.completes:
            return CompletionRequest(model, "".join(m.text for m in messages), **settings.shared(), progress=True)
        tools = settings.tools or Tools()
        told = tools.tools if tools.type == "toolArray" else []
        return ChatRequest(
            model,
            messages,
            **settings.shared(),
            tools=tuple(_tool(tool.function) for tool in told),
            tool_choice="required" if told and tools.force else "auto",
            progress=True,
        )


def _tool(function: Function) -> Tool:
    return Tool(function.name, function.description, function.parameters or {"type": "object", "properties": {}})
