"""Kept answers: a chain of them is a conversation, and it is its owner's."""

from dataclasses import replace

import pytest

from domov.chats.answers import Answers, KeptAnswer
from domov.chats.messages import from_json, to_json
from domov.database import Database
from domov.errors import NoSuchAnswer
from domov.types import Media, Message, ToolCall

USER, ASSISTANT = Message("user", "Kolik je 2 + 2?"), Message("assistant", "4", reasoning="2 + 2 = 4")


@pytest.fixture
def answers(database: Database) -> Answers:
    return Answers(database)


def answer(id: str, *messages: Message, previous: str | None = None, owner: str = "") -> KeptAnswer:
    return KeptAnswer(id, previous, "m:1b", 1.5, messages, {"id": id}, owner)


def test_a_conversation_is_the_chain_of_answers_to_the_first(answers: Answers) -> None:
    more = Message("user", "a 3 + 3?"), Message("assistant", "6")
    answers.put(answer("resp_1", USER, ASSISTANT))
    answers.put(answer("resp_2", *more, previous="resp_1"))
    assert answers.conversation("resp_2", owner="") == (USER, ASSISTANT, *more)
    assert answers.get("resp_2", owner="") == answer("resp_2", *more, previous="resp_1")


def test_another_owners_answer_is_not_found(answers: Answers) -> None:
    answers.put(answer("resp_1", USER, owner="anna"))
    assert answers.get("resp_1", owner="anna").messages == (USER,)
    for act in (answers.get, answers.conversation, answers.delete):
        with pytest.raises(NoSuchAnswer):
            act("resp_1", owner="boris")


def test_what_goes_on_from_a_deleted_answer_begins_there(answers: Answers) -> None:
    answers.put(answer("resp_1", USER, ASSISTANT))
    answers.put(answer("resp_2", USER, previous="resp_1"))
    answers.delete("resp_1", owner="")
    assert answers.conversation("resp_2", owner="") == (USER,)
    with pytest.raises(NoSuchAnswer):
        answers.get("resp_1", owner="")


def test_an_answer_whose_predecessor_was_deleted_while_it_was_written_is_not_found(answers: Answers) -> None:
    answers.put(answer("resp_1", USER))
    answers.delete("resp_1", owner="")
    with pytest.raises(NoSuchAnswer, match="deleted meanwhile: resp_1"):
        answers.put(answer("resp_2", USER, previous="resp_1"))


def test_the_oldest_go_where_there_are_too_many_or_they_are_too_old(answers: Answers) -> None:
    for second in range(5):
        answers.put(replace(answer(f"resp_{second}", USER), created_at=float(second)))
    assert answers.prune(older_than=0, most=5) == []
    assert sorted(answers.prune(older_than=0, most=3)) == ["resp_0", "resp_1"]
    assert answers.prune(older_than=2.5, most=3) == ["resp_2"]
    assert answers.get("resp_3", owner="") and answers.get("resp_4", owner="")


def test_messages_of_every_kind_come_back_as_they_were() -> None:
    messages = (
        Message("system", "česky \u0000 \U0001f3e0"),
        Message("user", ("look: ", Media("image", bytes(range(256)), "image/png"))),
        Message("assistant", "", tool_calls=(ToolCall("call_1", "weather", '{"city": "Brno"}'),), reasoning="hm"),
        Message("tool", "12 °C", tool_call_id="call_1"),
    )
    assert from_json(to_json(messages)) == messages
