"""People on the page: the first run, logging in, invitations, and each with what is their own."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.api.conftest import Server, little_home, serving
from tests.page.conftest import PHONE, Look, Visitor, axe

GOOD, REFUSED = "correct horse battery", "the server responded with a status of"
PARTS = ("general", "security", "keys", "people", "audit", "backup")


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that nobody has used yet: no model, no account."""
    with serving(tmp_path_factory.mktemp("empty")) as running:
        yield running


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of several people, of whom anna administers it."""
    costs = {"DOMOV_WATTS": "60", "DOMOV_KILOWATT_HOUR_PRICE": "7", "DOMOV_CURRENCY": "CZK"}
    with serving(little_home(tmp_path_factory.mktemp("shared")), DOMOV_ENGINE="fake", **costs) as running:
        made = httpx2.post(f"{running.url}/api/domov/setup", json={"name": "anna", "password": GOOD})
        assert made.status_code == 200, made.text
        yield running


def log_in(page: Page, name: str, password: str = GOOD) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def anna_at(visitor: Visitor, server: Server, path: str = "/", **look: Any) -> Page:
    page = visitor.open(server, path, **look)
    visitor.watched(page).expected = (REFUSED,)
    page.locator("input").first.fill("anna")
    page.locator("input[type=password]").fill(GOOD)
    page.locator("button[type=submit]").click()
    page.wait_for_selector("#main")
    return page


def asked(page: Page, method: str, path: str, **body: object) -> Any:
    """What the page's own person gets from the API."""
    origin = re.match(r"https?://[^/]+", page.url)
    assert origin
    token = page.request.get(f"{origin[0]}/api/domov/session").json()["token"]
    answer = page.request.fetch(
        f"{origin[0]}{path}", method=method, data=body or None, headers={"x-domov-token": token or ""}
    )
    return answer.json()


class TestTheFirstRun:
    def test_it_says_what_this_computer_is_and_what_runs_on_it(
        self, empty: Server, visitor: Visitor, look: Look
    ) -> None:
        page = visitor.open(empty)
        expect(page.get_by_role("heading", name="What will you use here?")).to_be_visible()
        expect(page.get_by_text(re.compile(r"This computer has .* of memory"))).to_be_visible()
        expect(page.get_by_role("listitem")).to_have_count(3)
        assert axe(page) == []
        look(page, "welcome-en-dark")
        for language, theme, size in (("cs", "light", (1280, 800)), ("cs", "dark", PHONE), ("en", "light", PHONE)):
            other = visitor.open(empty, language=language, theme=theme, size=size)
            expect(other.get_by_role("listitem")).to_have_count(3)
            assert axe(other) == []
            look(other, f"welcome-{language}-{theme}-{size[0]}")

    def test_one_button_fetches_a_model_and_opens_the_chat(self, empty: Server, visitor: Visitor, look: Look) -> None:
        page = visitor.open(empty)
        page.get_by_role("button", name="Use this: smollm2:135m").click()
        expect(page.get_by_role("button", name="Stop")).to_be_visible()
        look(page, "welcome-fetching")
        expect(page.get_by_role("heading", name="What will you use here?")).to_be_hidden(timeout=120_000)
        assert httpx2.get(f"{empty.url}/v1/models").json()["data"][0]["id"] == "smollm2:135m"
        page.reload()
        page.wait_for_selector("#main")  # not asked again


class TestLoggingIn:
    def test_wrong_is_told_and_right_gets_in_and_out_again(self, shared: Server, visitor: Visitor, look: Look) -> None:
        page = visitor.open(shared)
        visitor.watched(page).expected = (REFUSED,)
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        assert axe(page) == []
        look(page, "login-en-dark")
        log_in(page, "anna", "not this one")
        expect(page.get_by_role("alert")).to_contain_text("The name or the password is wrong")
        log_in(page, "anna")
        page.wait_for_selector("#main")
        page.goto(f"{shared.url}/home/settings/security")
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()

    def test_by_keyboard_alone(self, shared: Server, visitor: Visitor) -> None:
        page = visitor.open(shared)
        visitor.watched(page).expected = (REFUSED,)
        expect(page.get_by_label("Name")).to_be_focused()
        page.keyboard.type("anna")
        page.keyboard.press("Tab")
        page.keyboard.type(GOOD)
        page.keyboard.press("Enter")
        page.wait_for_selector("#main")

    def test_whoever_is_logged_out_elsewhere_is_asked_again(self, shared: Server, visitor: Visitor) -> None:
        page = anna_at(visitor, shared, "/home/settings/security")
        session = asked(page, "GET", "/api/domov/sessions")["sessions"]
        mine = next(row["id"] for row in session if row["this"])
        asked(page, "DELETE", f"/api/domov/sessions/{mine}")
        page.get_by_role("link", name="Keys").click()
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_a_guest_is_invited_and_nobody_sees_what_is_another_s(shared: Server, visitor: Visitor, look: Look) -> None:
    anna = anna_at(visitor, shared, "/home/settings/people")
    anna.get_by_role("button", name="Invite somebody").click()
    anna.get_by_label("For whom").fill("Boris")
    look(anna, "invite")
    assert axe(anna) == []
    anna.get_by_role("button", name="Make the link").click()
    link = anna.get_by_label("Link", exact=True).input_value()
    assert link.startswith(f"{shared.url}/#invitation=invite-")
    anna.keyboard.press("Escape")
    expect(anna.get_by_text("Links that wait")).to_be_visible()

    boris = visitor.open(shared, link.removeprefix(shared.url))
    expect(boris.get_by_role("heading", name="You are invited")).to_be_visible()
    assert "#" not in boris.url  # it does not stay in the history
    assert axe(boris) == []
    look(boris, "invitation-en-dark")
    boris.get_by_label("Name").fill("boris")
    boris.get_by_label("New password").fill("short")
    boris.get_by_label("New password").fill(GOOD)
    boris.get_by_role("button", name="Make the account").click()
    boris.wait_for_selector("#main")

    for page, title in ((anna, "Of Anna"), (boris, "Of Boris")):
        asked(page, "POST", "/api/domov/chats", title=title)
    for page, own, other in ((anna, "Of Anna", "Of Boris"), (boris, "Of Boris", "Of Anna")):
        titles = [chat["title"] for chat in asked(page, "GET", "/api/domov/chats")["chats"]]
        assert own in titles and other not in titles
    anna.reload()
    expect(anna.get_by_text("boris", exact=True)).to_be_visible()
    boris.goto(f"{shared.url}/home/settings")
    expect(boris.get_by_role("link", name="My account")).to_be_visible()
    for part in ("People", "Audit", "Backup"):
        expect(boris.get_by_role("link", name=part, exact=True)).to_have_count(0)

    again = visitor.open(shared, link.removeprefix(shared.url))
    visitor.watched(again).expected = (REFUSED,)
    expect(again.get_by_role("alert")).to_contain_text("not good")


def test_a_key_is_made_shown_once_used_and_revoked(shared: Server, visitor: Visitor, look: Look) -> None:
    page = anna_at(visitor, shared, "/home/settings/keys")
    page.get_by_role("button", name="New key").first.click()
    page.get_by_label("Name").fill("editor")
    page.get_by_label("Money a month (CZK)").fill("5.5")
    look(page, "key-new")
    assert axe(page) == []
    page.get_by_role("button", name="Make the key").click()
    secret = page.get_by_label("The key").input_value()
    look(page, "key-made")
    headers = {"authorization": f"Bearer {secret}"}
    assert httpx2.get(f"{shared.url}/v1/models", headers=headers).status_code == 200
    page.get_by_role("button", name="I have copied it").click()
    expect(page.get_by_text("editor", exact=True)).to_be_visible()
    expect(page.get_by_text("CZK 5.50 a month")).to_be_visible()
    assert secret not in page.content()
    page.get_by_role("button", name="Revoke: editor").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("editor", exact=True)).to_be_hidden()
    assert httpx2.get(f"{shared.url}/v1/models", headers=headers).status_code == 401


def test_the_second_factor_is_set_up_with_a_picture(shared: Server, visitor: Visitor, look: Look) -> None:
    page = anna_at(visitor, shared, "/home/settings/security")
    page.get_by_role("button", name="Turn on").click()
    page.get_by_label("Your password").fill(GOOD)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_alt_text("The code for the app")).to_be_visible()
    assert page.get_by_alt_text("The code for the app").evaluate("image => image.naturalWidth") > 100
    assert axe(page) == []
    look(page, "totp")
    page.get_by_label("The code that the app shows now").fill("000000")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("alert")).to_contain_text("not the one of now")


def test_settings_are_searched_and_changed(shared: Server, visitor: Visitor) -> None:
    page = anna_at(visitor, shared, "/home/settings/general")
    page.get_by_label("Search the settings").fill("conversations same")
    expect(page.get_by_text("slots", exact=True).first).to_be_visible()
    page.get_by_label("slots").fill("3")
    page.get_by_label("slots").press("Enter")
    expect(page.get_by_role("button", name="Back to the default")).to_be_visible()
    assert "slots = 3" in (shared.home / "config.toml").read_text()
    page.get_by_role("button", name="Back to the default").click()
    expect(page.get_by_role("button", name="Back to the default")).to_be_hidden()
    page.get_by_label("Search the settings").fill("llama_server")
    expect(page.get_by_text("in the file only").first).to_be_visible()


def test_settings_are_told_and_found_in_the_language_of_the_page(shared: Server, visitor: Visitor) -> None:
    page = anna_at(visitor, shared, "/home/settings/general", language="cs")
    page.get_by_label("Hledat v nastavení").fill("spojeni ven")
    expect(page.get_by_text("Zakázat všechna spojení ven.")).to_be_visible()


def test_a_backup_is_one_button(shared: Server, visitor: Visitor, tmp_path: Path) -> None:
    page = anna_at(visitor, shared, "/home/settings/backup")
    with page.expect_download() as download:
        page.get_by_role("button", name="Take a backup").click()
    path = tmp_path / "taken.zip"
    download.value.save_as(path)
    assert path.read_bytes()[:2] == b"PK"
    page.get_by_label("Choose a backup").last.set_input_files(path)
    page.get_by_role("button", name="Look through and lay ready").click()
    expect(page.get_by_text("Restart Domov to put them in place")).to_be_visible()


@pytest.mark.parametrize(("language", "theme"), [("en", "dark"), ("cs", "light")])
def test_every_part_is_clean_in_both_languages_and_themes(
    shared: Server, visitor: Visitor, look: Look, language: str, theme: str
) -> None:
    page = anna_at(visitor, shared, "/home/settings", language=language, theme=theme)
    for part in PARTS:
        page.goto(f"{shared.url}/home/settings/{part}")
        page.wait_for_selector("#main h2")
        expect(page.locator("#main [role=status][aria-label]")).to_have_count(0)  # nothing is being loaded
        assert axe(page) == [], part
        look(page, f"settings-{part}-{language}-{theme}")


def test_every_part_fits_a_phone(shared: Server, visitor: Visitor, look: Look) -> None:
    page = anna_at(visitor, shared, "/home/settings", language="cs", theme="dark", size=PHONE)
    for part in PARTS:
        page.goto(f"{shared.url}/home/settings/{part}")
        page.wait_for_selector("#main h2")
        expect(page.locator("#main [role=status][aria-label]")).to_have_count(0)  # nothing is being loaded
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= PHONE[0], part
        look(page, f"settings-{part}-phone")
