"""A chat as a tree: ways, branches, and chains that are longer than any stack."""

from hypothesis import given
from hypothesis import strategies as st

from domov.chats.records import Turn
from domov.chats.tree import below, newest_leaf, path_to


def turn(id: str, parent: str | None) -> Turn:
    return Turn(id, "chat", parent, "user", id)


TREE = [turn("a", None), turn("b", "a"), turn("c", "a"), turn("d", "b"), turn("e", "d"), turn("f", None)]


def test_the_way_to_a_message_begins_with_the_first() -> None:
    assert [t.id for t in path_to(TREE, "e")] == ["a", "b", "d", "e"]
    assert path_to(TREE, "x") == path_to(TREE, None) == []


def test_what_is_below_a_message_are_all_its_branches_and_itself() -> None:
    assert below(TREE, "a") == {"a", "b", "c", "d", "e"}
    assert below(TREE, "c") == {"c"}


def test_the_newest_leaf_follows_the_newest_child() -> None:
    assert newest_leaf(TREE, "a") == "c"
    assert newest_leaf(TREE, "b") == "e"


def test_ten_thousand_messages_in_a_row_are_no_matter() -> None:
    chain = [turn(str(n), str(n - 1) if n else None) for n in range(10_000)]
    assert len(path_to(chain, "9999")) == len(below(chain, "0")) == 10_000
    assert newest_leaf(chain, "0") == "9999"


def test_a_circle_ends() -> None:
    circle = [turn("a", "b"), turn("b", "a")]
    assert len(path_to(circle, "a")) == 2
    assert below(circle, "a") == {"a", "b"}
    assert newest_leaf(circle, "a") in "ab"


@given(st.lists(st.integers(0, 30), min_size=1, max_size=30))
def test_every_way_ends_at_its_leaf_and_each_step_is_a_child(parents: list[int]) -> None:
    turns = [turn(str(n), str(p % n) if n else None) for n, p in enumerate(parents)]
    for leaf in turns:
        path = path_to(turns, leaf.id)
        assert path[-1] == leaf and path[0].parent is None
        assert all(child.parent == parent.id for parent, child in zip(path, path[1:], strict=False))
        assert all(leaf.id in below(turns, each.id) for each in path)
