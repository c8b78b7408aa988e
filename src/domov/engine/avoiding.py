"""An answer in which some texts never stand, whatever their case.

llama-server has no such thing. So nothing is shown that could still become a banned text; when one appears, the
answer is cut back to before the token that it begins in, that token is forbidden there, and the model goes on.
What was read before is in its cache, so a way back costs little. Pure: who asks the model is in `answer`.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from domov.types import TextDelta

MOST_WAYS_BACK = 1000  # then the answer ends: every way on leads to what is banned


@dataclass(frozen=True, slots=True)
class Piece:
    delta: TextDelta
    token: int | str  # its number; the text itself where several tokens made one character
    count: int = 1  # tokens


@dataclass(frozen=True, slots=True)
class Step:
    """What to ask next."""

    written: tuple[int | str, ...]  # comes after the prompt
    forbidden: tuple[int | str, ...]  # as the next token
    max_tokens: int | None


@dataclass
class Avoiding:
    banned: Sequence[str]
    stop: Sequence[str] = ()
    max_tokens: int | None = None
    stop_text: str | None = None  # the one that ended the answer
    ways_back: int = 0
    _pieces: list[Piece] = field(default_factory=list)
    _shown: int = 0  # pieces
    _forbidden: dict[int, list[int | str]] = field(default_factory=dict)  # by place

    def __post_init__(self) -> None:
        self.banned = sorted(fold(text) for text in self.banned if text)
        self.stop = [text for text in self.stop if text]
        self._doubt = Doubt(self.banned, sorted(self.stop))

    @property
    def tokens(self) -> int:
        return sum(piece.count for piece in self._pieces)

    def step(self) -> Step:
        forbidden = tuple(self._forbidden.get(len(self._pieces), ()))
        left = None if self.max_tokens is None else max(0, self.max_tokens - self.tokens)
        return Step(tuple(p.token for p in self._pieces), forbidden, min(1, left or 1) if forbidden else left)

    def take(self, piece: Piece) -> bool:
        """Whether the model may go on as it does; if not, ask `step` again, or end where there is a `stop_text`."""
        self._pieces.append(piece)
        text = self._text()
        for stop in self.stop:
            if (place := text.find(stop)) >= 0 and not self._is_banned_before(text, place):
                self._cut(place)
                self.stop_text = stop
                return False
        folded = fold(text)
        places = [place for ban in self.banned if (place := folded.find(ban)) >= 0]
        if not places:
            return True
        index = self._piece_at(min(places))
        wrong = self._pieces[index]
        del self._pieces[index:]
        self._forbidden = {place: tokens for place, tokens in self._forbidden.items() if place <= index}
        self._forbidden.setdefault(index, []).append(wrong.token)
        self.ways_back += 1
        return False

    def show(self, *, all_of_it: bool = False) -> Iterator[TextDelta]:
        """What can be shown now and was not before: nothing that may yet turn out to be banned, or a stop text."""
        safe = len(self._pieces) if all_of_it else self._piece_at(self._doubt.first(self._text()))
        while self._shown < safe:
            yield self._pieces[self._shown].delta
            self._shown += 1

    def _text(self) -> str:
        """Of what was not shown yet: a banned text can't begin earlier."""
        return "".join(piece.delta.text for piece in self._pieces[self._shown :])

    def _is_banned_before(self, text: str, place: int) -> bool:
        return any(0 <= fold(text).find(ban) < place for ban in self.banned)

    def _piece_at(self, place: int) -> int:
        """The piece that the character stands in; one past the last for the end of the text."""
        for index in range(self._shown, len(self._pieces)):
            place -= len(self._pieces[index].delta.text)
            if place < 0:
                return index
        return len(self._pieces)

    def _cut(self, place: int) -> None:
        """Ends the answer before a character."""
        index = self._piece_at(place)
        inside = place - sum(len(p.delta.text) for p in self._pieces[self._shown : index])
        last = self._pieces[index]
        self._pieces[index:] = [Piece(TextDelta(last.delta.text[:inside]), last.token, last.count)]


def fold(text: str) -> str:
    """In small letters, of the same length: some letters have no single small one."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


class Doubt:
    """Finds what may still become one of some texts; both lists are sorted, the banned ones in small letters."""

    def __init__(self, banned: Sequence[str], stop: Sequence[str]) -> None:
        self._banned, self._stop = banned, stop
        self._longest = max((len(text) for text in (*banned, *stop)), default=1)

    def first(self, text: str) -> int:
        """Where the first character stands that may begin a text which is not all there yet."""
        folded = fold(text)
        for place in range(max(0, len(text) - self._longest + 1), len(text)):
            if _begins_one(folded[place:], self._banned) or _begins_one(text[place:], self._stop):
                return place
        return len(text)


def _begins_one(start: str, texts: Sequence[str]) -> bool:
    """Whether one of the sorted texts starts so: if any does, the first that is not less."""
    place = bisect_left(texts, start)
    return place < len(texts) and texts[place].startswith(start)
