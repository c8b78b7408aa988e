"""The screen of use: what was used, the ledger, and the offline switch."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import expect

from tests.api.conftest import LITTLE, Server, little_home, serving
from tests.hub import Hub, tiny_gguf
from tests.page.chats import Chats
from tests.page.conftest import PHONE, Look, Visitor, axe, home_with_starter


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that has been asked something, and has looked at a hub."""
    home = little_home(tmp_path_factory.mktemp("used"))
    with Hub() as hub, serving(home, DOMOV_ENGINE="fake", HF_ENDPOINT=hub.url) as server:
        hub.add_repository("user/m", {"m-Q8_0.gguf": tiny_gguf()})
        httpx2.post(f"{server.url}/v1/embeddings", json={"model": LITTLE, "input": "one two three"})
        httpx2.get(f"{server.url}/api/domov/variants", params={"model": "hf.co/user/m"}).raise_for_status()
        yield server


def test_what_was_used_is_told_by_day_model_and_person(used: Server, visitor: Visitor, look: Look) -> None:
    page = visitor.open(used, "/home/use")
    section = page.get_by_role("region", name="What was used")
    expect(section.get_by_role("table")).to_contain_text("1")
    expect(section).to_contain_text("Energy")
    assert axe(page) == []
    look(page, "use")
    section.get_by_role("tab", name="By model").click()
    expect(section.get_by_role("table")).to_contain_text(LITTLE)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(section.get_by_role("table")).to_contain_text("this computer")


def test_what_energy_costs_stands_under_an_answer_and_with_what_was_used(
    visitor: Visitor, starter_home: Path, tmp_path: Path
) -> None:
    said = {"DOMOV_WATTS": "60", "DOMOV_KILOWATT_HOUR_PRICE": "7500", "DOMOV_CURRENCY": "CZK"}
    with home_with_starter(starter_home, tmp_path) as home, serving(home, DOMOV_ENGINE="fake", **said) as server:
        chat, _ = Chats(server).ask("what does it cost?")
        page = visitor.open(server, f"/home/chat/{chat}")
        expect(page.locator("article").last).to_contain_text(re.compile(r"[1-9]\sm?Wh"))
        expect(page.locator("article").last).to_contain_text("CZK")
        page = visitor.open(server, "/home/use", language="cs")
        expect(page.get_by_role("region", name="Co se spotřebovalo")).to_contain_text("Kč")


def test_the_ledger_tells_why_whereto_and_how_much(used: Server, visitor: Visitor) -> None:
    page = visitor.open(used, "/home/use", language="cs", theme="light", size=PHONE)
    ledger = page.get_by_role("region", name="Co opustilo tento počítač")
    expect(ledger.get_by_role("table").first).to_contain_text("čtení hlavičky modelu")
    ledger.get_by_label("Ukázat").select_option("look up")
    rows = ledger.get_by_role("table").last.get_by_role("row")
    expect(rows).to_have_count(2)
    expect(rows.last).to_contain_text("vyhledání modelu: hf.co/user/m")
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


def test_the_offline_switch_works_by_keyboard_and_refuses_at_once(used: Server, visitor: Visitor, look: Look) -> None:
    page = visitor.open(used, "/home/use")
    switch = page.get_by_role("switch", name="Offline")
    switch.focus()
    page.keyboard.press("Space")
    expect(switch).to_be_checked()
    expect(page.get_by_text("No connection is made")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="Loading")).to_have_count(0)
    look(page, "use-offline")
    assert axe(page) == []
    assert httpx2.get(f"{used.url}/api/domov/search", params={"query": "m"}).status_code == 503
    page.reload()
    expect(page.get_by_text("refused: offline").first).to_be_visible()
    switch.click()
    expect(switch).not_to_be_checked()
    assert httpx2.get(f"{used.url}/api/domov/offline").json() == {"offline": False, "fixed": False}


def test_where_the_environment_decides_the_switch_says_so(
    visitor: Visitor, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with serving(tmp_path_factory.mktemp("fixed"), DOMOV_OFFLINE="1") as server:
        page = visitor.open(server, "/home/use")
        switch = page.get_by_role("switch", name="Offline")
        expect(switch).to_be_checked()
        expect(switch).to_be_disabled()
        expect(page.get_by_text("DOMOV_OFFLINE")).to_be_visible()
        expect(page.get_by_role("heading", name="Nothing ever left")).to_be_visible()
        visitor.close()
        visitor.opened.clear()
