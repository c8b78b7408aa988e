"""The fixed set of multiple choice, in English and in Czech: which end a model finds likeliest."""

import importlib.resources
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

LANGUAGES = {"en": "English", "cs": "Czech"}


@dataclass(frozen=True, slots=True)
class Question:
    language: str
    begin: str
    ends: tuple[str, ...]  # the first is right


@cache
def questions() -> tuple[Question, ...]:
    text = (importlib.resources.files("domov.optimize") / "questions.toml").read_text("utf-8")
    table = tomllib.loads(text)
    return tuple(Question(key, row["begin"], tuple(row["ends"])) for key in LANGUAGES for row in table[key])


def is_right(likelihoods: Sequence[float], ends: Sequence[str]) -> bool:
    """Whether the first end is the likeliest for each of its bytes: a longer one is not worse for being longer.

    likelihoods  of the ends, natural logarithms
    """
    scores = [value / len(end.encode()) for value, end in zip(likelihoods, ends, strict=True)]
    return scores[0] > max(scores[1:])
