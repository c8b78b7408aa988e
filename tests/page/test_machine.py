"""The screen of the machine: how busy it is, what is in memory, what it is good for."""

import httpx2
import pytest
from playwright.sync_api import expect

from tests.api.conftest import Server
from tests.conftest import STARTER
from tests.page.conftest import PATIENCE_MS, PHONE, WIDE, Look, Visitor, axe

WORDS = {"en": ("Processor", "What it is good for", "As a table"), "cs": ("Procesor", "Na co stačí", "Jako tabulka")}


@pytest.mark.parametrize(
    ("language", "theme", "size"), [("en", "light", WIDE), ("cs", "dark", PHONE)], ids=["wide", "phone"]
)
def test_what_goes_on_is_shown_and_goes_on(
    server: Server, visitor: Visitor, look: Look, language: str, theme: str, size: tuple[int, int]
) -> None:
    page = visitor.open(server, "/home/machine", language=language, theme=theme, size=size)
    processor, advice, table = WORDS[language]
    expect(page.get_by_role("meter", name=processor)).to_be_visible()
    expect(page.get_by_role("heading", name=advice)).to_be_visible()
    page.get_by_text(table).first.click()
    rows = page.locator("figure").first.locator("tbody tr")
    expect(rows.nth(2)).to_be_visible(timeout=PATIENCE_MS)  # a sample more every two seconds
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    look(page, f"machine-{language}-{theme}-{size[0]}")


def test_a_model_in_memory_is_shown_with_what_it_takes_and_is_unloaded(server: Server, visitor: Visitor) -> None:
    httpx2.post(f"{server.url}/api/domov/load", json={"model": STARTER}, timeout=60).raise_for_status()
    page = visitor.open(server, "/home/machine")
    models = page.get_by_role("region", name="In memory")
    expect(models).to_contain_text(STARTER)
    expect(models).to_contain_text("context of 8,192 tokens")
    models.get_by_role("button", name=f"Unload {STARTER}").click()
    expect(models).to_contain_text("No model is in memory")
