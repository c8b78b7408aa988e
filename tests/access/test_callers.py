"""Who calls: looked up in memory, and yet never a moment out of date."""

from collections.abc import Iterator

import pytest

from domov.access.access import Access
from domov.access.audit import Audit
from domov.access.callers import UNKNOWN, Caller, Callers, acting_for, current
from domov.access.keys import Grant, Keys
from domov.database import Database, open_database
from domov.errors import BadOption, NoSuchKey, NotPermitted


@pytest.fixture
def elsewhere(database: Database) -> Iterator[Keys]:
    """The same keys as another process has them."""
    other = open_database(database.path)
    yield Keys(other)
    other.close()


def test_a_secret_leads_to_its_key_and_another_to_none(keys: Keys) -> None:
    key, secret = keys.add(Grant("laptop"))
    callers = Callers(lambda: keys)
    assert callers.find(secret.encode()) == key
    for wrong in (b"", secret[:-1].encode(), secret.encode() + b"x", secret.upper().encode(), "klíč".encode(), b"\xff"):
        assert callers.find(wrong) == UNKNOWN


def test_what_another_process_revokes_makes_or_rotates_holds_at_once(keys: Keys, elsewhere: Keys) -> None:
    callers = Callers(lambda: keys)
    key, old = elsewhere.add(Grant("laptop"))
    assert callers.find(old.encode()) == key
    rotated, new = elsewhere.rotate("laptop")
    assert (callers.find(old.encode()), callers.find(new.encode())) == (UNKNOWN, rotated)
    elsewhere.revoke("laptop")
    assert callers.find(new.encode()) == "this key was revoked"


def test_what_the_server_itself_revokes_holds_at_once(keys: Keys) -> None:
    callers = Callers(lambda: keys)
    key, secret = keys.add(Grant("laptop"))
    assert callers.find(secret.encode()) == key
    keys.revoke(key.id)
    assert callers.find(secret.encode()) == "this key was revoked"


def test_a_key_that_expires_while_it_is_known_is_refused(keys: Keys) -> None:
    moment = [100.0]
    store = Keys(keys.database, clock=lambda: moment[0])
    callers = Callers(lambda: store, clock=lambda: moment[0])
    _, secret = store.add(Grant("guest", expires_at=160.0))
    assert not isinstance(callers.find(secret.encode()), str)
    moment[0] = 160.0
    assert callers.find(secret.encode()) == "this key has expired"


def test_a_huge_secret_is_not_even_hashed(keys: Keys) -> None:
    assert Callers(lambda: keys).find(b"domov-" + b"x" * 10_000_000) == UNKNOWN


def test_a_key_that_is_known_is_looked_up_without_reading_the_database_again(keys: Keys) -> None:
    callers = Callers(lambda: keys)
    _, secret = keys.add(Grant("laptop"))
    callers.find(secret.encode())
    known = callers._known
    callers.find(secret.encode())
    assert callers._known is known


def test_a_key_for_some_models_is_refused_others_by_name(keys: Keys) -> None:
    caller = Caller("key_1", Grant("x", models=("qwen3:*",)))
    caller.check_model("qwen3:4b")
    with pytest.raises(NotPermitted, match="may not use llama3:8b"):
        caller.check_model("llama3:8b")


def test_the_caller_is_known_inside_its_request_only() -> None:
    with acting_for(Caller("key_1")):
        assert current().owner == "key_1"
    assert current() == Caller()


def test_the_first_key_is_made_once(database: Database) -> None:
    access = Access(lambda: database, Audit(database.path.parent))
    secret = access.make_ready()
    assert secret and access.keys.get("first").grant.scope == "admin"
    assert access.make_ready() is None
    access.keys.revoke("first")
    with pytest.raises(NoSuchKey, match="revoked or expired") as caught:
        access.make_ready()
    assert "domov keys add" in caught.value.hint


def test_the_environments_key_is_enough_and_a_weak_one_is_refused(database: Database) -> None:
    audit = Audit(database.path.parent)
    access = Access(lambda: database, audit, "x" * 32)
    assert access.make_ready() is None and access.keys.all() == []
    found = access.callers.find(b"x" * 32)
    assert not isinstance(found, str) and found.grant.scope == "admin"
    for weak in ("", "short", "x" * 15, "with space in it, long", "přílišžluťoučký"):
        with pytest.raises(BadOption, match="DOMOV_API_KEY"):
            Access(lambda: database, audit, weak).make_ready()
