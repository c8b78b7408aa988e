"""The bodies of /api/generate, /api/chat and the vectors, and the requests that they mean."""

from typing import Annotated, Any, Literal

from pydantic import Field

from domov.api.ollama.fields import (
    MODEL_NAMES,
    Named,
    Options,
    TextBody,
    chat_fields,
    picture,
    refuse_unsupported,
    shared_fields,
)
from domov.api.ollama.messages import ChatMessage, NamedTool, ToolBody, messages_of, tool_of
from domov.errors import BadRequest
from domov.types import ChatRequest, CompletionRequest, Message

Int31 = Annotated[int, Field(ge=0, lt=2**31)]
GENERATE_UNSUPPORTED = ("template", "_debug_render_only", "width", "height", "steps")
CHAT_UNSUPPORTED = ("_debug_render_only",)
MOST_TEXTS = 2048


class GenerateBody(TextBody):
    prompt: str = ""
    suffix: str = ""
    system: str = ""
    context: Annotated[list[Int31], Field(max_length=1 << 20)] | None = None
    raw: bool = False
    images: Annotated[list[str], Field(max_length=64)] | None = None

    @property
    def asks_nothing(self) -> bool:
        """An empty prompt loads the model, or unloads it."""
        return not (self.prompt or self.suffix or self.images)


class ChatBody(TextBody):
    messages: list[ChatMessage] = []
    tools: Annotated[list[ToolBody], Field(max_length=512)] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool = "auto"  # Ollama has none; as OpenAI's


class EmbedBody(Named):
    model: MODEL_NAMES
    input: str | Annotated[list[str], Field(max_length=MOST_TEXTS)] = ""
    truncate: bool | None = None
    dimensions: Annotated[int, Field(ge=0, lt=2**20)] | None = None
    keep_alive: float | str | None = None
    options: Options | None = None

    @property
    def texts(self) -> list[str]:
        texts = [self.input] if isinstance(self.input, str) else self.input
        return texts if any(texts) else []


class EmbeddingBody(Named):
    model: MODEL_NAMES
    prompt: str = ""
    keep_alive: float | str | None = None
    options: Options | None = None


def decode_chat(body: ChatBody) -> ChatRequest:
    """Raises BadRequest, naming the field, for what can't be honoured."""
    refuse_unsupported(body, CHAT_UNSUPPORTED)
    tools = tuple(tool_of(tool) for tool in body.tools or ())
    messages = messages_of(body.messages)
    ends_itself = bool(messages) and messages[-1].role == "assistant" and not messages[-1].tool_calls
    choice = body.tool_choice if isinstance(body.tool_choice, str) else f"={body.tool_choice.function.name}"
    return ChatRequest(
        body.model, messages, **chat_fields(body), tools=tools, tool_choice=choice, continue_last=ends_itself
    )


def decode_templated(body: GenerateBody) -> ChatRequest:
    """A prompt that the model's template is put around."""
    refuse_unsupported(body, GENERATE_UNSUPPORTED)
    content: Any = (body.prompt, *(picture(image) for image in body.images)) if body.images else body.prompt
    system = (Message("system", body.system),) if body.system else ()
    return ChatRequest(body.model, (*system, Message("user", content)), **chat_fields(body))


def decode_verbatim(body: GenerateBody) -> CompletionRequest:
    """A prompt that is written on as it is, or whose gap before a suffix is filled."""
    refuse_unsupported(body, GENERATE_UNSUPPORTED)
    for field in ("system", "context", "images"):
        if getattr(body, field):
            raise BadRequest(f"{field} goes together with neither raw nor suffix", hint=f"leave {field} out")
    if body.think:
        raise BadRequest("think goes together with neither raw nor suffix", hint="leave think out")
    return CompletionRequest(body.model, body.prompt, **shared_fields(body), suffix=body.suffix or None)
