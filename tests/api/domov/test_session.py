"""Logging in over HTTP, and what a cookie is good for, and for whom."""

from collections.abc import Iterator
from pathlib import Path

import orjson
import pyotp
import pytest

from domov.access.keys import Grant
from domov.api.origins import Origins
from domov.api.scopes import rule_of
from tests.api.domov.browser import Browser, person
from tests.api.guarded import Guarded
from tests.api.test_scopes import ROUTES, is_open

GOOD = "correct horse battery"
FOREIGN = "http://localhost:5173"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """One server for what leaves nothing behind: an administrator, anna, and a user, boris."""
    guarded = Guarded(tmp_path_factory.mktemp("home"), keys_required=False)
    guarded.domov.access.accounts.begin("anna", GOOD)
    person(guarded, "boris")
    yield guarded
    guarded.domov.database.close()


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    """A server on loopback that nobody has an account of yet."""
    guarded = Guarded(tmp_path, keys_required=False)
    yield guarded
    guarded.domov.database.close()


async def test_without_accounts_all_is_as_it_was(guarded: Guarded) -> None:
    browser = Browser(guarded)
    assert (await browser.ask("GET", "/api/domov/session")).json == {
        "mode": "single",
        "oidc": None,
        "user": None,
        "scope": "admin",
        "token": None,
    }
    assert (await browser.ask("GET", "/api/domov/setup")).json == {"mode": "single", "models": False}
    assert (await browser.ask("GET", "/api/domov/users")).json == {"users": []}
    assert not (guarded.home / "domov.db").exists() or not guarded.domov.access.directory.asks_who()


async def test_the_first_administrator_is_made_by_the_page_and_then_everybody_logs_in(guarded: Guarded) -> None:
    browser, stranger = Browser(guarded), Browser(guarded)
    made = await browser.ask("POST", "/api/domov/setup", {"name": "Anna", "password": GOOD})
    assert made.status == 200 and made.json["user"]["role"] == "admin"
    (line,) = made.cookies
    assert line.startswith("domov-36668=") and "HttpOnly; SameSite=Strict" in line and "Secure" not in line
    assert (await browser.ask("GET", "/v1/models")).status == 200
    for path in ("/v1/models", "/api/tags", "/api/domov/users", "/docs"):
        assert (await stranger.ask("GET", path)).status == 401, path
    told = await stranger.ask("GET", "/api/domov/session")
    assert told.json == {"mode": "people", "oidc": None, "user": None, "scope": None, "token": None}
    assert (await stranger.ask("POST", "/api/domov/setup", {"name": "Eve", "password": GOOD})).status == 401
    again = Browser(guarded, browser.cookies, made.json["token"])
    assert (await again.ask("POST", "/api/domov/setup", {"name": "Eve", "password": GOOD})).status == 403


async def test_a_server_that_asks_for_keys_lets_only_a_key_of_its_own_make_the_first(guarded: Guarded) -> None:
    keyed = guarded.but(keys_required=True)
    body = orjson.dumps({"name": "Anna", "password": GOOD})
    assert (await keyed.ask("POST", "/api/domov/setup", body=body)).status == 401
    assert (await keyed.ask("GET", "/api/domov/session")).json["mode"] == "keys"
    less, admin = (guarded.secret(Grant(scope, scope)) for scope in ("models", "admin"))
    assert (await keyed.ask("POST", "/api/domov/setup", key=less, body=body)).status == 403
    assert (await keyed.ask("POST", "/api/domov/setup", key=admin, body=body)).status == 200


async def test_logging_in_and_out(shared: Guarded) -> None:
    browser = Browser(shared)
    wrong = await browser.log_in("anna", "not this one at all", peer="192.0.2.50")
    assert wrong.status == 401 and "name or the password is wrong" in wrong.json["error"]["message"]
    assert not wrong.cookies
    assert (await browser.log_in("anna", GOOD)).json["scope"] == "admin"
    first = browser.cookies["domov-36668"]
    who = (await browser.ask("GET", "/api/domov/session")).json
    assert who["user"]["name"] == "anna" and who["token"] == browser.token
    assert (await browser.log_in("anna", GOOD)).status == 200
    assert browser.cookies["domov-36668"] != first  # a login is another secret
    gone = await browser.ask("DELETE", "/api/domov/session")
    assert gone.status == 200 and browser.cookies == {}
    old = Browser(shared, {"domov-36668": gone.cookies[0].split(";")[0].partition("=")[2]})
    assert (await old.ask("GET", "/v1/models")).status == 401


async def test_too_many_tries_are_told_when_to_come_back(shared: Guarded) -> None:
    browser, attempts = Browser(shared), shared.domov.access.accounts.attempts
    real, attempts.clock = attempts.clock, lambda: 0.0  # no time passes, however busy the machine is
    answers = [await browser.log_in("zeno", "wrong wrong wrong", peer="192.0.2.77") for _ in range(6)]
    attempts.clock = real
    assert [a.status for a in answers] == [401] * 5 + [429]
    assert answers[-1].headers["retry-after"] == "2" and "again in 2 s" in answers[-1].json["error"]["message"]


class TestOtherPages:
    """What a browser can be made to send by a page that is not this server's."""

    @pytest.mark.parametrize("token", ["", "x" * 64, "é"])
    async def test_a_change_without_the_pages_token_is_refused(self, shared: Guarded, token: str) -> None:
        browser = Browser(shared).enter(shared.domov.access.people.get("anna"))
        browser.token = token
        answer = await browser.ask("POST", "/api/domov/groups", {"name": "evil"})
        assert answer.status == 403 and "reload" in answer.json["error"]["message"]
        assert (await browser.ask("GET", "/api/domov/groups")).status == 200

    async def test_a_foreign_page_has_no_session_even_where_it_may_call(self, shared: Guarded) -> None:
        """Browsers send a cookie of localhost to each of its ports."""
        allowing = shared.but(origins=Origins(port=36668, allowed=(FOREIGN,)))
        browser = Browser(allowing).enter(shared.domov.access.people.get("anna"))
        browser.origin = FOREIGN
        answer = await browser.ask("POST", "/api/domov/groups", {"name": "evil"})
        assert answer.status == 401 and "access-control-allow-credentials" not in answer.headers
        answer = await browser.ask("GET", "/api/domov/users", None, ("origin", FOREIGN))
        assert answer.status == 401
        answer = await browser.log_in("anna", GOOD)
        assert answer.status == 403 and answer.cookies == ()

    async def test_a_socket_needs_this_servers_own_origin(self, shared: Guarded) -> None:
        browser = Browser(shared).enter(shared.domov.access.people.get("anna"))
        cookie = ("cookie", f"domov-36668={browser.cookies['domov-36668']}")
        for origin, status in ((None, 403), ("https://evil.example", 403), ("http://localhost:36668", 101)):
            more = [cookie, ("host", "localhost:36668")] + ([("origin", origin)] if origin else [])
            assert (await shared.ask("SOCKET", "/system", *more)).status == status, origin

    async def test_a_cookie_in_an_odd_form_is_none(self, shared: Guarded) -> None:
        secret = Browser(shared).enter(shared.domov.access.people.get("anna")).cookies["domov-36668"]
        for value in (
            f"domov-1={secret}",
            f"domov-36668={secret}; domov-36668=x",
            f'domov-36668="{secret}"',
            "domov-36668=",
        ):
            assert (await shared.ask("GET", "/v1/models", ("cookie", value))).status == 401, value
        assert (await shared.ask("GET", "/v1/models", ("cookie", f"a=b; domov-36668={secret}"))).status == 200

    async def test_with_tls_the_cookie_is_bound_to_it(self, shared: Guarded) -> None:
        secure = shared.but(origins=Origins(port=443, scheme="https"))
        body = orjson.dumps({"name": "anna", "password": GOOD})
        answer = await secure.ask("POST", "/api/domov/session", body=body)
        assert answer.cookies[0].startswith("__Host-domov-443=") and "Secure" in answer.cookies[0]
        secret = Browser(shared).enter(shared.domov.access.people.get("anna")).cookies["domov-36668"]
        assert (await secure.ask("GET", "/v1/models", ("cookie", f"domov-443={secret}"))).status == 401


CLOSED = [route for route in ROUTES if not is_open(*route)]


@pytest.fixture(scope="module")
def ended(shared: Guarded) -> list[Browser]:
    """Sessions that were good once: of somebody disabled, ended, over, and what never was one."""
    access, browsers = shared.domov.access, []
    for name in ("ended", "over", "disabled"):
        browsers.append(person(shared, name))
    ended, over, disabled = (access.people.get(name) for name in ("ended", "over", "disabled"))
    access.sessions.end_all(ended.id)
    with access.people.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE sessions SET expires_at = 1 WHERE user_id = ?", (over.id,))
    access.people.disable(disabled.id, True)
    return [*browsers, Browser(shared, {"domov-36668": "x" * 43})]


class TestEveryRoute:
    async def test_none_answers_without_a_good_session(self, shared: Guarded, ended: list[Browser]) -> None:
        for method, path in CLOSED:
            for browser in (Browser(shared), *ended):
                more = (("origin", "http://localhost:36668"),) if method == "SOCKET" else ()
                answer = await browser.ask(method, path, b"{}" if method not in ("GET", "SOCKET") else None, *more)
                assert answer.status == (403 if method == "SOCKET" else 401), (method, path)

    async def test_none_that_administers_answers_a_user(self, shared: Guarded) -> None:
        boris = Browser(shared).enter(shared.domov.access.people.get("boris"))
        for method, path in CLOSED:
            rule = rule_of(method, path)
            if rule and rule.needs != "inference" and method != "SOCKET":
                answer = await boris.ask(method, path, b"{}" if method != "GET" else None)
                assert answer.status == 403, (method, path)


class TestOnesOwn:
    async def test_sessions_are_listed_and_ended_by_their_person_alone(self, shared: Guarded) -> None:
        users = [shared.domov.access.people.add(name, "user") for name in ("cyril", "dana")]
        cyril, dana = (Browser(shared).enter(user) for user in users)
        other = Browser(shared).enter(users[0])
        listed = (await cyril.ask("GET", "/api/domov/sessions")).json["sessions"]
        assert sorted(row["this"] for row in listed) == [False, True] and listed[0]["agent"] == "Browser"
        theirs = next(row["id"] for row in listed if not row["this"])
        assert (await dana.ask("DELETE", f"/api/domov/sessions/{theirs}")).status == 404
        assert (await cyril.ask("DELETE", f"/api/domov/sessions/{theirs}")).status == 200
        assert (await other.ask("GET", "/v1/models")).status == 401
        assert (await cyril.ask("DELETE", "/api/domov/sessions")).json == {"ended": 0}
        assert (await cyril.ask("GET", "/v1/models")).status == 200

    async def test_a_key_is_made_listed_used_and_revoked_by_its_person_alone(self, shared: Guarded) -> None:
        emil, filip = (person(shared, name) for name in ("emil", "filip"))
        made = (await emil.ask("POST", "/api/domov/session/keys", {"name": "laptop", "models": ["a:1"]})).json
        assert (await filip.ask("POST", "/api/domov/session/keys", {"name": "laptop"})).status == 200
        too_much = await emil.ask("POST", "/api/domov/session/keys", {"name": "more", "scope": "models"})
        assert too_much.status == 403 and "does not give scope models" in too_much.json["error"]["message"]
        (row,) = (await emil.ask("GET", "/api/domov/session/keys")).json["keys"]
        assert row["id"] == made["id"] and "secret" not in row and "within" not in row
        assert (await shared.ask("GET", "/v1/models", key=made["secret"])).status == 200
        for method, path in (("DELETE", made["id"]), ("POST", f"{made['id']}/rotate")):
            assert (await filip.ask(method, f"/api/domov/session/keys/{path}")).status == 404
        refused = await shared.ask("GET", "/api/domov/session/keys", key=made["secret"])
        assert refused.status == 403 and "a key can't do this" in refused.json["error"]["message"]
        assert (await emil.ask("DELETE", f"/api/domov/session/keys/{made['id']}")).status == 200
        assert (await shared.ask("GET", "/v1/models", key=made["secret"])).status == 401

    async def test_a_session_and_a_key_of_one_person_have_one_owner(self, shared: Guarded) -> None:
        gita, hynek = (person(shared, name) for name in ("gita", "hynek"))
        key = (await gita.ask("POST", "/api/domov/session/keys", {"name": "x"})).json["secret"]
        story = {"slot": 0, "title": "mine", "data": "once"}
        assert (await gita.ask("POST", "/api/extra/data/save", story)).json["success"]
        listed = await shared.ask("POST", "/api/extra/data/list", key=key, body=b"{}")
        assert listed.json[0] == "mine"
        assert (await hynek.ask("POST", "/api/extra/data/list", {})).json[0] == ""

    async def test_the_second_factor_is_set_up_used_and_taken_off(self, shared: Guarded) -> None:
        accounts = shared.domov.access.accounts
        ivan = Browser(shared).enter(
            shared.domov.access.people.add("ivan", "user", password=accounts.passwords.hashed(GOOD))
        )
        assert (await ivan.ask("POST", "/api/domov/session/totp", {"password": "wrong"})).status == 401
        begun = (await ivan.ask("POST", "/api/domov/session/totp", {"password": GOOD})).json
        assert begun["picture"].startswith("<svg") and begun["address"].startswith("otpauth://totp/Domov:ivan?")
        wrong = await ivan.ask("PUT", "/api/domov/session/totp", {"secret": "no base32", "code": "123456"})
        assert wrong.status == 400
        code = pyotp.TOTP(begun["secret"]).now()
        done = await ivan.ask("PUT", "/api/domov/session/totp", {"secret": begun["secret"], "code": code})
        codes = done.json["recovery_codes"]
        assert len(codes) == 10
        again = Browser(shared)
        assert (await again.log_in("ivan", GOOD)).json == {"needs": "code"} and again.cookies == {}
        assert (await again.log_in("ivan", GOOD, code)).status == 401  # used already
        assert (await again.log_in("ivan", GOOD, codes[3])).json["user"]["totp"] is True
        assert (await again.ask("GET", "/api/domov/sessions")).json["recovery_codes_left"] == 9
        assert (await again.ask("DELETE", "/api/domov/session/totp", {"password": GOOD})).json == {"totp": False}
        assert (await Browser(shared).log_in("ivan", GOOD)).json["user"]["totp"] is False


class TestRights:
    async def test_budgets_of_a_group_hold_for_the_page_and_for_keys_together(self, shared: Guarded) -> None:
        jana = person(shared, "jana", grant=Grant("frugal", tokens_per_day=100, tokens_per_month=150))
        key = (await jana.ask("POST", "/api/domov/session/keys", {"name": "x"})).json["secret"]
        id = shared.domov.access.people.get("jana").id
        shared.domov.access.user_spending.add(id, tokens=100)
        page = await jana.ask("POST", "/v1/chat/completions", {})
        program = await shared.ask("POST", "/v1/chat/completions", key=key, body=b"{}")
        for answer in (page, program):
            assert answer.status == 429 and "tokens of today" in answer.json["error"]["message"]
        assert (await jana.ask("GET", "/v1/models")).status == 200  # looking at what is there costs nothing
        told = (await jana.ask("GET", "/api/domov/session")).json
        assert told["limits"]["tokens_per_month"] == 150 and told["used"]["month"]["tokens"] == 100
        assert (await jana.ask("DELETE", "/api/domov/session")).status == 200

    async def test_a_change_of_rights_holds_from_the_next_request_on(self, shared: Guarded) -> None:
        karel = person(shared, "karel")
        assert (await karel.ask("GET", "/api/domov/machine")).status == 403
        shared.domov.access.people.change(shared.domov.access.people.get("karel").id, role="admin")
        assert (await karel.ask("GET", "/api/domov/users")).status == 200
