"""Keys: made, kept as hashes, limited, ended."""

import base64
import hashlib
import time
from pathlib import Path

import pytest

from domov.access.keys import PREFIX, Grant, Key, Keys, Scope
from domov.errors import BadOption, NoSuchKey


def test_a_secret_is_32_random_bytes_and_nowhere_in_the_database(keys: Keys) -> None:
    key, secret = keys.add(Grant("laptop"))
    assert secret.startswith(PREFIX)
    assert len(base64.urlsafe_b64decode(secret.removeprefix(PREFIX) + "=")) == 32
    assert key.digest == hashlib.sha256(secret.encode()).digest()
    stored = b"".join(path.read_bytes() for path in keys.database.path.parent.iterdir())
    assert key.digest in stored and secret.encode() not in stored and secret[12:40].encode() not in stored


def test_what_is_kept_comes_back(keys: Keys) -> None:
    grant = Grant(
        "team",
        expires_at=time.time() + 60,
        requests_per_minute=5,
        tokens_per_day=6,
        models=("a:1", "b:*"),
    )
    key, _ = keys.add(grant)
    assert keys.all() == [key] and keys.get(key.id) == keys.get("team") == key and key.grant == grant


@pytest.mark.parametrize(
    ("has", "needs", "covers"),
    [
        ("inference", "inference", True),
        ("inference", "models", False),
        ("models", "inference", True),
        ("models", "admin", False),
        ("admin", "inference", True),
        ("admin", "admin", True),
    ],
)
def test_a_scope_covers_those_before_it(has: Scope, needs: Scope, covers: bool) -> None:
    assert Grant("x", has).covers(needs) is covers


def test_a_name_without_a_tag_stands_for_its_tags_and_a_pattern_for_what_it_fits() -> None:
    grant = Grant("x", models=("qwen3", "smollm2:*", "hf.co/me/mine:Q4_0"))
    assert all(map(grant.allows, ("qwen3:4b", "smollm2:135m", "hf.co/me/mine:Q4_0")))
    assert not any(map(grant.allows, ("qwen3-coder:4b", "SMOLLM2:135m", "hf.co/me/mine:Q8_0", "")))
    assert Grant("x").allows("anything:1")


@pytest.mark.parametrize(
    "grant",
    [
        Grant(""),
        Grant("a\nb"),
        Grant("x" * 65),
        Grant("-x"),
        Grant("x", "root"),  # type: ignore[arg-type]
        Grant("x", expires_at=1.0),
        Grant("x", expires_at=1e18),
        Grant("x", expires_at=float("nan")),
        Grant("x", requests_per_minute=0),
        Grant("x", tokens_per_day=-1),
        Grant("x", models=("",)),
        Grant("x", models=("a",) * 101),
        Grant("x", "admin", models=("a",)),
    ],
)
def test_what_can_t_be_meant_is_refused_and_makes_no_key(keys: Keys, grant: Grant) -> None:
    with pytest.raises(BadOption):
        keys.add(grant)
    assert keys.all() == []


def test_a_name_is_one_keys_until_that_is_revoked(keys: Keys) -> None:
    first, _ = keys.add(Grant("laptop"))
    with pytest.raises(BadOption, match="laptop"):
        keys.add(Grant("laptop"))
    keys.revoke("laptop")
    second, _ = keys.add(Grant("laptop"))
    assert keys.get("laptop") == second and keys.get(first.id).why_unusable(0) == "this key was revoked"


def test_a_rotated_key_is_the_same_key_with_another_secret(keys: Keys) -> None:
    key, old = keys.add(Grant("laptop"))
    rotated, new = keys.rotate("laptop")
    assert (rotated.id, rotated.grant, old == new) == (key.id, key.grant, False)
    assert keys.get(key.id).digest == hashlib.sha256(new.encode()).digest()
    keys.revoke(key.id)
    with pytest.raises(BadOption, match="revoked"):
        keys.rotate(key.id)


def test_a_key_that_is_not_there_is_told(keys: Keys) -> None:
    for act in (keys.get, keys.revoke, keys.rotate):
        with pytest.raises(NoSuchKey, match="nobody"):
            act("nobody")


def test_a_key_ends_at_its_moment() -> None:
    key = Key("k", Grant("x", expires_at=10.0), b"", "", 0.0)
    assert key.why_unusable(9.9) is None
    assert key.why_unusable(10.0) == "this key has expired"


def test_the_database_is_readable_by_its_user_alone(keys: Keys) -> None:
    keys.add(Grant("x"))
    for path in Path(keys.database.path).parent.glob("domov.db*"):
        assert path.stat().st_mode & 0o077 == 0, path
