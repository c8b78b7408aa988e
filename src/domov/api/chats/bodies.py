"""What the routes of chats are sent, and the options of an answer."""

from typing import Annotated, Any, Literal

import orjson
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domov.api.documents import Names
from domov.api.errors import validation_error
from domov.api.openai.chat import ChatBody
from domov.api.openai.fields import TextBody
from domov.chats.prompting import NOTE_DEPTH_TOKENS, SCAN_TOKENS
from domov.errors import BadRequest

MOST_TEXT_CHARACTERS = 4_000_000  # of a message: more than any model reads
MOST_SETTINGS_BYTES = 2_000_000
MOST_MODELS = 8
Text = Annotated[str, Field(max_length=MOST_TEXT_CHARACTERS)]
Name = Annotated[str, Field(max_length=300)]
Title = Annotated[str, Field(max_length=300)]
Folder = Annotated[str, Field(min_length=1, max_length=200)]
Tags = Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(max_length=100)]
Options = dict[str, Any]
# What an answer's options may be: the names of /v1/chat/completions that say how it is made.
OPTIONS = frozenset(TextBody.model_fields) | {"max_tokens", "max_completion_tokens", "reasoning_effort"}
OPTIONS |= {"thinking_budget_tokens", "chat_template_kwargs", "json_schema", "think"}
OPTIONS -= {"model", "stream", "stream_options", "n", "conversation", "private", "return_progress", "priority"}


Phrases = Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=100)]


class WorldEntry(BaseModel):
    """Something about the world of a story, told when one of its keys stands in the text."""

    model_config = ConfigDict(extra="allow")
    keys: Phrases = []
    text: Annotated[str, Field(max_length=20_000)] = ""
    also: Phrases = []
    constant: bool = False
    enabled: bool = True


class StorySettings(BaseModel):
    """What a story has beside its text."""

    model_config = ConfigDict(extra="allow")
    memory: Annotated[str, Field(max_length=200_000)] = ""
    note: Annotated[str, Field(max_length=20_000)] = ""
    note_depth: Annotated[int, Field(ge=0, le=100_000)] = NOTE_DEPTH_TOKENS
    world: Annotated[list[WorldEntry], Field(max_length=1000)] = []
    scan_tokens: Annotated[int, Field(ge=0, le=100_000)] = SCAN_TOKENS
    alternatives: Annotated[int, Field(ge=0, le=20)] = 6


class Settings(BaseModel):
    """What holds for all answers of a chat. More fields are kept and given back: they are the caller's own."""

    model_config = ConfigDict(extra="allow")
    system: Text = ""
    options: Options = {}
    documents: bool | Names = []
    tools: bool | Names = []  # of these servers; not in answers from documents
    assistant: Name | None = None
    title: Literal["words", "auto"] = "words"
    story: StorySettings | None = None


class NewChat(BaseModel):
    kind: Literal["chat", "story"] = "chat"
    title: Title = ""
    model: Name | None = None
    folder: Folder | None = None
    settings: Settings = Settings()
    temporary: bool = False


class ChangedChat(BaseModel):
    """What is left out stays as it is."""

    title: Title = ""
    folder: Folder | None = None
    tags: Tags = []
    pinned: bool = False
    archived: bool = False
    current: Name | None = None
    settings: Settings = Settings()
    draft: Text = ""
    model: Name | None = None


class Forked(BaseModel):
    message_id: Name


class NewMessage(BaseModel):
    parent_id: Name | None = None
    content: Text = ""
    attachments: Annotated[list[Name], Field(max_length=20)] = []
    models: Annotated[list[Name], Field(min_length=1, max_length=MOST_MODELS)] | None = None
    options: Options = {}


class AnotherAnswer(BaseModel):
    model: Name | None = None
    options: Options = {}


class GoOn(BaseModel):
    options: Options = {}


class WriteOn(BaseModel):
    model: Name | None = None
    options: Options = {}


class NewText(BaseModel):
    text: Text


class ChangedMessage(BaseModel):
    content: Text


class NewAssistant(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=200)]
    description: Annotated[str, Field(max_length=4000)] = ""
    model: Name | None = None
    system: Text = ""
    options: Options = {}
    documents: bool | Names = []
    adapters: Annotated[list[dict[str, Any]], Field(max_length=32)] = []


class ChangedAssistant(BaseModel):
    """What is left out stays as it is."""

    name: Annotated[str, Field(min_length=1, max_length=200)] = "-"
    description: Annotated[str, Field(max_length=4000)] = ""
    model: Name | None = None
    system: Text = ""
    options: Options = {}
    documents: bool | Names = []
    adapters: Annotated[list[dict[str, Any]], Field(max_length=32)] = []


def given(body: BaseModel) -> dict[str, Any]:
    """The fields that were sent, in a form that can be kept. Raises BadRequest."""
    table = body.model_dump(exclude_unset=True)
    try:
        if len(orjson.dumps(table.get("settings", {}))) > MOST_SETTINGS_BYTES:
            raise BadRequest(f"settings have more than {MOST_SETTINGS_BYTES} bytes")
        orjson.dumps(table)
    except TypeError as error:  # a number that JSON has and no program reads
        raise BadRequest(f"the request can't be kept: {str(error)[:100]}") from error
    for options in (table.get("options"), table.get("settings", {}).get("options")):
        if options:
            body_of(options)
    return table


def body_of(options: Options, **more: Any) -> ChatBody:
    """The chat completion that options ask for, without its messages. Raises BadRequest, naming the option."""
    for name in options:
        if name not in OPTIONS:
            raise BadRequest(f"no such option: {name[:80]}", hint=f"the options are: {', '.join(sorted(OPTIONS))}")
    fields = {name: value for name, value in options.items() if name != "think"} | _thinking(options)
    try:
        return ChatBody.model_validate({"messages": [{"role": "user", "content": "?"}], "model": "?", **fields, **more})
    except ValidationError as error:
        raise validation_error(RequestValidationError(error.errors())) from error


def _thinking(options: Options) -> Options:
    """`think` in the words of chat completions."""
    think = options.get("think")
    if think is None:
        return {}
    if isinstance(think, bool):
        return {"chat_template_kwargs": {**options.get("chat_template_kwargs", {}), "enable_thinking": think}}
    return {"reasoning_effort": think}
