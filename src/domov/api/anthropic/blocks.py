"""The blocks that the content of a message is made of, and what a model is shown of them.

What is looked up, run or kept on Anthropic's side is no block here: an answer without it would silently be wrong.
Source: Anthropic's API reference, messages, as of the `anthropic` client 2.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from domov.api.values import decoded
from domov.errors import BadRequest
from domov.types import Media

Part = str | Media


class Base64Source(BaseModel):
    type: Literal["base64"]
    media_type: Annotated[str, Field(max_length=100)]
    data: str


class TextSource(BaseModel):
    type: Literal["text"]
    data: str


class ElsewhereSource(BaseModel):
    type: Literal["url", "file"]


class Text(BaseModel):
    type: Literal["text"]
    text: str


class Image(BaseModel):
    type: Literal["image"]
    source: Annotated[Base64Source | ElsewhereSource, Field(discriminator="type")]


class ContentSource(BaseModel):
    type: Literal["content"]
    content: str | list[Annotated[Text | Image, Field(discriminator="type")]]


class Citations(BaseModel):
    enabled: bool | None = None


class Document(BaseModel):
    type: Literal["document"]
    source: Annotated[Base64Source | TextSource | ContentSource | ElsewhereSource, Field(discriminator="type")]
    title: str | None = None
    context: str | None = None
    citations: Citations | None = None


class SearchResult(BaseModel):
    type: Literal["search_result"]
    source: str
    title: str
    content: list[Text]
    citations: Citations | None = None


class Thinking(BaseModel):
    type: Literal["thinking"]
    thinking: str


class RedactedThinking(BaseModel):
    type: Literal["redacted_thinking"]


class ToolUse(BaseModel):
    type: Literal["tool_use"]
    id: str
    name: str
    input: dict[str, Any]


Shown = Text | Image | Document | SearchResult


class ToolResult(BaseModel):
    type: Literal["tool_result"]
    tool_use_id: str
    content: str | list[Annotated[Shown, Field(discriminator="type")]] | None = None
    is_error: bool | None = None


Block = Annotated[
    Text | Image | Document | SearchResult | Thinking | RedactedThinking | ToolUse | ToolResult,
    Field(discriminator="type"),
]


def parts_of(content: str | Sequence[Shown] | None) -> list[Part]:
    """Texts and pictures, in their order. Raises BadRequest for what no model here can be shown."""
    if content is None or isinstance(content, str):
        return [content] if content else []
    return [part for block in content for part in _parts(block)]


def _parts(block: Shown) -> list[Part]:
    if isinstance(block, Text):
        return [block.text] if block.text else []
    if isinstance(block, Image):
        return [_picture(block)]
    if block.citations and block.citations.enabled:
        raise BadRequest("citations are not supported", hint="leave citations out")
    if isinstance(block, SearchResult):
        return [_headed("\n".join(text.text for text in block.content), title=block.title, source=block.source)]
    return _document(block)


def _picture(image: Image) -> Media:
    if not isinstance(image.source, Base64Source):
        raise BadRequest(
            "an image comes as base64: nothing is fetched from an address, and no files are kept",
            hint="put the picture itself into the request",
        )
    if not image.source.media_type.startswith("image/"):
        raise BadRequest(f"media_type of an image is image/..., this one is {image.source.media_type}")
    return Media("image", decoded(image.source.data, "the image's data"), image.source.media_type)


def _document(document: Document) -> list[Part]:
    source, heads = document.source, {"title": document.title, "context": document.context}
    if isinstance(source, TextSource):
        return [_headed(source.data, **heads)]
    if isinstance(source, ContentSource):
        return [_headed("", **heads), *parts_of(source.content)] if any(heads.values()) else parts_of(source.content)
    what = source.media_type if isinstance(source, Base64Source) else f"from a {source.type}"
    raise BadRequest(f"a document is plain text, this one is {what}", hint="put its text into the request")


def _headed(text: str, **heads: str | None) -> str:
    return "\n".join([*(f"{name}: {value}" for name, value in heads.items() if value), text])
