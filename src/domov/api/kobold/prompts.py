"""The prompt as it is sent: the model's own marks for KoboldAI's placeholders, and as much of it as has room.

Memory stays at the top; what does not fit goes from the beginning of the prompt, as KoboldCpp has it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from domov.engine.protocol import Engine, Tokenizer
from domov.errors import BadRequest, ContextOverflow
from domov.types import ChatRequest, CompletionRequest, Message

MARKS = 4  # tokens that a model may want around a text
LEAST_PROMPT = 0.2  # of the context, however long the answer is to be
PLACEHOLDER = re.compile(r"\{\{\[(SYSTEM|INPUT|OUTPUT)(_END)?\]\}\}")
WORDS = ("SYSTEMWORDS", "USERWORDS", "ANSWERWORDS", "NEXTUSERWORDS")  # what no template says itself


class TextEngine(Engine, Tokenizer, Protocol): ...


@dataclass(frozen=True, slots=True)
class Room:
    """How a context is shared between the prompt and the answer, in tokens."""

    prompt_tokens: int
    answer_tokens: int


def room_for(context_tokens: int, max_length: int) -> Room:
    """The answer has its length, but leaves a fifth of the context to the prompt. Source: koboldcpp.py."""
    least = max(min(context_tokens - MARKS, 16), int(context_tokens * LEAST_PROMPT))
    answer = max(0, min(max_length, context_tokens - least))
    return Room(context_tokens - answer, answer)


async def fitted(
    engine: TextEngine, request: CompletionRequest, *, memory: str, max_context: int | None, may_cut: bool
) -> tuple[CompletionRequest, int]:
    """The request with as much of its prompt as there is room for, and how many tokens were left out.

    memory       what its prompt begins with
    max_context  what the client wants of the model's context; None: all of it
    may_cut      false: a prompt that is too long is an error

    Raises ContextOverflow, and BadRequest for a memory that leaves nothing to the prompt.
    """
    prompt, max_tokens = request.prompt, request.max_tokens
    assert isinstance(prompt, str) and max_tokens is not None
    whole = (await engine.start()).context_tokens
    room = room_for(min(whole, max_context or whole), max_tokens)
    request = replace(request, max_tokens=room.answer_tokens)
    if _bytes(prompt) + MARKS <= room.prompt_tokens:
        return request, 0  # no token is shorter than a byte
    pinned = await engine.tokenize(memory, special=True, first=True)
    tokens = await engine.tokenize(prompt[len(memory) :], special=True)
    excess = len(pinned) + len(tokens) - room.prompt_tokens
    if excess <= 0:
        return request, 0
    if not may_cut:
        raise ContextOverflow(prompt_tokens=len(pinned) + len(tokens), context_tokens=room.prompt_tokens)
    if excess >= len(tokens):
        raise BadRequest(
            f"memory has {len(pinned)} tokens, and there is room for {room.prompt_tokens} in all",
            hint="shorten memory or max_length, or raise max_context_length",
        )
    return replace(request, prompt=(*pinned, *tokens[excess:])), excess


def _bytes(prompt: str) -> int:
    try:
        return len(prompt.encode())
    except UnicodeEncodeError as error:
        raise BadRequest("the prompt has half a character in it: a surrogate without its other half") from error


@dataclass(frozen=True, slots=True)
class Tags:
    """What a model's template writes around the turns of a conversation."""

    opening: str  # before the first thing the user says, where nothing comes before it
    system: str  # before a system prompt
    after_system: str  # between it and the user
    user: str  # before what the user says, alone
    after_user: str  # between the user and an answer that is there already
    after_answer: str  # between an answer and the user
    answer: str  # between the user and the answer that is to be made


async def read_tags(engine: Tokenizer, model: str) -> Tags:
    """Read off two conversations that the template was given. Raises BadRequest where it leaves something out."""
    system, user, answer, next_user = WORDS
    said = (Message("user", user), Message("assistant", answer), Message("user", next_user))
    prompt = await engine.render(ChatRequest(model, (Message("system", system), *said)))
    alone = await engine.render(ChatRequest(model, (Message("user", user),)))
    return tags_of(prompt, alone)


def tags_of(prompt: str, alone: str) -> Tags:
    """From the prompt of a conversation of WORDS, and from that of its first question alone."""
    parts = re.split("|".join(sorted(WORDS, key=len, reverse=True)), prompt)
    opening, found, _ = alone.partition(WORDS[1])
    if len(parts) != len(WORDS) + 1 or not found:
        raise BadRequest("this model's template has no plain turns", hint="send the prompt with its own marks")
    before, after_system, after_user, after_answer, answer = parts
    return Tags(opening, before, after_system, _start(after_system, before), after_user, after_answer, answer)


def _start(between: str, mark: str) -> str:
    """The part that begins a turn, of what stands between two: it begins like the mark of another turn."""
    for length in range(len(mark), 0, -1):
        if (place := between.rfind(mark[:length])) >= 0:
            return between[place:]
    return between


def fill(texts: Sequence[str], tags: Tags) -> list[str]:
    """Texts that follow each other, with tags in the place of KoboldAI's placeholders.

    What ends a turn is written by the next one that begins.
    """
    seen: list[str] = []
    before_it = after_it = ""  # of the text that the placeholder stands in

    def tag(match: re.Match[str]) -> str:
        kind, end = match[1], match[2]
        if end:
            return ""
        before = seen[-1] if seen else ("TEXT" if (before_it + match.string[: match.start()]).strip() else "")
        seen.append(kind)
        if kind == "SYSTEM":
            return tags.system
        if kind == "OUTPUT":
            return tags.after_user if (match.string[match.end() :] + after_it).strip() else tags.answer
        return {"": tags.opening, "SYSTEM": tags.after_system, "TEXT": tags.user}.get(before, tags.after_answer)

    filled = []
    for number, text in enumerate(texts):
        before_it, after_it = "".join(texts[:number]), "".join(texts[number + 1 :])
        filled.append(PLACEHOLDER.sub(tag, text))
    return filled


def fill_stop(text: str, tags: Tags) -> str:
    """A stop sequence with the mark that begins a turn in the place of a placeholder."""
    marks = {"INPUT": tags.user, "OUTPUT": _start(tags.after_user, tags.system), "SYSTEM": tags.system}
    return PLACEHOLDER.sub(lambda m: "" if m[2] else marks[m[1]].strip(), text)


def has_placeholder(texts: Sequence[str]) -> bool:
    return any("{{[" in text and PLACEHOLDER.search(text) for text in texts)
