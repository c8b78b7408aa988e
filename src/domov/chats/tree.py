"""A chat as a tree of turns. Pure. Trees may be deep: nothing here calls itself."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from domov.chats.records import Turn


def path_to(turns: Iterable[Turn], leaf: str | None) -> list[Turn]:
    """The turns that lead to one, the first of them first; empty for one that is not there."""
    known = {turn.id: turn for turn in turns}
    path: list[Turn] = []
    seen = set()
    while leaf in known and leaf not in seen:
        seen.add(leaf)
        path.append(known[leaf])
        leaf = known[leaf].parent
    return path[::-1]


def children(turns: Iterable[Turn]) -> Mapping[str | None, list[Turn]]:
    """By their parent, in their order."""
    found: defaultdict[str | None, list[Turn]] = defaultdict(list)
    for turn in turns:
        found[turn.parent].append(turn)
    return found


def below(turns: Sequence[Turn], id: str) -> set[str]:
    """A turn and all that hang on it."""
    by_parent = children(turns)
    found, waiting = set[str](), [id]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += [turn.id for turn in by_parent.get(one, ())]
    return found


def newest_leaf(turns: Sequence[Turn], id: str) -> str:
    """The end of the newest branch that a turn leads to."""
    by_parent = children(turns)
    seen = set[str]()
    while id not in seen and by_parent.get(id):
        seen.add(id)
        id = by_parent[id][-1].id
    return id
