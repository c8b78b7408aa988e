import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from domov.engine.states import State, States, forget, shared_prefix, shrink, state_key

PLENTY = 1 << 30


def save(states: States, text: str, *, size: int = 100, conversation: str | None = None) -> State:
    """What a worker and then the gateway do."""
    path = states.new_path()
    path.write_bytes(b"x" * size)
    state = State(path, text, tokens=len(text) // 4, conversation=conversation)
    states.keep(state)
    return state


@given(st.text(), st.text(), st.text())
def test_the_shared_prefix_is_the_longest(start: str, a: str, b: str) -> None:
    shared = shared_prefix(start + a, start + b)
    assert shared >= len(start)
    assert (start + a)[:shared] == (start + b)[:shared]
    assert (start + a)[: shared + 1] != (start + b)[: shared + 1] or shared in (len(start + a), len(start + b))


def test_the_longest_common_prefix_wins(tmp_path: Path) -> None:
    states = States(tmp_path, "key", most_bytes=PLENTY)
    for text in ("a house", "a house by the sea", "the sea"):
        save(states, text)
    state, shared = states.nearest("a house by the lake", most_tokens=100)
    assert state and (state.text, shared) == ("a house by the sea", len("a house by the "))


def test_a_state_that_does_not_fit_the_context_is_not_offered(tmp_path: Path) -> None:
    states = States(tmp_path, "key", most_bytes=PLENTY)
    save(states, "word " * 100)
    assert states.nearest("word " * 100, most_tokens=125) == (None, 0)


def test_what_a_new_state_continues_goes(tmp_path: Path) -> None:
    states = States(tmp_path, "key", most_bytes=PLENTY)
    old = save(states, "a house")
    save(states, "another")
    save(states, "a house by the sea")
    assert {s.text for s in states.all()} == {"another", "a house by the sea"}
    assert not old.path.exists()


def test_another_key_is_another_world(tmp_path: Path) -> None:
    save(States(tmp_path, state_key(["model", "build 1"]), most_bytes=PLENTY), "a house")
    assert (
        States(tmp_path, state_key(["model", "build 2"]), most_bytes=PLENTY).nearest("a house", most_tokens=9)[1] == 0
    )


def test_states_are_nobody_elses(tmp_path: Path) -> None:
    state = save(States(tmp_path / "states", "key", most_bytes=PLENTY), "a house")
    for path in (state.path, state.sidecar):
        assert path.stat().st_mode & 0o777 == 0o600
    assert state.path.parent.stat().st_mode & 0o077 == 0


def test_the_least_recently_used_goes_when_there_is_no_room(tmp_path: Path) -> None:
    states = States(tmp_path, "key", most_bytes=250)
    first, second = save(states, "first"), save(states, "second")
    states.touch(first)
    save(States(tmp_path, "other key", most_bytes=250), "third")
    assert first.path.exists()
    assert not second.path.exists() and not second.sidecar.exists()


def test_a_conversation_is_forgotten_in_every_model(tmp_path: Path) -> None:
    one, two = States(tmp_path, "1", most_bytes=PLENTY), States(tmp_path, "2", most_bytes=PLENTY)
    gone = [save(one, "mine", conversation="c"), save(two, "mine too", conversation="c")]
    kept = save(one, "yours", conversation="d")
    assert forget(tmp_path, "c") == 2
    assert not any(s.path.exists() or s.sidecar.exists() for s in gone)
    assert kept.path.exists()


def test_damaged_and_half_written_states_are_not_offered(tmp_path: Path) -> None:
    states = States(tmp_path, "key", most_bytes=PLENTY)
    save(states, "a house").sidecar.write_bytes(b"{")
    states.new_path().write_bytes(b"half")
    (states.folder / "lonely.json").write_bytes(b'{"text": "a house", "tokens": 1, "conversation": null}')
    assert states.all() == []


def test_what_a_kill_has_left_goes_and_what_is_being_written_stays(tmp_path: Path) -> None:
    (tmp_path / "key").mkdir()
    left, written = tmp_path / "key" / "left.bin", tmp_path / "key" / "written.bin"
    for path in (left, written):
        path.write_bytes(b"cache")
    os.utime(left, (0, 0))
    shrink(tmp_path, 1 << 30)
    assert [left.exists(), written.exists()] == [False, True]
