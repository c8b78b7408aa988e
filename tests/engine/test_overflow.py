from collections.abc import Sequence
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domov.engine.overflow import Room, kept, room_for, turns_of
from domov.errors import ContextOverflow
from domov.types import Message, Overflow, ToolCall

POLICIES: tuple[Overflow, ...] = ("drop_oldest", "keep_ends", "stop")
MARKS = 2  # tokens that the template of these tests puts around a message


def tokens_of(messages: Sequence[Message]) -> int:
    return sum(MARKS + len(m.text.split()) for m in messages)


def run(
    messages: Sequence[Message], *, policy: Overflow = "drop_oldest", context: int, reserve: int = 0
) -> tuple[tuple[int, ...], int]:
    """The dropped places, and how many counts it took. A word is a token."""
    steps, counts = kept(messages, policy=policy, room=Room(context, reserve)), 0
    candidate = next(steps)
    while True:
        counts += 1
        try:
            candidate = steps.send(tokens_of(candidate))
        except StopIteration as end:
            return end.value, counts


def chat(turns: int, words: int = 8) -> list[Message]:
    """A system prompt and turns of a question and an answer, each message `words` long."""
    said = "word " * words
    pairs = [m for _ in range(turns) for m in (Message("user", said), Message("assistant", said))]
    return [Message("system", said), *pairs[:-1]]  # the newest turn waits for its answer


def test_what_fits_is_kept_whole_and_counted_once() -> None:
    assert run(chat(3), context=1000) == ((), 1)


def test_the_oldest_turns_go_as_few_as_will_do() -> None:
    # system and five turns of 20 tokens, the last of 10: 10 + 4*20 + 10 = 100; 61 hold 60, so two turns go
    assert run(chat(5), context=61)[0] == (1, 2, 3, 4)


def test_both_ends_are_kept_and_the_middle_goes() -> None:
    assert run(chat(5), policy="keep_ends", context=61)[0] == (3, 4, 5, 6)


def test_to_stop_is_an_error_with_the_numbers() -> None:
    with pytest.raises(ContextOverflow) as caught:
        run(chat(5), policy="stop", context=61)
    assert (caught.value.prompt_tokens, caught.value.context_tokens) == (100, 61)


def test_to_stop_goes_on_as_long_as_there_is_room_for_a_word() -> None:
    assert run(chat(5), policy="stop", context=101, reserve=25)[0] == ()
    with pytest.raises(ContextOverflow):
        run(chat(5), policy="stop", context=100, reserve=25)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_single_prompt_that_is_too_long_is_an_error_under_every_policy(policy: Overflow) -> None:
    with pytest.raises(ContextOverflow) as caught:
        run([Message("user", "word " * 200)], policy=policy, context=128, reserve=32)
    assert (caught.value.prompt_tokens, caught.value.context_tokens) == (202, 128)


def test_a_single_prompt_that_only_takes_of_the_reserve_is_answered() -> None:
    assert run([Message("user", "word " * 100)], context=128, reserve=32)[0] == ()


def test_the_reserve_is_the_longest_answer_or_a_quarter() -> None:
    assert room_for(context_tokens=1000, max_tokens=None).prompt_tokens == 750
    assert room_for(context_tokens=1000, max_tokens=100).prompt_tokens == 900
    assert room_for(context_tokens=1000, max_tokens=5000).prompt_tokens == 750


def test_a_turn_may_hold_several_messages_of_its_user_and_calls_of_tools() -> None:
    call = Message("assistant", "", (ToolCall("1", "clock", "{}"),))
    messages = [
        Message("assistant", "hello"),
        Message("system", "be kind"),
        Message("user", "a"),
        Message("user", "b"),
        call,
        Message("tool", "noon", tool_call_id="1"),
        Message("assistant", "noon"),
        Message("user", "c"),
    ]
    assert turns_of(messages) == [(0,), (2, 3, 4, 5, 6), (7,)]


def test_a_user_who_speaks_between_a_call_and_its_result_does_not_part_them() -> None:
    call = Message("assistant", "", (ToolCall("1", "clock", "{}"),))
    messages = [Message("user", "a"), call, Message("user", "b"), Message("tool", "x", tool_call_id="1")]
    assert turns_of(messages) == [(0, 1, 2, 3)]


texts = st.integers(0, 30).map(lambda n: "word " * n)
numbers = count()


@st.composite
def turns(draw: st.DrawFn) -> list[Message]:
    found = [Message("user", draw(texts))]
    for _ in range(draw(st.integers(0, 2))):
        calls = tuple(ToolCall(f"call-{next(numbers)}", "f", "{}") for _ in range(draw(st.integers(1, 2))))
        found += [Message("assistant", "", calls), *(Message("tool", draw(texts), tool_call_id=c.id) for c in calls)]
    return [*found, *([Message("assistant", draw(texts))] if draw(st.booleans()) else [])]


@st.composite
def conversations(draw: st.DrawFn) -> list[Message]:
    messages = [m for turn in draw(st.lists(turns(), min_size=1, max_size=12)) for m in turn]
    for _ in range(draw(st.integers(0, 2))):
        messages.insert(draw(st.integers(0, len(messages))), Message("system", draw(texts)))
    return [*messages, Message("user", draw(texts))]


@given(conversations(), st.sampled_from(POLICIES), st.integers(8, 600), st.integers(0, 100))
def test_the_laws_of_overflow(messages: list[Message], policy: Overflow, context: int, reserve: int) -> None:
    reserve = min(reserve, context // 4)
    groups = turns_of(messages)
    try:
        dropped, counts = run(messages, policy=policy, context=context, reserve=reserve)
    except ContextOverflow as error:
        assert error.prompt_tokens >= context  # nothing that could have been answered is refused
        return
    left = [m for place, m in enumerate(messages) if place not in dropped]
    assert tokens_of(left) < context
    assert [m for m in left if m.role == "system"] == [m for m in messages if m.role == "system"]
    assert not set(groups[-1]) & set(dropped), "the newest turn stays"
    assert all(set(turn) <= set(dropped) or not set(turn) & set(dropped) for turn in groups), "turns stay whole"
    calls = {c.id for m in left for c in m.tool_calls}
    assert calls == {m.tool_call_id for m in left if m.role == "tool"}, "no call without its result"
    gone = [turn for turn in groups if set(turn) <= set(dropped)]
    oldest = groups[1:] if policy == "keep_ends" else groups
    assert gone == oldest[: len(gone)], "the oldest that may go"
    assert not dropped or policy != "stop"
    if gone:
        back = [m for place, m in enumerate(messages) if place not in set(dropped) - set(gone[-1])]
        assert tokens_of(back) > context - max(1, reserve), "no more than needed"
    assert counts <= 3 + len(groups).bit_length()
