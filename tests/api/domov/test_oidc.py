"""Logging in at another place: against a provider that speaks the protocol on a real port."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from joserfc.jwk import RSAKey

from domov import app, config
from domov.access.keys import Grant
from domov.app import App
from domov.errors import BadOption
from tests.api.domov import provider as provider_of
from tests.api.domov.browser import Browser
from tests.api.domov.provider import CLIENT, SECRET, Provider
from tests.api.guarded import Guarded
from tests.asgi import Answer


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with provider_of.running() as running:
        yield running


@pytest.fixture
def guarded(provider: Provider, tmp_path: Path) -> Iterator[Guarded]:
    settings = {
        "DOMOV_HOME": str(tmp_path),
        "DOMOV_OIDC_ISSUER": provider.url,
        "DOMOV_OIDC_CLIENT_ID": CLIENT,
        "DOMOV_OIDC_CLIENT_SECRET": SECRET,
        "DOMOV_OIDC_ADMINS": "it",
        "DOMOV_OIDC_NAME": "Company",
    }
    made = Guarded(tmp_path, keys_required=False)
    made.__dict__["domov"] = App(config.load(settings))
    made.domov.access.people.add("anna", "admin")
    made.domov.access.people.add_group(Grant("research"))
    provider.claims, provider.signs_with = {"sub": "1", "preferred_username": "boris"}, None
    yield made
    made.domov.database.close()


async def way(browser: Browser, provider: Provider, **changes: str) -> Answer:
    """The whole way there and back. changes: of what the browser brings back"""
    started = await browser.ask("GET", "/api/domov/oidc/start")
    assert started.status == 302 and "SameSite=Lax" in started.cookies[0]
    there = urlsplit(started.headers["location"])
    assert f"{there.scheme}://{there.netloc}{there.path}" == f"{provider.url}/authorize"
    back = urlsplit(provider.authorize(there.query))
    query = back.query
    for name, value in changes.items():
        query = "&".join(f"{name}={value}" if part.startswith(f"{name}=") else part for part in query.split("&"))
    return await browser.ask("GET", f"{back.path}?{query}")


def failed(answer: Answer) -> str:
    """What the page is to say."""
    assert answer.status == 303 and answer.headers["location"].startswith("/#login-failed="), answer
    return unquote(answer.headers["location"])


async def test_somebody_new_gets_an_account_and_is_the_same_the_next_time(guarded: Guarded, provider: Provider) -> None:
    browser = Browser(guarded)
    assert (await browser.ask("GET", "/api/domov/session")).json["oidc"] == "Company"
    answer = await way(browser, provider)
    assert (answer.status, answer.headers["location"]) == (303, "/")
    who = (await browser.ask("GET", "/api/domov/session")).json
    assert who["user"]["name"] == "boris" and who["user"]["oidc"] is True and who["scope"] == "inference"
    provider.claims["preferred_username"] = "boris.renamed"
    again = Browser(guarded)
    await way(again, provider)
    assert (await again.ask("GET", "/api/domov/session")).json["user"]["id"] == who["user"]["id"]
    ledger = (guarded.home / "logs" / "outbound.jsonl").read_text()
    assert "logging in (OpenID Connect)" in ledger and SECRET not in ledger


async def test_role_and_groups_are_what_the_provider_says_now(guarded: Guarded, provider: Provider) -> None:
    people = guarded.domov.access.people
    provider.claims["groups"] = ["it", "research", "unknown"]
    await way(Browser(guarded), provider)
    boris = people.get("boris")
    assert boris.role == "admin" and boris.groups == (people.group("research").id,)
    provider.claims["groups"] = []
    await way(Browser(guarded), provider)
    assert people.get("boris").role == "user" and people.get("boris").groups == ()


async def test_a_name_that_is_taken_is_not_taken_over(guarded: Guarded, provider: Provider) -> None:
    provider.claims["preferred_username"] = "Anna"
    browser = Browser(guarded)
    assert "there is an account called Anna" in failed(await way(browser, provider))
    assert (await browser.ask("GET", "/v1/models")).status == 401


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"nonce": "of another login"}, "nonce"),
        ({"aud": "another"}, "aud"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "azp"),
        ({"iss": "https://evil.example"}, "iss"),
        ({"exp": 1000}, "exp"),
        ({"iat": 9_999_999_999}, "iat"),
        ({"sub": ""}, "sub"),
    ],
)
async def test_a_token_for_something_else_is_refused(
    guarded: Guarded, provider: Provider, claims: dict[str, Any], words: str
) -> None:
    provider.claims |= claims
    assert words in failed(await way(Browser(guarded), provider))
    assert len(guarded.domov.access.people.all()) == 1


async def test_a_token_that_somebody_else_signed_is_refused(guarded: Guarded, provider: Provider) -> None:
    provider.signs_with = RSAKey.generate_key(2048, parameters={"kid": "one"})
    assert "can't be trusted" in failed(await way(Browser(guarded), provider))


async def test_what_the_browser_brings_back_has_to_be_what_it_was_sent_with(
    guarded: Guarded, provider: Provider
) -> None:
    assert "another browser" in failed(await way(Browser(guarded), provider, state="x" * 43))
    assert "invalid_grant" in failed(await way(Browser(guarded), provider, code="x"))
    assert "somebody else" in failed(await way(Browser(guarded), provider, iss="https%3A%2F%2Fevil.example"))
    victim, thief = Browser(guarded), Browser(guarded)
    started = await thief.ask("GET", "/api/domov/oidc/start")
    back = urlsplit(provider.authorize(urlsplit(started.headers["location"]).query))
    assert "another browser" in failed(await victim.ask("GET", f"{back.path}?{back.query}"))
    done = await thief.ask("GET", f"{back.path}?{back.query}")
    assert done.headers["location"] == "/"
    thief.cookies["domov-36668-login"] = started.cookies[0].split(";")[0].partition("=")[2]
    assert "not begun here" in failed(await thief.ask("GET", f"{back.path}?{back.query}"))  # once


async def test_who_is_disabled_here_does_not_get_in_there(guarded: Guarded, provider: Provider) -> None:
    await way(Browser(guarded), provider)
    guarded.domov.access.people.disable(guarded.domov.access.people.get("boris").id, True)
    assert "disabled" in failed(await way(Browser(guarded), provider))


async def test_offline_nobody_is_asked_elsewhere(guarded: Guarded, provider: Provider) -> None:
    anna = Browser(guarded).enter(guarded.domov.access.people.get("anna"))
    assert (await anna.ask("PATCH", "/api/domov/settings", {"settings": {"offline": True}})).status == 200
    before = len(provider.asked)
    assert "offline" in failed(await Browser(guarded).ask("GET", "/api/domov/oidc/start"))
    assert len(provider.asked) == before


def test_an_issuer_without_tls_is_refused(tmp_path: Path) -> None:
    settings = {"DOMOV_OIDC_ISSUER": "http://idp.example.org", "DOMOV_OIDC_CLIENT_ID": "x", "DOMOV_HOME": str(tmp_path)}
    with pytest.raises(BadOption, match="oidc_issuer"):
        _ = app.App(config.load(settings)).access.oidc
