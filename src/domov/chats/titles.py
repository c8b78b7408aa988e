"""What an untitled chat is called: the first words of its first question, or what a model makes of it. Pure."""

import re

from domov.types import ChatRequest, Message, Sampling

MOST_CHARACTERS = 60
TITLE_TOKENS = 24
ASK = """\
Write a title of two to six words for this conversation, in the language of the question. Reply with the title only."""
_MARKS = re.compile(r"[#*_`>~\[\]]+")


def first_words(question: str) -> str:
    """The beginning of a text as a title: one line, whole words."""
    line = next((text for line in question.splitlines() if (text := _MARKS.sub("", line).strip())), "")
    words = " ".join(line.split())
    if len(words) <= MOST_CHARACTERS:
        return words
    return words[: MOST_CHARACTERS - 1].rsplit(" ", 1)[0].rstrip(",;:–- ") + "…"


def asking(model: str, question: str, answer: str) -> ChatRequest:
    """Asks for a title, after others, and keeps nothing of it."""
    content = f"{ASK}\n\nQuestion: {question[:1000]}\n\nAnswer: {answer[:1000]}\n\nTitle:"
    return ChatRequest(
        model,
        (Message("user", content),),
        Sampling(temperature=0.2),
        max_tokens=TITLE_TOKENS,
        thinking=False,
        priority="batch",
        private=True,
    )


def made(answer: str) -> str:
    """The title in a model's answer; empty where there is none."""
    text = re.sub(r"^\W*title\s*:", "", answer.strip(), flags=re.IGNORECASE)
    return first_words(text).strip(" \"'„“”.")
