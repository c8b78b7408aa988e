"""What a teacher answers: prompts put to it in a Domov worker, for a student of any tokenizer to learn from.

Answers are kept one by one: what was killed goes on after the last.
"""

import json
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import orjson

from domov.engine.protocol import Engine, Tokenizer
from domov.errors import BadInput
from domov.optimize.progress import Progress
from domov.optimize.texts import Text
from domov.store.models import Model
from domov.types import ChatRequest, CompletionRequest, Message, Sampling, TextDelta

MOST_PROMPTS = 100_000
Wording = tuple[str, str, float]  # (prompt as the student reads it, what comes after, how much that counts)


@dataclass(frozen=True, slots=True)
class Prompt:
    text: str
    answer: str = ""  # the data's own; empty: it has none


def prompts_of(data: Sequence[Text]) -> list[Prompt]:
    """A prompt a line; or JSON lines with `prompt` and perhaps `answer`. Raises BadInput, with the line."""
    found = [prompt for text in data for prompt in _lines(text)]
    if not found:
        raise BadInput(
            "the data holds no prompts", hint="give a file with a prompt a line, or JSON lines with `prompt`"
        )
    if len(found) > MOST_PROMPTS:
        raise BadInput(f"{len(found)} prompts are more than {MOST_PROMPTS}")
    return found


def _lines(text: Text) -> Iterator[Prompt]:
    for number, line in enumerate(text.content.splitlines(), start=1):
        if not line.strip():
            continue
        if not line.lstrip().startswith("{"):
            yield Prompt(line.strip())
            continue
        try:
            row = orjson.loads(line)
            prompt, answer = row["prompt"], row.get("answer", "")
        except (orjson.JSONDecodeError, KeyError) as error:
            raise BadInput(f"{text.name}, line {number}: no JSON with `prompt`") from error
        if not isinstance(prompt, str) or not isinstance(answer, str) or not prompt.strip():
            raise BadInput(f"{text.name}, line {number}: prompt and answer must be texts")
        yield Prompt(prompt, answer)


async def answers(
    teacher: Model, prompts: Sequence[Prompt], kept: Path, open_engine: Callable[[Model], Engine], *, most_tokens: int
) -> AsyncGenerator[Progress | list[str], None]:
    """How it gets on, and last what the teacher answers to each prompt, at temperature 0."""
    found = _read(kept)[: len(prompts)]
    chats = teacher.shape().chat_template is not None
    engine = open_engine(teacher)
    try:
        with kept.open("a", encoding="utf-8") as file:
            for number in range(len(found), len(prompts)):
                yield Progress(f"asking {teacher.name}", number, len(prompts), "questions")
                answer = await _answer(engine, _request(teacher.name, prompts[number].text, most_tokens, chats=chats))
                file.write(json.dumps(answer) + "\n")
                file.flush()
                found.append(answer)
    finally:
        await engine.close()
    yield found


def _read(kept: Path) -> list[str]:
    """The answers of an earlier try; a line that was being written counts for nothing."""
    if not kept.exists():
        return []
    whole, _, rest = kept.read_text("utf-8").rpartition("\n")
    if rest:
        kept.write_text(f"{whole}\n" if whole else "", "utf-8")
    return [json.loads(line) for line in whole.splitlines()]


def _request(name: str, prompt: str, most_tokens: int, *, chats: bool) -> ChatRequest | CompletionRequest:
    exact = Sampling(temperature=0.0)
    if chats:
        return ChatRequest(name, (Message("user", prompt),), exact, max_tokens=most_tokens)
    return CompletionRequest(name, prompt, exact, max_tokens=most_tokens)


async def _answer(engine: Engine, request: ChatRequest | CompletionRequest) -> str:
    text = ""
    async with aclosing(engine.stream(request)) as events:  # type: ignore[type-var]
        async for event in events:
            if isinstance(event, TextDelta):
                text += event.text
    return text.strip()


async def worded(
    student: Model,
    prompts: Sequence[Prompt],
    given: Sequence[str],
    open_engine: Callable[[Model], Engine],
    *,
    own_share: float,
) -> list[Wording]:
    """Each prompt as the student's template puts it, with the teacher's answer and with the data's own."""
    engine, chats = open_engine(student), student.shape().chat_template is not None
    found: list[Wording] = []
    try:
        for prompt, answer in zip(prompts, given, strict=True):
            shown = f"{prompt.text}\n"
            if chats and isinstance(engine, Tokenizer):
                shown = await engine.render(ChatRequest(student.name, (Message("user", prompt.text),)))
            if answer:
                found.append((shown, answer, 1 - own_share if prompt.answer else 1.0))
            if prompt.answer and own_share:
                found.append((shown, prompt.answer, own_share))
    finally:
        await engine.close()
    return [one for one in found if one[2] > 0]
