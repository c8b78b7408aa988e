"""The screen of documents: files are sent, read or not, found with reasons, opened, deleted."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.api.conftest import Server, serving
from tests.page.conftest import PATIENCE_MS, PHONE, Look, Visitor, axe, home_with_starter

FILES: list[FilePayload] = [
    {"name": "water.txt", "mimeType": "text/plain", "buffer": b"The main water valve is in the cellar, on the left.\n"},
    {
        "name": "heating.md",
        "mimeType": "text/markdown",
        "buffer": "# Topení\n\nÚdržbu topení dělá pan Novák.\n".encode(),
    },
    {"name": "broken.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 and nothing more"},
]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without a model: documents are found by their words alone."""
    home: Path = tmp_path_factory.mktemp("documents")
    with serving(home, DOMOV_WATCH_SECONDS="1") as server:
        yield server


def search(page: Page, words: str) -> None:
    page.get_by_label("Try a search").last.fill(words)
    page.keyboard.press("Enter")


def test_files_are_sent_read_found_with_reasons_and_deleted(empty: Server, visitor: Visitor, look: Look) -> None:
    page = visitor.open(empty, "/home/documents")
    page.get_by_role("button", name="Add documents").click()
    dialog = page.get_by_role("dialog", name="Add documents")
    dialog.get_by_label("Collection").fill("home")
    dialog.get_by_label("Choose files").last.set_input_files(FILES)
    assert axe(page) == []
    dialog.get_by_role("button", name="Add", exact=True).click()
    card = page.get_by_role("region", name="home")
    expect(card).to_contain_text("1 file could not be read", timeout=PATIENCE_MS)
    expect(card).to_contain_text("2 files", timeout=PATIENCE_MS)
    card.get_by_text("1 file could not be read").click()
    expect(card).to_contain_text("broken.pdf")

    search(page, "kdo dělá údržbu topení")
    hits = page.get_by_role("list", name="What was found")
    expect(hits.get_by_role("listitem").first).to_contain_text("by its words: place 1")
    look(page, "documents-search")
    assert axe(page) == []
    hits.get_by_role("button", name="heating.md").click()
    expect(page.get_by_role("dialog", name="heating.md")).to_contain_text("pan Novák")
    assert axe(page) == []
    page.keyboard.press("Escape")

    card.get_by_role("button", name="More for home").click()
    page.get_by_role("menuitem", name="Pause").click()
    expect(card).to_contain_text("paused")
    card.get_by_role("button", name="More for home").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="No documents yet")).to_be_visible()


def test_an_answer_from_documents_shows_its_sources_and_opens_them(
    visitor: Visitor, starter_home: Path, tmp_path: Path
) -> None:
    with home_with_starter(starter_home, tmp_path) as home, serving(home) as server:
        page = visitor.open(server, "/home/documents")
        page.get_by_role("button", name="Add documents").click()
        dialog = page.get_by_role("dialog", name="Add documents")
        dialog.get_by_label("Collection").fill("house")
        dialog.get_by_label("Choose files").last.set_input_files(FILES[:2])
        dialog.get_by_role("button", name="Add", exact=True).click()
        expect(page.get_by_role("region", name="house")).to_contain_text("2 files", timeout=PATIENCE_MS)
        page.goto(server.url)
        page.get_by_role("button", name="From documents").click()
        page.get_by_role("menuitemcheckbox", name="house").click()
        page.keyboard.press("Escape")
        page.get_by_role("textbox").last.fill("Where is the main water valve?")
        page.keyboard.press("Enter")
        answer = page.locator('article[data-status="done"]')
        expect(answer.get_by_role("button", name="water.txt").last).to_be_visible(timeout=60_000)
        answer.get_by_role("button", name="water.txt").last.click()
        expect(page.get_by_role("dialog", name="Source")).to_contain_text("in the cellar, on the left")
        assert axe(page) == []


def test_what_is_refused_is_said_beside_the_file(empty: Server, visitor: Visitor) -> None:
    page = visitor.open(empty, "/home/documents", size=PHONE, theme="light")
    visitor.watched(page).expected = ("400",)
    page.get_by_role("button", name="Add documents").click()
    dialog = page.get_by_role("dialog", name="Add documents")
    program = FilePayload(name="program.exe", mimeType="application/octet-stream", buffer=b"MZ")
    dialog.get_by_label("Choose files").last.set_input_files(program)
    dialog.get_by_label("Folder or file").fill("/etc")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog.get_by_role("alert").filter(has_text="program.exe")).to_contain_text("Not a file that is read")
    expect(dialog.get_by_role("alert").filter(has_text="/etc")).to_contain_text("domov docs add")
    assert axe(page) == []
