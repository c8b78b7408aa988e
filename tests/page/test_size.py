"""Long chats and long answers stay quick: only what is seen exists, and nothing is read twice."""

from typing import Any

from playwright.sync_api import Page, expect

from tests.api.conftest import Server
from tests.page.chats import Chats
from tests.page.conftest import Visitor

MANY = 2000
MOST_SHOWN = 60
LONGEST_TASK_MS = 1500  # on a machine that does much else; a chat that draws all its messages takes many times that
WATCH = """
window.tasks = [];
const note = list => list.getEntries().forEach(entry => tasks.push(entry.duration));
new PerformanceObserver(note).observe({entryTypes: ['longtask']});
"""


def scrolled(page: Page, to: str) -> Any:
    return page.evaluate(f"document.querySelector('section[aria-label=Conversation]').scrollTop = {to}")


def test_a_chat_of_two_thousand_messages_shows_only_what_is_seen(echo: Server, visitor: Visitor) -> None:
    chat = Chats(echo).many(MANY)
    page = visitor.open(echo)
    page.evaluate(WATCH)
    page.get_by_role("link", name=f"{MANY} messages").click()
    expect(page.get_by_text(f"Message {MANY - 1}.")).to_be_visible()
    assert page.locator("article").count() < MOST_SHOWN
    for step in range(10):
        scrolled(page, f"{step} * 20000")
        page.wait_for_timeout(50)
        assert 0 < page.locator("article").count() < MOST_SHOWN
    scrolled(page, "0")
    expect(page.get_by_text("Message 0.")).to_be_visible()
    page.get_by_role("button", name="To the end").click()
    expect(page.get_by_text(f"Message {MANY - 1}.")).to_be_visible()
    assert max(page.evaluate("tasks"), default=0) < LONGEST_TASK_MS
    assert page.url.endswith(chat)
