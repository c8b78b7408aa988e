"""How many passages have a word, roughly: from a sample kept in memory, as asking the index of words takes too long."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domov.documents.folding import folded, stem

SAMPLE = 1000  # passages; to take it in costs about a quarter of a second
_WORD = re.compile(r"\w+")
_LAST = "\U0010ffff"


@dataclass(frozen=True)
class Frequencies:
    """
    passages  how many there were when the sample was taken
    masks     for each of the words, which passages of the sample have it: a bit for each
    """

    passages: int
    size: int
    words: Sequence[str]  # sorted
    masks: Sequence[int]

    def share(self, word: str) -> float:
        """The share of passages that have a folded word, or one with the same beginning."""
        beginning = stem(word)
        first = bisect_left(self.words, beginning)
        last = bisect_left(self.words, beginning + _LAST) if beginning != word else first + 1
        found = 0
        for place in range(first, min(last, len(self.words))):
            if beginning != word or self.words[place] == word:
                found |= self.masks[place]
        return found.bit_count() / max(1, self.size)


def frequencies(texts: Iterable[str], *, passages: int) -> Frequencies:
    """Of a sample of the passages."""
    masks: dict[str, int] = {}
    size = 0
    for size, text in enumerate(texts, 1):
        for word in set(_WORD.findall(folded(text))):
            masks[word] = masks.get(word, 0) | 1 << (size - 1)
    words = sorted(masks)
    return Frequencies(passages, size, words, [masks[word] for word in words])
