"""What a model is told of a chat."""

from domov.chats.conversation import told
from domov.chats.records import Attachment, Turn
from domov.types import Media, Message

PICTURE = Attachment("att_1", "", 0.0, "image", "boat.png", "image/png", 3)
NOTE = Attachment("att_2", "", 0.0, "text", 'a "note".txt', "text/plain", 5, "Kotel topí.")


def turn(id: str, role: str, content: str, *attachments: Attachment, reasoning: str = "") -> Turn:
    return Turn(id, "c", None, role, content, reasoning, attachments=attachments)  # type: ignore[arg-type]


def messages(system: str, *path: Turn) -> tuple[Message, ...]:
    return told(system, path, lambda attachment: b"png").messages


def test_instructions_come_first_and_thoughts_stay_with_their_answer() -> None:
    path = turn("1", "user", "Hi"), turn("2", "assistant", "Ahoj", reasoning="Czech?")
    assert messages("Be brief.", *path) == (
        Message("system", "Be brief."),
        Message("user", "Hi"),
        Message("assistant", "Ahoj", reasoning="Czech?"),
    )


def test_an_empty_answer_is_left_out_and_its_question_joined_with_the_next() -> None:
    path = turn("1", "user", "One"), turn("2", "assistant", ""), turn("3", "user", "Two")
    conversation = told("", path, lambda attachment: b"")
    assert conversation.messages == (Message("user", "One\n\nTwo"),)
    assert conversation.turns == (("1", "3"),)


def test_a_file_stands_before_the_question_between_marks() -> None:
    (message,) = messages("", turn("1", "user", "Does it?", NOTE))
    assert message.content == "<file name=\"a 'note'.txt\">\nKotel topí.\n</file>\n\nDoes it?"


def test_a_picture_is_a_part_of_its_own() -> None:
    (message,) = messages("", turn("1", "user", "What is it?", PICTURE))
    assert message.content == (Media("image", b"png", "image/png"), "What is it?")
    (joined,) = messages("", turn("1", "user", "See", PICTURE), turn("2", "user", "this"))
    assert joined.content == (Media("image", b"png", "image/png"), "See", "\n\n", "this")


def test_a_longer_way_begins_with_what_the_shorter_one_was() -> None:
    path = [turn("1", "user", "A", NOTE), turn("2", "assistant", "B"), turn("3", "user", "C")]
    assert messages("S", *path)[:3] == messages("S", *path[:2])
