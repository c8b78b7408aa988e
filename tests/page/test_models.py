"""The screen of models, on a real server: found on a hub, fetched, loaded, given parameters, unloaded, deleted."""

import json
import tomllib

import pytest
from playwright.sync_api import Page, expect

from tests.hub import WAIT_SECONDS, Fault
from tests.page.conftest import PATIENCE_MS, PHONE, ROOT, Look, Visitor, axe
from tests.page.stocked import Stocked, stocked

__all__ = ("stocked",)
TABS = {"en": ("Here", "Catalogue", "Search the hub"), "cs": ("Tady", "Katalog", "Hledat v hubu")}


def search(page: Page, words: str) -> None:
    page.get_by_role("tab", name="Search the hub").click()
    page.get_by_label("Models on Hugging Face").fill(words)
    page.get_by_role("button", name="Search", exact=True).last.click()


def test_a_model_is_found_fetched_loaded_unloaded_and_deleted(stocked: Stocked, visitor: Visitor, look: Look) -> None:
    page = visitor.open(stocked.server, "/home/models")
    search(page, "user/small")
    page.get_by_role("button", name="All sizes, and whether they fit").click()
    variants = page.get_by_role("list", name="Sizes of hf.co/user/small")
    expect(variants.get_by_text("fits")).to_have_count(2)
    look(page, "models-hub")
    assert axe(page) == []
    page.get_by_role("button", name="Fetch hf.co/user/small:Q8_0").click()
    expect(variants.get_by_text("here", exact=True)).to_be_visible(timeout=PATIENCE_MS)

    page.get_by_role("tab", name="Here").click()
    page.get_by_role("button", name="Load hf.co/user/small:Q8_0").click()
    expect(page.get_by_text("in memory")).to_be_visible(timeout=PATIENCE_MS)
    look(page, "models-installed")
    assert axe(page) == []
    page.get_by_role("button", name="Unload hf.co/user/small:Q8_0").click()
    expect(page.get_by_role("button", name="Load hf.co/user/small:Q8_0")).to_be_visible()

    page.get_by_role("button", name="More for hf.co/user/small:Q8_0").click()
    page.get_by_role("menuitem", name="Delete").click()
    dialog = page.get_by_role("dialog", name="Delete hf.co/user/small:Q8_0?")
    expect(dialog).to_be_visible()
    assert axe(page) == []
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name="Load hf.co/user/small:Q8_0")).to_have_count(0)


def test_the_queue_shows_the_rest_and_is_paused_gone_on_with_and_cancelled(
    stocked: Stocked, visitor: Visitor, look: Look
) -> None:
    page = visitor.open(stocked.server, "/home/models")
    search(page, "user/held")
    page.get_by_role("button", name="All sizes, and whether they fit").click()
    fetch = page.get_by_role("button", name="Fetch hf.co/user/held:Q8_0")
    expect(fetch).to_be_visible()  # the header was read, which is a download as well
    stocked.hub.fail("/cdn/user/held", Fault(hold_after=300_000), Fault(hold_after=100_000))
    fetch.click()
    assert stocked.hub.held.wait(WAIT_SECONDS)
    queue = page.get_by_role("region", name="On their way")
    expect(queue).to_contain_text("300 kB of")
    look(page, "models-downloads")
    assert axe(page) == []
    queue.get_by_role("button", name="Pause hf.co/user/held:Q8_0").click()
    expect(queue).to_contain_text("paused")
    page.reload()
    expect(queue).to_contain_text("paused")
    queue.get_by_role("button", name="Go on with hf.co/user/held:Q8_0").click()
    expect(queue.get_by_role("button", name="Pause hf.co/user/held:Q8_0")).to_be_visible()
    queue.get_by_role("button", name="Cancel hf.co/user/held:Q8_0").click()
    page.get_by_role("button", name="Cancel the download").click()
    expect(queue).to_have_count(0)
    stocked.hub.release.set()


def test_offline_a_pull_is_refused_where_it_was_asked_for(stocked: Stocked, visitor: Visitor) -> None:
    stocked.switch(offline=True)
    before = len(stocked.hub.requests)
    page = visitor.open(stocked.server, "/home/models")
    visitor.watched(page).expected = ("503",)
    page.get_by_role("tab", name="Catalogue").click()
    page.get_by_role("button", name="Fetch qwen3:0.6b").first.click()
    queue = page.get_by_role("region", name="On their way")
    expect(queue).to_contain_text("offline mode is on")
    search(page, "user/small")
    expect(page.get_by_role("alert").filter(has_text="offline mode is on").last).to_be_visible()
    assert len(stocked.hub.requests) == before
    queue.get_by_role("button", name="Cancel qwen3:0.6b").click()
    expect(queue).to_have_count(0)
    stocked.switch(offline=False)


def test_a_model_is_given_parameters_by_keyboard_and_wrong_ones_are_named(stocked: Stocked, visitor: Visitor) -> None:
    page = visitor.open(stocked.server, "/home/models")
    visitor.watched(page).expected = ("400",)
    page.get_by_role("button", name="More for smollm2:135m").focus()
    page.keyboard.press("Enter")
    page.get_by_role("menuitem", name="Parameters").press("Enter")
    dialog = page.get_by_role("dialog", name="Parameters of smollm2:135m")
    dialog.get_by_label("Temperature").fill("9")
    assert axe(page) == []
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("temperature can't be 9")
    dialog.get_by_label("Temperature").fill("0,3")
    dialog.get_by_label("System prompt").fill("Be short.")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("own parameters")).to_be_visible()


@pytest.mark.parametrize(("language", "theme", "size"), [("en", "light", (1280, 800)), ("cs", "dark", PHONE)])
def test_the_catalogue_reads_well(
    stocked: Stocked, visitor: Visitor, look: Look, language: str, theme: str, size: tuple[int, int]
) -> None:
    page = visitor.open(stocked.server, "/home/models", language=language, theme=theme, size=size)
    page.get_by_role("tab", name=TABS[language][1]).click()
    expect(page.get_by_role("heading", level=2).nth(4)).to_be_visible()
    expect(page.get_by_text("smollm2:135m").first).to_be_visible()
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    look(page, f"models-catalogue-{language}-{theme}-{size[0]}")


def test_what_models_are_for_is_told_in_every_language() -> None:
    entries = tomllib.loads((ROOT / "src/domov/store/catalogue.toml").read_text("utf-8"))["model"]
    told = json.loads((ROOT / "web/src/locales/en/models.json").read_text("utf-8"))["purposes"]
    assert told == {entry["name"]: entry["purpose"].replace("`", "") for entry in entries}
