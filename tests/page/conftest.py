"""Debian's Chromium on a real server. Any foreign request, error of a script or breach of the policy fails a test."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

from domov.api.listening import listen
from domov.api.page import STATIC
from tests.api.conftest import Server, serving
from tests.conftest import STARTER, domov, environment

ROOT = Path(__file__).parent.parent.parent
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
SECOND = "second:135m"
WIDE, PHONE = (1280, 800), (390, 844)
PATIENCE_MS = 20_000
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
AXE_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a browser, a built page or axe these tests are skipped; in CI they fail."""
    parts = {"chromium": CHROMIUM, "the built page": STATIC.is_dir(), "axe-core": AXE.is_file()}
    missing = [name for name, there in parts.items() if not there]
    if missing and not os.environ.get("CI"):
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(
                    pytest.mark.skip(reason=f"no {' and no '.join(missing)}: apt-get install chromium; make page")
                )


@dataclass
class Watched:
    """What a page did that it must not do."""

    origin: str
    foreign: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()  # parts of console errors that a test provokes

    def watch(self, context: BrowserContext) -> None:
        context.on("request", self._request)
        context.on("requestfailed", self._failed)
        context.on("weberror", lambda error: self.errors.append(str(error.error)))
        context.on("console", lambda message: self._console(message.type, message.text))

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.origin, "data:", "blob:", "about:")):
            self.foreign.append(request.url)

    def _failed(self, request: Request) -> None:
        """What the policy stops is told as a request, but never sent."""
        if request.failure == "csp" and request.url in self.foreign:
            self.foreign.remove(request.url)

    def _console(self, kind: str, text: str) -> None:
        if kind == "error":
            self.errors.append(text)

    def check(self) -> None:
        assert not self.foreign, f"the page asked others: {self.foreign}"
        wrong = [error for error in self.errors if not any(part in error for part in self.expected)]
        assert not wrong, "\n".join(wrong)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Of these tests alone: as long as Playwright runs, no test that is a coroutine can."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield running
        running.close()


@dataclass
class Visitor:
    """Opens pages in one browser, each in a profile of its own, and sees to it that they behave."""

    browser: Browser
    opened: list[tuple[BrowserContext, Watched]] = field(default_factory=list)

    def open(
        self,
        server: Server,
        path: str = "/",
        *,
        language: str = "en",
        theme: str = "dark",
        size: tuple[int, int] = WIDE,
    ) -> Page:
        context = self.browser.new_context(
            locale={"en": "en-GB", "cs": "cs-CZ"}[language],
            color_scheme="dark" if theme == "dark" else "light",
            viewport={"width": size[0], "height": size[1]},
            has_touch=size == PHONE,
            reduced_motion="reduce",
            service_workers="block",
        )
        context.set_default_timeout(PATIENCE_MS)
        watched = Watched(server.url)
        watched.watch(context)
        self.opened.append((context, watched))
        page = context.new_page()
        page.goto(server.url + path)
        page.wait_for_selector("main:not([aria-busy=true])")
        return page

    def watched(self, page: Page) -> Watched:
        return next(watched for context, watched in self.opened if context is page.context)

    def close(self) -> None:
        for context, _ in self.opened:
            context.close()
        for _, watched in self.opened:
            watched.check()


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visitor]:
    visiting = Visitor(browser)
    try:
        yield visiting
    finally:
        visiting.close()


@pytest.fixture(scope="session")
def server(starter_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real server with the real starter model, on a home of these tests' own."""
    with home_with_starter(starter_home, tmp_path_factory.mktemp("page")) as home, serving(home) as running:
        yield running


@pytest.fixture(scope="session")
def echo(starter_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with two models that give back what they are told, at once."""
    with (
        home_with_starter(starter_home, tmp_path_factory.mktemp("echo")) as home,
        serving(home, DOMOV_ENGINE="fake") as running,
    ):
        assert domov(home, "cp", STARTER, SECOND).returncode == 0
        yield running


@contextmanager
def home_with_starter(starter_home: Path, folder: Path) -> Iterator[Path]:
    home = folder / "home"
    shutil.copytree(starter_home / "models", home / "models", copy_function=os.link)
    yield home


@dataclass
class Restarted:
    """A server that can be killed and started again at the same address."""

    home: Path
    port: int
    process: "subprocess.Popen[str] | None" = None

    @property
    def server(self) -> Server:
        assert self.process
        return Server(self.port, self.process, self.home)

    def start(self) -> None:
        command = [sys.executable, "-m", "domov", "serve", "--port", str(self.port)]
        self.process = subprocess.Popen(command, env=environment(self.home), stderr=subprocess.PIPE, text=True)
        assert self.process.stderr
        assert f":{self.port}/v1" in self.process.stderr.readline()

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.communicate()
            self.process = None


@contextmanager
def restarted(home: Path) -> Iterator[Restarted]:
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    running = Restarted(home, port)
    running.start()
    try:
        yield running
    finally:
        running.kill()


def axe(page: Page) -> list[str]:
    """What axe finds, as sentences; nothing is what it should be."""
    page.evaluate(AXE.read_text("utf-8"))
    found: list[dict[str, Any]] = page.evaluate("rules => axe.run(document, rules).then(r => r.violations)", AXE_RULES)
    nodes = [(rule, node["html"][:200]) for rule in found for node in rule["nodes"]]
    return [
        f"{rule['id']}: {rule['help']} ({html})"
        for rule, html in nodes
        if not (rule["id"] == "region" and PORTAL in html)
    ]


PORTAL = "data-base-ui-portal"  # what holds a dialog is no region of the page itself
Look = Callable[[Page, str], None]


@pytest.fixture(scope="session")
def look() -> Look:
    """Takes a screenshot into DOMOV_SCREENSHOTS, where that is set (`make screenshots`)."""
    folder = os.environ.get("DOMOV_SCREENSHOTS")

    def take(page: Page, name: str) -> None:
        if folder:
            page.screenshot(path=Path(folder) / f"{name}.png")

    return take
