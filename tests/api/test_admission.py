"""Keys as callers carry them, and what becomes of calls with each."""

import time
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import orjson
import pytest
from fastapi import Request

from domov.access.keys import Grant
from domov.api.origins import Origins
from domov.meter.tariff import Tariff
from domov.store.models import Model
from tests.api.guarded import Guarded
from tests.asgi import Answer

WRONG = "domov-" + "x" * 43
ASKING: tuple[str, ...] = (
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/messages",
    "/v1/messages/count_tokens",
)
ASKING += ("/tokenize", "/api/chat", "/api/generate", "/api/embed", "/api/show")


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    guarded = Guarded(tmp_path)
    yield guarded
    guarded.domov.database.close()


@pytest.fixture
def keyless(guarded: Guarded) -> Guarded:
    """A loopback address of the same server."""
    return guarded.but(keys_required=False)


@pytest.mark.parametrize(
    "header",
    [
        ("Authorization", "Bearer {}"),
        ("authorization", "bearer {}"),
        ("Authorization", "BEARER   {} "),
        ("x-api-key", "{}"),
        ("api-key", "{}"),
    ],
)
async def test_a_key_may_come_as_any_dialect_sends_it(guarded: Guarded, header: tuple[str, str]) -> None:
    secret = guarded.secret(Grant("x"))
    assert (await guarded.ask("GET", "/v1/models", (header[0], header[1].format(secret)))).status == 200
    assert (await guarded.ask("GET", "/v1/models", (header[0], header[1].format(WRONG)))).status == 401


async def test_each_dialect_refuses_in_its_own_words(guarded: Guarded) -> None:
    openai = await guarded.ask("POST", "/v1/chat/completions", key=WRONG, body=b"{}")
    assert openai.json["error"]["code"] == "invalid_api_key"
    anthropic = await guarded.ask("POST", "/v1/messages", ("x-api-key", WRONG), body=b"{}")
    assert anthropic.json["error"]["type"] == "authentication_error"
    ollama = await guarded.ask("POST", "/api/chat", key=WRONG, body=b"{}")
    assert ollama.json == {"error": "this key is not known here"}
    for answer in (openai, anthropic, ollama):
        assert answer.headers["www-authenticate"] == 'Bearer realm="domov", error="invalid_token"'


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic eDp5",
        "Bearer a b",
        "Bearer a,b",
        "domov-x",
        "Bearer \xe9\xff",
        "Bearer " + "x" * 60_000,
    ],
)
async def test_what_is_no_key_is_a_401(guarded: Guarded, value: str) -> None:
    assert (await guarded.ask("GET", "/v1/models", ("authorization", value))).status == 401


async def test_two_keys_at_once_are_refused_whichever_is_good(guarded: Guarded) -> None:
    secret = guarded.secret(Grant("x"))
    assert (await guarded.ask("GET", "/v1/models", ("x-api-key", WRONG), key=secret)).status == 400
    assert (await guarded.ask("GET", "/v1/models", ("x-api-key", secret), key=secret)).status == 200
    twice = await guarded.ask("GET", "/v1/models", ("authorization", f"Bearer {WRONG}"), key=secret)
    assert twice.status == 400 and "stands twice" in twice.json["error"]["message"]


@pytest.mark.parametrize("query", ["api_key={}", "x=1&API-KEY={}", "access_token={}", "k={}", "api%5Fkey=1", "{}"])
async def test_a_key_in_an_address_is_refused_also_a_good_one(guarded: Guarded, query: str) -> None:
    secret = guarded.secret(Grant("x", "admin"))
    answer = await guarded.ask("GET", f"/v1/models?{query.format(secret)}", key=secret)
    assert answer.status == 400 and "logs" in answer.json["error"]["message"]


async def test_a_scope_that_is_not_enough_is_a_403_that_names_it(guarded: Guarded) -> None:
    secret = guarded.secret(Grant("reader"))
    answer = await guarded.ask("DELETE", "/api/delete", key=secret, body=b'{"model": "x"}')
    assert answer.status == 403 and "scope models" in answer.json["error"]
    assert (await guarded.ask("GET", "/api/domov/keys", key=secret)).status == 403
    assert (await guarded.ask("GET", "/api/tags", key=secret)).status == 200


async def test_without_a_key_nobody_learns_which_paths_there_are(guarded: Guarded) -> None:
    secret = guarded.secret(Grant("x"))
    assert (await guarded.ask("GET", "/nope")).status == 401
    assert (await guarded.ask("PATCH", "/v1/models")).status == 401
    assert (await guarded.ask("GET", "/nope", key=secret)).status == 404
    assert (await guarded.ask("PATCH", "/v1/models", key=secret)).status == 405
    assert (await guarded.ask("GET", "/healthz")).status == 200
    assert (await guarded.ask("GET", "/healthz", key=WRONG)).status == 200


async def test_a_key_that_is_used_up_is_a_429_with_the_time_to_come_back(guarded: Guarded) -> None:
    secret = guarded.secret(Grant("slow", requests_per_minute=2))
    answers = [await guarded.ask("GET", "/v1/models", key=secret) for _ in range(3)]
    assert [a.status for a in answers] == [200, 200, 429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 30
    assert answers[-1].json["error"]["type"] == "rate_limit_error"


async def test_the_tokens_of_a_day_end_and_come_back(guarded: Guarded) -> None:
    secret = guarded.secret(Grant("small", tokens_per_day=100))
    key = guarded.domov.access.keys.get("small")
    guarded.domov.access.spending.add(key.id, tokens=99)
    assert (await guarded.ask("GET", "/v1/models", key=secret)).status == 200
    guarded.domov.access.spending.add(key.id, tokens=1)
    answer = await guarded.ask("POST", "/v1/messages", key=secret, body=b"{}")
    assert (answer.status, answer.json["error"]["type"]) == (429, "rate_limit_error")
    assert 0 < int(answer.headers["retry-after"]) <= 86400


async def test_the_money_of_a_month_ends(guarded: Guarded) -> None:
    secret = guarded.secret(Grant("frugal", cost_per_month=2.5))
    key = guarded.domov.access.keys.get("frugal")
    spending = guarded.domov.access.spending
    spending.add(key.id, cost=2.4)
    assert (await guarded.ask("GET", "/v1/models", key=secret)).status == 200
    spending.add(key.id, cost=0.2)
    answer = await guarded.ask("POST", "/v1/chat/completions", key=secret, body=b"{}")
    assert answer.status == 429 and "frugal has spent its 2.5 EUR of this month" in answer.json["error"]["message"]
    await spending.write()
    assert spending.written(key.id, time.strftime("%Y-%m-%d", time.gmtime())).cost == pytest.approx(2.6)


async def test_wrong_keys_wait_ever_longer_and_a_right_one_does_not(guarded: Guarded) -> None:
    secret = guarded.secret(Grant("x"))
    for _ in range(4):
        await guarded.ask("GET", "/v1/models", key=WRONG, peer="192.0.2.7")
    assert (await guarded.ask("GET", "/v1/models", key=secret, peer="192.0.2.7")).status == 200
    assert guarded.waits == pytest.approx([0.1, 0.2, 0.4, 0.8])
    log = (guarded.home / "logs" / "logins.jsonl").read_text()
    assert "192.0.2.7" in log and WRONG[6:] not in log


async def test_on_loopback_no_key_is_needed_and_any_that_clients_want_to_send_is_fine(keyless: Guarded) -> None:
    for headers in ((), (("authorization", "Bearer none"),), (("x-api-key", "sk-1"), ("authorization", "Bearer x"))):
        assert (await keyless.ask("GET", "/api/domov/keys", *headers)).status == 200


async def test_on_loopback_a_key_of_domovs_holds_for_what_it_is(keyless: Guarded) -> None:
    secret = keyless.secret(Grant("x"))
    assert (await keyless.ask("GET", "/v1/models", key=secret)).status == 200
    assert (await keyless.ask("GET", "/api/domov/keys", key=secret)).status == 403
    assert (await keyless.ask("GET", "/v1/models", key=WRONG)).status == 401


@pytest.mark.parametrize("name", ["x-forwarded-for", "forwarded", "x-real-ip", "via", "x-forwarded-host"])
async def test_what_comes_through_a_proxy_to_loopback_needs_a_key(keyless: Guarded, name: str) -> None:
    """Else a proxy without settings of its own would open the models to the world."""
    secret = keyless.secret(Grant("x"))
    assert (await keyless.ask("GET", "/v1/models", (name, "192.0.2.1"))).status == 401
    assert (await keyless.ask("GET", "/v1/models", (name, "192.0.2.1"), key=secret)).status == 200


async def test_the_address_behind_a_trusted_proxy_is_the_one_that_waits(guarded: Guarded) -> None:
    proxied = guarded.but(origins=Origins(port=36668, proxies=(ip_network("127.0.0.1"),)))
    for number in range(3):
        await proxied.ask("GET", "/v1/models", ("x-forwarded-for", f"6.6.6.6, 192.0.2.{number}"), key=WRONG)
    assert proxied.waits == pytest.approx([0.1, 0.1, 0.1])
    for number in range(2):  # whom nobody trusts can't choose an address
        await guarded.ask("GET", "/v1/models", ("x-forwarded-for", f"192.0.3.{number}"), key=WRONG, peer="192.0.2.99")
    assert guarded.waits[-2:] == pytest.approx([0.1, 0.2])


async def test_routes_know_who_called(guarded: Guarded, keyless: Guarded) -> None:
    secret = guarded.secret(Grant("x"))
    for server in (guarded, keyless):

        @server.api.get("/v1/owner")
        async def owner(request: Request) -> str:
            return str(request.state.owner)

    assert (await guarded.ask("GET", "/v1/owner", key=secret)).json == guarded.domov.access.keys.get("x").id
    assert (await keyless.ask("GET", "/v1/owner")).json == ""


async def test_a_database_that_can_t_be_read_lets_nobody_in(tmp_path: Path) -> None:
    (tmp_path / "domov.db").write_bytes(b"not a database, but long enough to look like one" * 100)
    answer = await Guarded(tmp_path).ask("GET", "/v1/models", key=WRONG)
    assert answer.status == 500 and "not a database" in answer.json["error"]["message"]


class TestKeysOverTheApi:
    async def make(self, guarded: Guarded, admin: str, **body: object) -> Answer:
        return await guarded.ask("POST", "/api/domov/keys", key=admin, body=orjson.dumps(body))

    async def test_made_used_listed_rotated_and_revoked(self, guarded: Guarded) -> None:
        admin = guarded.secret(Grant("root", "admin"))
        made = (await self.make(guarded, admin, name="page", tokens_per_day=9, expires_at=time.time() + 60)).json
        assert (await guarded.ask("GET", "/v1/models", key=made["secret"])).status == 200
        listed = await guarded.ask("GET", "/api/domov/keys", key=admin)
        rows = {row["name"]: row for row in listed.json["keys"]}
        assert rows["page"]["tokens_per_day"] == 9 and rows["page"]["today"] == {"requests": 1, "tokens": 0, "cost": 0}
        assert made["secret"] not in listed.body.decode() and "digest" not in listed.body.decode()
        rotated = (await guarded.ask("POST", f"/api/domov/keys/{made['id']}/rotate", key=admin)).json
        assert (await guarded.ask("GET", "/v1/models", key=made["secret"])).status == 401
        assert (await guarded.ask("GET", "/v1/models", key=rotated["secret"])).status == 200
        assert (await guarded.ask("DELETE", "/api/domov/keys/page", key=admin)).status == 200
        assert (await guarded.ask("GET", "/v1/models", key=rotated["secret"])).status == 401
        assert (await guarded.ask("DELETE", "/api/domov/keys/nobody", key=admin)).status == 404

    async def test_a_limit_in_money_is_refused_where_nothing_tells_what_work_costs(self, guarded: Guarded) -> None:
        admin = guarded.secret(Grant("root", "admin"))
        refused = await self.make(guarded, admin, name="page", cost_per_month=5)
        assert refused.status == 400 and "kilowatt_hour_price" in refused.body.decode()
        guarded.domov.__dict__["tariff"] = Tariff(0.3)
        made = (await self.make(guarded, admin, name="page", cost_per_month=5)).json
        listed = (await guarded.ask("GET", "/api/domov/keys", key=admin)).json["keys"]
        row = next(row for row in listed if row["id"] == made["id"])
        assert row["cost_per_month"] == 5 and row["month"]["cost"] == 0

    async def test_the_audit_says_who_did_it_and_no_secret(self, guarded: Guarded) -> None:
        admin = guarded.secret(Grant("root", "admin"))
        made = (await self.make(guarded, admin, name="page")).json
        await guarded.ask("DELETE", "/api/delete", key=admin, body=b'{"model": "nothing:1b"}')
        await guarded.ask("GET", "/v1/models", key=admin)
        text = (guarded.home / "logs" / "audit.jsonl").read_text()
        lines = [orjson.loads(line) for line in text.splitlines()]
        assert [(line["action"], line["status"]) for line in lines] == [
            ("POST /api/domov/keys", 200),
            ("DELETE /api/delete", 404),
        ]
        assert (lines[0]["key"], lines[0]["by"]) == (made["id"], guarded.domov.access.keys.get("root").id)
        assert lines[1]["model"] == "nothing:1b" and lines[1]["address"] == "127.0.0.1"
        assert admin not in text and made["secret"] not in text

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"name": ""},
            {"name": "x", "scope": "root"},
            {"name": "x", "tokens_per_day": 0},
            {"name": "x", "tokens_per_day": 1e300},
            {"name": "x", "cost_per_month": 0},
            {"name": "x", "cost_per_month": 1e300},
            {"name": "x", "expires_at": 1},
            {"name": "x", "models": ["a"] * 101},
            {"name": "x", "scope": "admin", "models": ["a"]},
            {"name": "x", "token_per_day": 5},
            {"name": "x\x00", "models": "a"},
        ],
    )
    async def test_nonsense_makes_no_key(self, guarded: Guarded, body: dict[str, object]) -> None:
        admin = guarded.secret(Grant("root", "admin"))
        assert (await self.make(guarded, admin, **body)).status == 400
        assert len(guarded.domov.access.keys.all()) == 1


class TestModelsOfAKey:
    """A key for some models sees and uses no other; whether others are there it does not learn."""

    @pytest.fixture
    def guarded(self, home: Path, starter: Model) -> Iterator[Guarded]:
        guarded = Guarded(home)
        guarded.domov.models.copy(starter.name, "secret:1b")
        yield guarded
        guarded.domov.database.close()

    async def test_lists_have_its_models_only(self, guarded: Guarded, starter: Model) -> None:
        secret, every = guarded.secret(Grant("x", models=("smollm2",))), guarded.secret(Grant("y"))
        for path, field in (("/v1/models", "data"), ("/api/tags", "models")):
            for key, count in ((secret, 1), (every, 2)):
                found = (await guarded.ask("GET", path, key=key)).json[field]
                assert len(found) == count, (path, key)
        anthropic = await guarded.ask("GET", "/v1/models", ("anthropic-version", "2023-06-01"), key=secret)
        assert [m["id"] for m in anthropic.json["data"]] == [starter.name]

    async def test_another_is_refused_in_every_dialect_whether_it_is_there_or_not(self, guarded: Guarded) -> None:
        key = guarded.secret(Grant("x", models=("smollm2",)))
        messages = [{"role": "user", "content": "hi"}]
        for model in ("secret:1b", "secret", "missing:1b"):
            body = orjson.dumps({"model": model, "messages": messages, "max_tokens": 1, "prompt": "x", "input": "x"})
            for path in ASKING:
                more = b',"content":"x"}' if path == "/tokenize" else b"}"
                answer = await guarded.ask("POST", path, key=key, body=body[:-1] + more)
                assert answer.status == 403 and b"smollm2" in answer.body, (path, model, answer)
            assert (await guarded.ask("GET", f"/v1/models/{model}", key=key)).status == 403

    def test_no_dialect_looks_models_up_past_the_callers_key(self) -> None:
        """`api/models.py` is where a key's models are minded: `installed`, `shown`, `shown_rows`.

        Of all models tell /metrics, of scope models, and what waits until nothing loads.
        """
        api = Path(__file__).parents[2] / "src" / "domov" / "api"
        lookups = ("domov.models.all(", "domov.models.get(", "scheduler.rows(")
        for path in api.rglob("*.py"):
            if path.relative_to(api).as_posix() not in ("models.py", "metrics.py", "openai/inside.py"):
                text = path.read_text("utf-8")
                assert not [lookup for lookup in lookups if lookup in text], f"{path.name} goes past api/models.py"
