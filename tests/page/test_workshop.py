"""The workshop: a model is made and compared in the browser; what can't be done says why before it begins."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.api.conftest import LITTLE, Server, little_home, serving
from tests.page.conftest import PHONE, Look, Visitor, axe

LONG_MS = 120_000  # a job begins a process of its own


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with one small model, in which jobs take a moment."""
    with serving(little_home(tmp_path_factory.mktemp("shop"))) as running:
        yield running


def settled(page: Page) -> Page:
    expect(page.get_by_role("list").first).to_be_visible()
    return page


def test_a_model_is_made_from_the_form_to_the_result(shop: Server, visitor: Visitor, look: Look) -> None:
    page = settled(visitor.open(shop, "/home/workshop"))
    assert axe(page) == []
    look(page, "workshop-empty-dark")
    page.get_by_role("link", name=re.compile("^Quantize")).click()
    page.get_by_label("Type", exact=True).select_option("Q8_0")
    takes = page.get_by_role("complementary", name="What it takes")
    expect(takes).to_contain_text("kB")
    assert axe(page) == []
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("heading", name="Result")).to_be_visible(timeout=LONG_MS)
    expect(page.get_by_role("main")).to_contain_text(f"{LITTLE}-q8_0")
    assert axe(page) == []
    look(page, "workshop-done-dark")
    page.get_by_role("link", name="Card").click()
    expect(page.get_by_role("heading", name="Not measured yet")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("Quantized: Q8_0")
    page.goto(f"{shop.url}/home/workshop")
    row = page.get_by_role("listitem").filter(has_text=f"Made {LITTLE}-q8_0")
    row.get_by_role("button", name="Remove from the list").click()
    expect(page.get_by_text("No jobs yet")).to_be_visible()


def test_what_is_doubtful_must_be_agreed_to(shop: Server, visitor: Visitor) -> None:
    page = visitor.open(shop, f"/home/workshop/new/quantize?model={LITTLE}&name={LITTLE}")
    expect(page.get_by_text("will be replaced")).to_be_visible()
    start = page.get_by_role("button", name="Start")
    expect(start).to_be_disabled()
    page.get_by_role("switch", name="Go on all the same").click()
    expect(start).to_be_enabled()
    page.get_by_label("Name of the new model").fill("another:one")
    expect(page.get_by_text("will be replaced")).not_to_be_visible()


def test_what_can_not_be_done_says_why_before_it_begins(shop: Server, visitor: Visitor) -> None:
    page = visitor.open(shop, f"/home/workshop/new/evaluate?model={LITTLE}")
    visitor.watched(page).expected = ("400",)
    expect(page.get_by_role("alert")).to_contain_text("writes no text")
    expect(page.get_by_role("button", name="Start")).to_be_disabled()


def test_a_waiting_job_is_paused_goes_on_and_is_cancelled(shop: Server, visitor: Visitor) -> None:
    order = {"kind": "quantize", "parameters": {"model": LITTLE, "type": "Q4_0"}}
    id = httpx2.post(f"{shop.url}/api/domov/jobs", json=order).json()["id"]
    httpx2.post(f"{shop.url}/api/domov/jobs/{id}/pause")
    page = settled(visitor.open(shop, f"/home/workshop/{id}", language="cs", theme="light"))
    if page.get_by_text("pozastaveno").count():  # it was not done before it was paused
        page.get_by_role("button", name="Zrušit úlohu").click()
        page.get_by_role("dialog").get_by_role("button", name="Zrušit úlohu").click()
        expect(page.get_by_text("zrušeno", exact=True)).to_be_visible()
    page.get_by_role("button", name="Odebrat ze seznamu").click()
    expect(page.get_by_role("heading", name="Úlohy")).to_be_visible()


@pytest.mark.parametrize("path", ["", "/new/quantize", "/new/shrink", "/new/compare", "/new/calibrate"])
def test_every_form_works_on_a_phone_in_czech(shop: Server, visitor: Visitor, look: Look, path: str) -> None:
    page = visitor.open(shop, f"/home/workshop{path}", size=PHONE, language="cs", theme="light")
    page.wait_for_load_state("load")
    expect(page.get_by_role("main")).to_contain_text(re.compile("Co to bude stát|Úlohy"))
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    assert axe(page) == []
    look(page, f"workshop{path.replace('/', '-')}-phone-light-cs")


def test_without_models_it_says_what_to_do(visitor: Visitor, tmp_path: Path) -> None:
    with serving(tmp_path) as empty:
        page = visitor.open(empty, "/home/workshop/new/quantize")
        expect(page.get_by_role("heading", name="No models yet")).to_be_visible()
        visitor.close()
        visitor.opened.clear()
