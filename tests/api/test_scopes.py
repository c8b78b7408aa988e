"""No route of any dialect is open, or without a scope: this test enumerates them all."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.routing import BaseRoute, Mount, WebSocketRoute

from domov import app, config
from domov.access.keys import SCOPES, Grant, Keys
from domov.api import server
from domov.api.page import NAMED
from domov.api.scopes import RULES, SOCKET, Rule, rule_of
from tests.api.guarded import Guarded

OPEN = {
    "/",
    "/healthz",
    "/health",
    "/v1/health",
    "/lmstudio-greeting",
    "/home",
    "/home/x",
    "/assets/x",
    "/diagram",
    *(f"/{name}" for name in NAMED),
}  # they say that the server runs, or are files of the page
LOGIN = {
    ("GET", "/api/domov/session"),
    ("POST", "/api/domov/session"),
    ("GET", "/api/domov/setup"),
    ("POST", "/api/domov/invitation"),
    ("POST", "/api/domov/invitation/accept"),
    ("GET", "/api/domov/oidc/start"),
    ("GET", "/api/domov/oidc/callback"),
}  # the ways to log in
VALUES = {"digest": f"sha256:{'0' * 64}"}  # what stands for a parameter where not anything may


def is_open(method: str, path: str) -> bool:
    return path in OPEN or (method, path) in LOGIN


def flat(routes: list[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every method and path that the application has, in the schema or not."""
    for route in routes:
        if isinstance(route, WebSocketRoute):
            yield SOCKET, prefix + route.path
        elif isinstance(route, Mount):
            yield "GET", f"{prefix}{route.path}/anything"
        elif (router := getattr(route, "original_router", None)) is not None:
            yield from flat(router.routes, prefix + route.include_context.prefix)  # type: ignore[attr-defined]
        else:
            for method in getattr(route, "methods", None) or ("GET",):
                yield method, prefix + getattr(route, "path")  # noqa: B009


ROUTES = sorted(
    {
        (method, re.sub(r"\{(\w+)(:\w+)?\}", lambda m: VALUES.get(m[1], "x"), path))
        for method, path in flat(server.create(app.App(config.load({"DOMOV_HOME": "/nowhere"}))).routes)
    }
)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    guarded = Guarded(tmp_path_factory.mktemp("home"))
    yield guarded
    guarded.domov.database.close()


@pytest.fixture(scope="module")
def secrets(guarded: Guarded) -> dict[str, str]:
    return {scope: guarded.secret(Grant(scope, scope)) for scope in SCOPES}


@pytest.fixture(scope="module")
def ended(guarded: Guarded) -> list[str]:
    """Keys that were good once: one that has expired, one that is revoked, and what a rotated one was."""
    past = Keys(guarded.domov.database, clock=lambda: time.time() - 100)
    _, expired = past.add(Grant("expired", "admin", expires_at=time.time() - 50))
    _, revoked = guarded.domov.access.keys.add(Grant("revoked", "admin"))
    guarded.domov.access.keys.revoke("revoked")
    _, rotated = guarded.domov.access.keys.add(Grant("rotated", "admin"))
    guarded.domov.access.keys.rotate("rotated")
    return [expired, revoked, rotated]


def test_the_routes_of_all_dialects_are_found() -> None:
    assert len(ROUTES) >= 40
    assert {("POST", "/v1/chat/completions"), ("DELETE", "/api/delete"), ("POST", "/rerank")} <= set(ROUTES)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_has_a_scope(method: str, path: str) -> None:
    rule = rule_of(method, path)
    assert rule, f"{method} {path} is in no row of api/scopes.py: say what a key needs for it"
    assert (rule.needs == "open") is is_open(method, path), f"{method} {path} must not be open to who has no key"


@pytest.mark.parametrize(("method", "path"), [route for route in ROUTES if not is_open(*route)])
async def test_no_route_answers_without_a_good_key(guarded: Guarded, ended: list[str], method: str, path: str) -> None:
    missing = await guarded.ask(method, path, body=b"{}")
    refused = 403 if method == SOCKET else 401
    assert missing.status == refused
    assert method == SOCKET or missing.headers["www-authenticate"].startswith("Bearer")
    for wrong in ended:
        answer = await guarded.ask(method, path, key=wrong, body=b"{}")
        assert answer.status == refused, (method, path, wrong)


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a_key_of_a_lesser_scope_is_refused(
    guarded: Guarded, secrets: dict[str, str], method: str, path: str
) -> None:
    needs = rule_of(method, path)
    lesser = SCOPES[: SCOPES.index(needs.needs)] if needs and needs.needs != "open" else ()
    for scope in lesser:
        answer = await guarded.ask(method, path, key=secrets[scope], body=b"{}")
        assert answer.status == 403, (method, path, scope)


async def test_a_route_that_nobody_gave_a_scope_does_not_answer(tmp_path: Path) -> None:
    guarded = Guarded(tmp_path, keys_required=False)

    @guarded.api.get("/forgotten")
    async def forgotten() -> str:
        return "open"

    @guarded.api.put("/api/tags")
    async def other_method() -> str:
        return "open"

    assert (await guarded.ask("GET", "/forgotten")).status == 404
    assert (await guarded.ask("PUT", "/api/tags")).status == 405
    assert (await guarded.ask("GET", "/api/version")).status == 200


def test_the_table_is_well_written() -> None:
    for rule in RULES:
        assert rule.path.startswith("/") and "*" not in rule.path[:-1], rule
        assert rule.methods and set(rule.methods) <= {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", SOCKET}, rule
        assert hidden_by(rule) is None, f"{rule} can never hold: {hidden_by(rule)} stands above it"


def hidden_by(rule: Rule) -> Rule | None:
    above = RULES[: RULES.index(rule)]
    return next((r for r in above if r.fits(rule.path) and set(rule.methods) <= set(r.methods)), None)


def test_a_prefix_ends_at_a_part_of_the_path() -> None:
    assert rule_of("GET", "/v1/anything/at/all")
    for path in ("/v1", "/v1x", "/v10/models", "/V1/models", "/api/v1x/y", "/apiv1/x", "/healthz/", "/healthz/x", ""):
        assert rule_of("GET", path) is None, path
