"""The page's frame: what is sent, what it may do, its parts by keyboard, on every screen, in both themes."""

import asyncio
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from playwright.sync_api import Page, expect

from domov import config
from domov.api import page
from domov.api.page import STATIC
from domov.app import App
from tests.api.conftest import Server
from tests.asgi import call
from tests.page.conftest import PHONE, ROOT, Look, Visitor, axe

MOST_FIRST_LOAD_BYTES = 600_000
REGISTRY = (ROOT / "web/src/screens/registry.ts").read_text("utf-8")
PATHS = ["/", *re.findall(r'path: "(/home/\w+)"', REGISTRY)]


def test_the_page_comes_with_a_strict_policy(server: Server) -> None:
    answer = httpx2.get(server.url, headers={"accept": "text/html"})
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy and "http" not in policy


def test_ollamas_clients_still_hear_what_they_wait_for(server: Server) -> None:
    assert httpx2.get(server.url).text == "Ollama is running"
    assert httpx2.head(server.url, headers={"accept": "text/html"}).status_code == 200


def test_only_the_pages_own_paths_give_the_page(server: Server) -> None:
    browser = {"accept": "text/html"}
    assert httpx2.get(f"{server.url}/home/anything/at/all", headers=browser).text.startswith("<!doctype html>")
    for path in ("/api/domov/nothing", "/assets/nothing.js", "/nothing", "/v1/nothing", "/sw.js.map"):
        answer = httpx2.get(server.url + path, headers=browser)
        assert answer.status_code == 404, path
        assert answer.json()["error"], path


def test_built_files_are_kept_for_ever_and_the_page_is_asked_for_anew(server: Server) -> None:
    first = httpx2.get(server.url, headers={"accept": "text/html"})
    assert first.headers["cache-control"] == "no-cache"
    again = httpx2.get(server.url, headers={"accept": "text/html", "if-none-match": first.headers["etag"]})
    assert again.status_code == 304 and not again.content
    for name in re.findall(r"/assets/[\w.\-]+", first.text):
        assert "immutable" in httpx2.get(server.url + name).headers["cache-control"]


@pytest.mark.parametrize("encoding", ["br", "gzip", "identity"])
def test_files_are_sent_packed_as_the_browser_can_read_them(server: Server, encoding: str) -> None:
    text = httpx2.get(server.url, headers={"accept": "text/html"}).text
    script = re.search(r"/assets/index-[\w\-]+\.js", text)
    assert script
    with httpx2.stream("GET", server.url + script[0], headers={"accept-encoding": encoding}) as answer:
        assert answer.headers.get("content-encoding", "identity") == encoding


def test_nothing_in_the_build_points_at_its_sources() -> None:
    names = [path.name for path in STATIC.rglob("*")]
    assert not [name for name in names if name.endswith(".map")]
    assert "sourceMappingURL" not in "".join(path.read_text("utf-8") for path in STATIC.glob("assets/*.js"))
    assert json.loads((STATIC / "manifest.webmanifest").read_text())["start_url"] == "/"


def test_the_first_load_is_small(server: Server, visitor: Visitor) -> None:
    opened = visitor.open(server, language="cs")
    opened.wait_for_load_state("networkidle")
    sizes = opened.evaluate(
        "[...performance.getEntriesByType('resource'), ...performance.getEntriesByType('navigation')]"
        ".map(e => [e.name, e.transferSize])"
    )
    total = sum(size for _, size in sizes)
    assert 50_000 < total < MOST_FIRST_LOAD_BYTES, sorted(sizes, key=lambda row: -row[1])


def settled(opened: Page) -> None:
    """Waits until the screen is there; some keep a stream of events open, so that the network is never idle."""
    expect(opened.get_by_role("main")).to_be_visible()
    expect(opened.locator("[data-loading]")).to_have_count(0)


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("path", PATHS)
def test_axe_finds_nothing(server: Server, visitor: Visitor, look: Look, path: str, theme: str) -> None:
    opened = visitor.open(server, path, theme=theme)
    settled(opened)
    assert axe(opened) == []
    look(opened, f"frame{path.replace('/', '-')}-{theme}")


@pytest.mark.parametrize("path", PATHS)
def test_a_phone_needs_no_sideways_scrolling(server: Server, visitor: Visitor, path: str) -> None:
    opened = visitor.open(server, path, size=PHONE, language="cs")
    settled(opened)
    assert opened.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    assert axe(opened) == []


def test_the_palette_finds_and_does_things_by_keyboard_alone(server: Server, visitor: Visitor) -> None:
    opened = visitor.open(server)
    opened.keyboard.press("Control+k")
    expect(opened.get_by_role("combobox")).to_be_focused()
    opened.keyboard.type("theme light")
    opened.keyboard.press("Enter")
    expect(opened.locator("html")).to_have_attribute("data-theme", "light")
    opened.keyboard.press("/")
    opened.keyboard.type("čeština")
    opened.keyboard.press("Enter")
    expect(opened.get_by_role("navigation")).to_contain_text("Nový rozhovor")
    expect(opened.locator("html")).to_have_attribute("lang", "cs")
    opened.reload()
    expect(opened.locator("html")).to_have_attribute("lang", "cs")
    expect(opened.locator("html")).to_have_attribute("data-theme", "light")


def test_shortcuts_are_listed_on_a_question_mark(server: Server, visitor: Visitor) -> None:
    opened = visitor.open(server)
    opened.get_by_label("Your question").blur()  # where one writes, it is a question mark
    opened.keyboard.press("?")
    dialog = opened.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_contain_text("Find anything")
    assert axe(opened) == []
    opened.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()


def test_on_a_phone_the_sidebar_is_a_drawer(server: Server, visitor: Visitor) -> None:
    opened = visitor.open(server, size=PHONE)
    expect(opened.get_by_role("navigation")).not_to_be_visible()
    opened.get_by_role("button", name="Open the sidebar").click()
    expect(opened.get_by_role("navigation")).to_be_visible()
    assert axe(opened) == []
    opened.get_by_role("link", name="New chat").click()
    expect(opened.get_by_role("navigation")).not_to_be_visible()


def test_an_address_that_leads_nowhere_says_so(server: Server, visitor: Visitor) -> None:
    opened = visitor.open(server, "/home/nothing-of-the-kind")
    expect(opened.get_by_role("heading", name="Nothing is here").first).to_be_visible()


def test_without_a_build_the_page_says_how_to_make_one(tmp_path: Path) -> None:
    api = FastAPI()
    api.include_router(page.router(App(config.load({"DOMOV_HOME": str(tmp_path)})), tmp_path))
    with ThreadPoolExecutor(1) as beside:  # a browser's event loop lives in this thread
        answer = beside.submit(asyncio.run, call(api, "GET", "/", ("accept", "text/html"))).result()
    assert answer.status == 503
    assert b"make page" in answer.body
