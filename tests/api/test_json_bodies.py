"""Which bodies are JSON, and what happens to a request that nobody thought of."""

from pathlib import Path

import httpx2
import pytest

from domov import app, config
from domov.api import server
from domov.api.json_bodies import BOM, MOST_LEVELS, fault_of


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


@pytest.mark.parametrize(
    "body", [b"{}", b"3", BOM + b"{}", '{"a": "ř💥"}'.encode(), b'"\\ud83d\\udca5"', nested(MOST_LEVELS)]
)
def test_json_has_no_fault(body: bytes) -> None:
    assert fault_of(body) is None


@pytest.mark.parametrize(
    "body", [b"NaN", b"[Infinity]", b'"\\ud83d"', b'"\xff"', b"1e999", "{}".encode("utf-16"), b"{} x", b"{'a': 1}"]
)
def test_what_looks_like_json_has_one(body: bytes) -> None:
    assert "not JSON" in (fault_of(body) or "")


@pytest.mark.parametrize("levels", [MOST_LEVELS + 1, 1000, 100_000])
def test_too_many_levels_are_a_fault(levels: int) -> None:
    assert fault_of(nested(levels))
    assert fault_of(b'{"a":' * levels + b"1" + b"}" * levels)


def test_brackets_inside_texts_are_no_levels() -> None:
    assert fault_of(b'"' + b"[{" * 5000 + b'"') is None


async def test_what_nobody_thought_of_is_a_500_in_the_words_of_the_dialect(tmp_path: Path) -> None:
    api = server.create(app.App(config.load({"DOMOV_HOME": str(tmp_path)})))

    @api.get("/api/tags/broken")
    async def broken() -> None:
        raise ZeroDivisionError("a secret")

    transport = httpx2.ASGITransport(app=api, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get("/api/tags/broken")
    assert answer.status_code == 500
    assert answer.json()["error"].startswith("Domov failed: ZeroDivisionError")
    assert "secret" not in answer.text
