"""Every field that OpenAI's client can send is supported, refused, or ignored on purpose: none is forgotten."""

from collections.abc import Iterable
from typing import Any

import orjson
import pytest
from openai.types import batch_create_params, completion_create_params, embedding_create_params
from openai.types.audio import transcription_create_params
from openai.types.chat import (
    ChatCompletion,
    ChatCompletionChunk,
    chat_completion_assistant_message_param,
    chat_completion_developer_message_param,
    chat_completion_tool_message_param,
    chat_completion_user_message_param,
)
from openai.types.chat import completion_create_params as chat_create_params
from openai.types.completion import Completion
from openai.types.responses import response_create_params
from pydantic import BaseModel, ValidationError

from domov.api.answers import Collected
from domov.api.openai import batches, chat, completions, messages, transcriptions, vectors
from domov.api.openai.responses import body as responses
from domov.errors import BadRequest
from domov.types import Done, Progress, ReasoningDelta, TextDelta, Token, ToolCall, ToolCallDelta, Usage

Groups = tuple[Iterable[str], Iterable[str], Iterable[str]]


def groups(kind: type[BaseModel], refused: Iterable[str] = (), ignored: Iterable[str] = ()) -> Groups:
    return kind.model_fields, refused, ignored


@pytest.mark.parametrize(
    ("asked", "known"),
    [
        (chat_create_params.CompletionCreateParamsStreaming, groups(chat.ChatBody, chat.UNSUPPORTED, chat.IGNORED)),
        (
            completion_create_params.CompletionCreateParamsStreaming,
            groups(completions.CompletionBody, (), completions.IGNORED),
        ),
        (embedding_create_params.EmbeddingCreateParams, groups(vectors.EmbeddingBody, (), vectors.IGNORED)),
        (
            response_create_params.ResponseCreateParamsStreaming,
            groups(responses.ResponseBody, responses.UNSUPPORTED, responses.IGNORED),
        ),
        (batch_create_params.BatchCreateParams, groups(batches.BatchBody)),
        (
            transcription_create_params.TranscriptionCreateParamsStreaming,
            (transcriptions.FIELDS, transcriptions.UNSUPPORTED, transcriptions.IGNORED),
        ),
        *(
            (asked, groups(messages.ChatMessage, messages.UNSUPPORTED, messages.IGNORED))
            for asked in (
                chat_completion_assistant_message_param.ChatCompletionAssistantMessageParam,
                chat_completion_developer_message_param.ChatCompletionDeveloperMessageParam,
                chat_completion_tool_message_param.ChatCompletionToolMessageParam,
                chat_completion_user_message_param.ChatCompletionUserMessageParam,
            )
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_no_field_is_forgotten(asked: Any, known: Groups) -> None:
    fields = set(asked.__annotations__)
    supported, refused, ignored = map(set, known)
    assert fields - supported - refused - ignored == set()
    assert not (supported & ignored or supported & refused or refused & ignored)


def body(**more: Any) -> chat.ChatBody:
    return chat.ChatBody(**{"model": "m", "messages": [{"role": "user", "content": "hi"}], **more})


TOOL = {"type": "function", "function": {"name": "a"}}
OTHER = {"type": "function", "function": {"name": "b"}}


@pytest.mark.parametrize(
    "more",
    [
        *({name: {"some": "thing"}} for name in chat.UNSUPPORTED),
        *({"messages": [{"role": "assistant", "content": "x", name: {"id": "x"}}]} for name in messages.UNSUPPORTED),
        {"messages": [{"role": "function", "name": "x", "content": "y"}]},
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "x"}}]}]},
        {"tools": [{"type": "custom", "custom": {"name": "x"}}]},
        {"tool_choice": {"type": "custom", "custom": {"name": "x"}}},
        {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [TOOL]}}},
        {"response_format": {"type": "xml"}},
        {"reasoning_effort": "enormous"},
    ],
)
def test_what_would_be_silently_wrong_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises((BadRequest, ValidationError)):
        chat.decode(body(**more))


def test_what_is_ignored_changes_nothing() -> None:
    ignored: dict[str, Any] = dict.fromkeys(chat.IGNORED, "anything")
    assert chat.decode(body(**ignored)) == chat.decode(body())


def test_only_allowed_tools_are_told_of() -> None:
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [OTHER]}}
    request = chat.decode(body(tools=[TOOL, OTHER], tool_choice=choice))
    assert [tool.name for tool in request.tools] == ["b"] and request.tool_choice == "required"


def test_a_refusal_that_comes_back_is_what_was_said() -> None:
    request = chat.decode(body(messages=[{"role": "assistant", "content": None, "refusal": "No."}]))
    assert request.messages[0].text == "No."


DONE = Done("tool_calls", Usage(7, 5, cached_tokens=3, prompt_seconds=0.5, answer_seconds=0.25))


def test_whole_answers_have_openais_form() -> None:
    token = Token("Do", 1, -0.5, b"Do", (Token("Do", 1, -0.5, b"Do"),))
    answer = Collected("Do", "hm", [token], {0: ToolCall("1", "a", "{}")}, DONE)
    told = ChatCompletion.model_validate(chat.whole([answer], chat.Stream("x", 1, "m", False, True)), strict=True)
    assert told.usage and told.usage.prompt_tokens_details and told.usage.prompt_tokens_details.cached_tokens == 3
    plain = completions.Stream("x", 1, "m", False, prompts=1, echoes=[""], logprobs=True)
    Completion.model_validate(plain.whole([Collected("Do", "", [token], {}, Done("stop", Usage(1, 1)))]), strict=True)


def test_chunks_have_openais_form_and_the_last_has_the_timings() -> None:
    stream = chat.Stream("x", 1, "m", True)
    events = (Progress(1, 1, 0), ReasoningDelta("hm"), TextDelta("Do"), ToolCallDelta(0, "1", "a", "{}"), DONE)
    sent = b"".join([*(stream.encode(0, event) for event in events), stream.last()])
    tables = [orjson.loads(line[6:]) for line in sent.splitlines() if line.startswith(b"data: {")]
    for table in tables:
        ChatCompletionChunk.model_validate(table, strict=True)
    last = tables[-2]["choices"][0]
    assert last["finish_reason"] == "tool_calls" and tables[-2]["timings"]["prompt_ms"] == 500
    pieces = [piece for t in tables if t["choices"] for piece in t["choices"][0]["delta"].get("tool_calls", ())]
    assert [piece["index"] for piece in pieces] == [0]
