"""Prompts fitted into a context, and KoboldAI's placeholders filled."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as some

from domov.api.kobold.prompts import Tags, fill, fill_stop, fitted, has_placeholder, room_for, tags_of
from domov.engine.fake import FakeEngine
from domov.errors import BadRequest, ContextOverflow
from domov.types import CompletionRequest

ENGINE = FakeEngine(context_tokens=100)  # a token is a character


async def fit(prompt: str, memory: str = "", *, answer: int = 20, context: int | None = None, cut: bool = True) -> str:
    request = CompletionRequest("m", memory + prompt, max_tokens=answer)
    made, left_out = await fitted(ENGINE, request, memory=memory, max_context=context, may_cut=cut)
    text = made.prompt if isinstance(made.prompt, str) else "".join(map(chr, made.prompt))
    assert len(text) + left_out == len(memory + prompt)
    return text


def test_an_answer_leaves_a_fifth_of_the_context_to_the_prompt() -> None:
    assert (room_for(1000, 100).prompt_tokens, room_for(1000, 100).answer_tokens) == (900, 100)
    assert (room_for(1000, 5000).prompt_tokens, room_for(1000, 5000).answer_tokens) == (200, 800)


@given(some.integers(1, 2**31), some.integers(0, 2**31))
def test_prompt_and_answer_share_the_context(context: int, length: int) -> None:
    room = room_for(context, length)
    assert room.prompt_tokens + room.answer_tokens == context
    assert 0 <= room.answer_tokens <= length


async def test_what_fits_is_sent_as_it_is() -> None:
    assert await fit("x" * 76) == "x" * 76
    assert await fit("x" * 80) == "x" * 80


async def test_the_beginning_of_the_prompt_goes_and_the_memory_stays() -> None:
    prompt = "".join(chr(200 + n) for n in range(100))
    assert await fit(prompt) == prompt[20:]
    assert await fit(prompt, "memory") == "memory" + prompt[26:]
    assert await fit(prompt, "memory", context=50) == "memory" + prompt[76:]


async def test_a_memory_that_leaves_nothing_is_an_error() -> None:
    with pytest.raises(BadRequest, match="memory has 90 tokens, and there is room for 80"):
        await fit("prompt", "m" * 90)
    with pytest.raises(BadRequest):
        await fit("prompt", context=1)


async def test_nothing_is_cut_where_nothing_may_be() -> None:
    with pytest.raises(ContextOverflow, match="120 tokens"):
        await fit("x" * 120, cut=False)


SYSTEM, USER, ANSWER, NEXT = "SYSTEMWORDS", "USERWORDS", "ANSWERWORDS", "NEXTUSERWORDS"


def tags(prompt: Sequence[str], alone: str) -> Tags:
    words = (SYSTEM, USER, ANSWER, NEXT, "")
    return tags_of("".join(a + b for a, b in zip(prompt, words, strict=True)), alone)


CHATML = tags(
    (
        "<|im_start|>system\n",
        "<|im_end|>\n<|im_start|>user\n",
        "<|im_end|>\n<|im_start|>assistant\n",
        "<|im_end|>\n<|im_start|>user\n",
        "<|im_end|>\n<|im_start|>assistant\n<think>\n",
    ),
    f"<|im_start|>system\nBe nice.<|im_end|>\n<|im_start|>user\n{USER}<|im_end|>\n<|im_start|>assistant\n<think>\n",
)


def test_the_marks_of_a_turn_are_told_from_those_of_the_one_before() -> None:
    assert CHATML.user == "<|im_start|>user\n"
    llama = tags(("<|s|>system<|e|>\n", "<|x|><|s|>user<|e|>\n", "<|x|><|s|>bot<|e|>\n", "a", "b"), f"<|s|>user{USER}")
    assert llama.user == "<|s|>user<|e|>\n"
    gemma = tags(("<t>user\n", "\n\n", "</t>\n<t>model\n", "</t>\n<t>user\n", "</t>\n<t>model\n"), f"<t>user\n{USER}")
    assert gemma.user == "\n\n"


def test_a_conversation_is_written_as_the_template_does() -> None:
    given = "{{[SYSTEM]}}Be brief.{{[SYSTEM_END]}}{{[INPUT]}}Hi{{[INPUT_END]}}{{[OUTPUT]}}Hello{{[OUTPUT_END]}}"
    given += "{{[INPUT]}}And?{{[INPUT_END]}}{{[OUTPUT]}}"
    wanted = (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello"
        "<|im_end|>\n<|im_start|>user\nAnd?<|im_end|>\n<|im_start|>assistant\n<think>\n"
    )
    assert "".join(fill(["", given], CHATML)) == wanted
    memory, prompt = given[: given.index("{{[INPUT]}}")], given[given.index("{{[INPUT]}}") :]
    assert "".join(fill([memory, prompt], CHATML)) == wanted


def test_marks_without_ends_are_enough() -> None:
    (text,) = fill(["{{[INPUT]}}Hi{{[OUTPUT]}}Hello{{[INPUT]}}And?{{[OUTPUT]}}"], CHATML)
    assert text == CHATML.opening + "Hi" + CHATML.after_user + "Hello" + CHATML.after_answer + "And?" + CHATML.answer


def test_an_answer_that_has_begun_is_written_on() -> None:
    begun = CHATML.opening + "Hi" + CHATML.after_user + "Hel"
    assert fill(["", "{{[INPUT]}}Hi{{[OUTPUT]}}Hel"], CHATML) == ["", begun]
    assert fill(["{{[INPUT]}}Hi{{[OUTPUT]}}", "Hel"], CHATML) == [begun.removesuffix("Hel"), "Hel"]


def test_a_text_before_the_first_question_takes_the_place_of_a_system_prompt() -> None:
    assert fill(["A memory.", "{{[INPUT]}}Hi"], CHATML) == ["A memory.", "<|im_start|>user\nHi"]
    assert fill(["", "A memory.{{[INPUT]}}Hi"], CHATML) == ["", "A memory.<|im_start|>user\nHi"]
    assert fill(["\n", "{{[INPUT]}}Hi"], CHATML) == ["\n", CHATML.opening + "Hi"]


def test_stop_sequences_have_marks_too() -> None:
    assert fill_stop("{{[INPUT]}}", CHATML) == "<|im_start|>user"
    assert fill_stop("{{[OUTPUT]}}", CHATML) == "<|im_start|>assistant"
    assert fill_stop("{{[OUTPUT_END]}}", CHATML) == "" and fill_stop("User:", CHATML) == "User:"


def test_only_placeholders_are_looked_for() -> None:
    assert has_placeholder(["a", "{{[INPUT]}}"]) and not has_placeholder(["{{user}}", "{{[OTHER]}}"])


def test_a_template_that_leaves_words_out_is_refused() -> None:
    with pytest.raises(BadRequest, match="no plain turns"):
        tags_of(f"{SYSTEM}{USER}", USER)
