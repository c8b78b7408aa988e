"""The body of POST /v1/responses, and what of OpenAI's fields is refused.

Source: OpenAI's API reference, responses, as of the `openai` client 3.54; Codex 0.169 as it sends them.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from domov.api.openai.fields import TextBody

# Fields that would change the answer, with the values that ask for nothing.
UNSUPPORTED: dict[str, tuple[Any, ...]] = {
    "background": (None, False),
    "moderation": (None,),
    "prompt": (None,),  # a template that is kept at OpenAI
}
# OpenAI's fields that change nothing here: what they ask for is so anyway, or is OpenAI's own business.
IGNORED = frozenset(
    ("access_programs", "background_options", "client_metadata", "context_management", "image", "max_tool_calls")
    + ("prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "safety_identifier", "service_tier")
    + ("user",)
)
ID = r"^[ -~]{1,200}$"
TOOL_NAME = r"^[A-Za-z0-9_.:\-]{1,128}$"
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class FunctionTool(BaseModel):
    """A tool that the caller runs; a namespace is a group of them."""

    model_config = ConfigDict(extra="allow")
    type: str
    name: Annotated[str, Field(pattern=TOOL_NAME)] | None = None
    description: str | None = None
    parameters: dict[str, Any] | None = None
    tools: Annotated[list["FunctionTool"], Field(max_length=512)] | None = None
    external_web_access: bool | None = None


class ToolChoice(BaseModel):
    type: str
    name: str | None = None
    namespace: str | None = None
    mode: Literal["auto", "required"] = "auto"
    tools: list[dict[str, Any]] = []


class Format(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    type: Literal["text", "json_object", "json_schema"]
    schema_: dict[str, Any] | None = Field(default=None, alias="schema")


class Text(BaseModel):
    format: Format | None = None
    verbosity: str | None = None


class Reasoning(BaseModel):
    effort: Effort | None = None
    summary: Literal["auto", "concise", "detailed", "none"] | None = None
    generate_summary: Literal["auto", "concise", "detailed"] | None = None

    @property
    def as_summary(self) -> bool:
        """Whether thoughts are to come as their summary: the only form in which OpenAI's clients know them."""
        return (self.summary or self.generate_summary) not in (None, "none")


class ResponseBody(TextBody):
    input: str | Annotated[list[dict[str, Any]], Field(max_length=100_000)] | None = None
    instructions: str | None = None
    previous_response_id: Annotated[str, Field(pattern=ID)] | None = None
    store: bool | None = None
    max_output_tokens: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    include: Annotated[list[str], Field(max_length=64)] | None = None
    tools: Annotated[list[FunctionTool], Field(max_length=512)] | None = None
    tool_choice: Literal["none", "auto", "required"] | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    text: Text | None = None
    reasoning: Reasoning | None = None
    thinking_budget_tokens: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    truncation: Literal["auto", "disabled"] | None = None
    metadata: Annotated[dict[str, str], Field(max_length=16)] | None = None

    @property
    def keeps(self) -> bool:
        """Whether the answer is to be kept, so that a later request can go on from it."""
        return self.store is not False and not self.private

    @property
    def tells_logprobs(self) -> bool:
        return self.top_logprobs is not None or "message.output_text.logprobs" in (self.include or ())
