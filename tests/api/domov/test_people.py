"""Administering people over HTTP: accounts, groups, links; and what becomes of what is theirs."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from domov.access.callers import Caller
from domov.access.running import Running
from domov.api.ending import until_ended
from tests.api.domov.browser import Browser, person
from tests.api.guarded import Guarded

GOOD = "correct horse battery"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    guarded = Guarded(tmp_path_factory.mktemp("home"), keys_required=False)
    guarded.domov.access.people.add("anna", "admin")
    yield guarded
    guarded.domov.database.close()


@pytest.fixture
def anna(guarded: Guarded) -> Browser:
    return Browser(guarded).enter(guarded.domov.access.people.get("anna"))


async def test_an_account_is_made_with_a_link_that_sets_its_password(guarded: Guarded, anna: Browser) -> None:
    made = (await anna.ask("POST", "/api/domov/users", {"name": "boris"})).json
    assert made["password"] is False and made["link"]["kind"] == "reset"
    boris = Browser(guarded)
    looked = await boris.ask("POST", "/api/domov/invitation", {"secret": made["secret"]})
    assert looked.json["name"] == "boris" and looked.json["kind"] == "reset"
    entered = await boris.ask("POST", "/api/domov/invitation/accept", {"secret": made["secret"], "password": GOOD})
    assert entered.json["user"]["name"] == "boris" and (await boris.ask("GET", "/v1/models")).status == 200
    again = await boris.ask("POST", "/api/domov/invitation", {"secret": made["secret"]})
    assert again.status == 404 and "not good" in again.json["error"]["message"]


async def test_an_invitation_makes_an_account_of_the_role_and_groups_that_it_names(
    guarded: Guarded, anna: Browser
) -> None:
    group = (await anna.ask("POST", "/api/domov/groups", {"name": "research", "models": ["big:*"]})).json
    body = {"note": "for Cyril", "groups": ["research"], "days": 1}
    secret = (await anna.ask("POST", "/api/domov/invitations", body)).json["secret"]
    listed = await anna.ask("GET", "/api/domov/invitations")
    assert secret not in listed.body.decode() and listed.json["invitations"][0]["note"] == "for Cyril"
    cyril = Browser(guarded)
    poor = await cyril.ask("POST", "/api/domov/invitation/accept", {"secret": secret, "name": "Cyril", "password": "x"})
    assert poor.status == 400 and "10 characters" in poor.json["error"]["message"]
    body = {"secret": secret, "name": "Cyril", "password": GOOD}
    made = (await cyril.ask("POST", "/api/domov/invitation/accept", body)).json
    assert made["user"]["groups"] == [group["id"]] and made["models"] == ["big:*"]


async def test_who_is_disabled_is_out_at_once_and_back_when_enabled(guarded: Guarded, anna: Browser) -> None:
    dana = person(guarded, "dana")
    key = (await dana.ask("POST", "/api/domov/session/keys", {"name": "x"})).json["secret"]
    assert (await anna.ask("PATCH", "/api/domov/users/dana", {"disabled": True})).json["disabled_at"]
    assert (await dana.ask("GET", "/v1/models")).status == 401
    refused = await guarded.ask("GET", "/v1/models", key=key)
    assert refused.status == 401 and "disabled" in refused.json["error"]["message"]
    await anna.ask("PATCH", "/api/domov/users/dana", {"disabled": False})
    assert (await guarded.ask("GET", "/v1/models", key=key)).status == 200
    assert (await dana.ask("GET", "/v1/models")).status == 401  # a session that was ended stays so


async def test_with_an_account_go_its_files_and_stories_and_keys(guarded: Guarded, anna: Browser) -> None:
    emil = person(guarded, "emil")
    key = (await emil.ask("POST", "/api/domov/session/keys", {"name": "x"})).json["secret"]
    form = (
        b'--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--x\r\nContent-Disposition: form-data; '
        b'name="file"; filename="a"\r\n\r\nhello\r\n--x--\r\n'
    )
    kind = ("content-type", "multipart/form-data; boundary=x")
    file = (await emil.ask("POST", "/v1/files", form, kind)).json["id"]
    assert (guarded.home / "files" / file).exists()
    await emil.ask("POST", "/api/extra/data/save", {"slot": 0, "title": "mine", "data": "once"})
    chat = (await emil.ask("POST", "/api/domov/chats", {"title": "Boiler"})).json["id"]
    kind = ("content-type", "application/octet-stream")
    sent = await emil.ask("PUT", "/api/domov/documents/notes/files/a.txt", b"the boiler is warm", kind)
    assert sent.status == 200, sent
    assert (await anna.ask("GET", f"/api/domov/chats/{chat}")).status == 404
    assert "notes" not in (await anna.ask("GET", "/api/domov/documents")).body.decode()
    assert (await anna.ask("DELETE", "/api/domov/users/emil")).json["deleted"] is True
    assert not (guarded.home / "files" / file).exists()
    assert list((guarded.home / "stories").glob("user_*")) == []
    assert list((guarded.home / "documents" / "files").rglob("a.txt")) == []
    assert b"Boiler" not in (guarded.home / "domov.db").read_bytes()
    assert (await guarded.ask("GET", "/v1/models", key=key)).status == 401
    assert (await emil.ask("GET", "/v1/models")).status == 401
    assert (await anna.ask("DELETE", "/api/domov/users/emil")).status == 404


async def test_the_last_administrator_can_t_lock_everybody_out(anna: Browser) -> None:
    for method, body in (("PATCH", {"role": "user"}), ("PATCH", {"disabled": True}), ("DELETE", None)):
        answer = await anna.ask(method, "/api/domov/users/anna", body)
        assert answer.status == 403 and "last administrator" in answer.json["error"]["message"]


async def test_groups_are_changed_and_deleted(guarded: Guarded, anna: Browser) -> None:
    await anna.ask("POST", "/api/domov/groups", {"name": "office", "tokens_per_day": 5})
    changed = await anna.ask("PUT", "/api/domov/groups/office", {"name": "office", "scope": "models"})
    assert changed.json["scope"] == "models" and changed.json["tokens_per_day"] is None
    assert (await anna.ask("POST", "/api/domov/groups", {"name": "office"})).status == 400
    assert (await anna.ask("POST", "/api/domov/groups", {"name": "x", "scope": "admin"})).status == 400
    assert (await anna.ask("DELETE", "/api/domov/groups/office")).json["deleted"] is True
    assert (await anna.ask("DELETE", "/api/domov/groups/everyone")).status == 400


async def test_the_audit_says_who_did_what_and_pages_backwards(guarded: Guarded, anna: Browser) -> None:
    for number in range(120):
        guarded.domov.access.audit.command("domov rm", model=f"m:{number}")
    await anna.ask("POST", "/api/domov/groups", {"name": "audited"})
    first = (await anna.ask("GET", "/api/domov/audit?words=m:")).json
    second = (await anna.ask("GET", f"/api/domov/audit?words=m:&before={first['next']}")).json
    models = [row["model"] for row in first["rows"] + second["rows"]]
    assert models == [f"m:{n}" for n in range(119, -1, -1)] and second["next"] is None
    (row,) = (await anna.ask("GET", "/api/domov/audit?words=audited")).json["rows"]
    assert (row["name"], row["action"], row["group_name"]) == ("anna", "POST /api/domov/groups", "audited")
    assert (await anna.ask("GET", "/api/domov/audit?who=anna&since=2999-01-01")).json["rows"] == []
    assert (await anna.ask("GET", "/api/domov/audit?since=yesterday")).status == 400
    text = (guarded.home / "logs" / "audit.jsonl").read_text()
    assert GOOD not in text and "invite-" not in text


async def test_a_request_of_a_batch_may_do_no_more_than_the_key_it_was_made_with(guarded: Guarded) -> None:
    filip = person(guarded, "filip")
    made = (await filip.ask("POST", "/api/domov/session/keys", {"name": "x", "models": ["other:1b"]})).json
    access, id = guarded.domov.access, guarded.domov.access.people.get("filip").id
    assert access.caller_of(id).grant.allows("smollm2:135m")
    assert not access.caller_of(id, made["id"]).grant.allows("smollm2:135m")


class TestWhatIsOnItsWay:
    async def test_it_ends_when_its_key_does(self) -> None:
        running, good = Running(), {"key_1": True, "key_2": True}
        never: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()

        async def receive() -> dict[str, str]:
            return await never

        with running.request(Caller("a", key="key_1")) as first, running.request(Caller("b", key="key_2")) as second:
            waiting = asyncio.ensure_future(until_ended(receive, first, "websocket")())
            good["key_1"] = False
            assert running.end(lambda caller: good[caller.key]) == 1
            assert (await waiting)["type"] == "websocket.disconnect"
            assert first.is_set() and not second.is_set()
            assert running.end(lambda caller: good[caller.key]) == 0
        never.cancel()

    async def test_a_body_that_is_being_sent_is_passed_on_whole(self) -> None:
        parts = [
            {"type": "http.request", "body": b"b", "more_body": False},
            {"type": "http.request", "body": b"a", "more_body": True},
        ]
        ended = asyncio.Event()
        ended.set()

        async def receive() -> dict[str, object]:
            return parts.pop()

        received = until_ended(receive, ended, "http")
        assert [(await received())["body"] for _ in range(2)] == [b"a", b"b"]
        assert (await received())["type"] == "http.disconnect"


async def test_settings_are_told_changed_and_written(guarded: Guarded, anna: Browser) -> None:
    rows = {row["name"]: row for row in (await anna.ask("GET", "/api/domov/settings")).json["settings"]}
    assert rows["offline"]["value"] is False and rows["offline"]["at_once"] and rows["port"]["most"] == 65535
    assert not rows["llama_server"]["changeable"] and rows["oidc_client_secret"]["value"] == ""
    body = {"settings": {"offline": True, "port": 4000, "allowed_hosts": ["ai.example.org"]}}
    changed = {row["name"]: row for row in (await anna.ask("PATCH", "/api/domov/settings", body)).json["settings"]}
    assert changed["offline"]["value"] is True and not changed["offline"]["waits"]
    assert changed["port"]["value"] == 36668 and changed["port"]["waits"]
    assert guarded.domov.config.offline is True
    written = (guarded.home / "config.toml").read_text()
    assert "offline = true" in written and 'allowed_hosts = ["ai.example.org"]' in written
    await anna.ask("PATCH", "/api/domov/settings", {"settings": {"offline": None, "port": None}})
    assert guarded.domov.config.offline is False and "port" not in (guarded.home / "config.toml").read_text()
    for wrong in ({"offline": "maybe"}, {"port": 70000}, {"prt": 1}, {"llama_server": "/bin/sh"}, {"sandbox": False}):
        answer = await anna.ask("PATCH", "/api/domov/settings", {"settings": wrong})
        assert answer.status == 400, (wrong, orjson.loads(answer.body))


async def test_a_backup_is_taken_and_one_that_is_sent_waits_for_the_next_start(guarded: Guarded, anna: Browser) -> None:
    taken = await anna.ask("GET", "/api/domov/backup", stays=True)
    assert taken.headers["content-type"] == "application/zip" and taken.body[:2] == b"PK"
    kind = ("content-type", "application/octet-stream")
    sent = await anna.ask("POST", "/api/domov/backup/restore", taken.body, kind)
    assert sent.json["restart"] is True and (guarded.home / "restore-pending" / "domov.db").exists()
    wrong = await anna.ask("POST", "/api/domov/backup/restore", b"PK not at all", kind)
    assert wrong.status == 400 and "no backup" in wrong.json["error"]["message"]
    assert list(Path(guarded.home).glob(".backup-*")) == [] == list(Path(guarded.home).glob(".restore-*"))
