"""The chat as people use it: with a real model where that matters, else with one that says what it was told."""

import re
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.api.conftest import Server
from tests.conftest import STARTER
from tests.page.chats import Chats
from tests.page.conftest import PHONE, SECOND, Look, Visitor, axe, home_with_starter, restarted

LONG = "Write a very long story about a house at the end of a valley, with many chapters."
RICH = """## A small tour

Plain words with **bold**, *italic*, `code` and $e^{i\\pi} + 1 = 0$.

- one thing
- another thing
  1. and a part of it

| Model | Size | Speed |
| :--- | ---: | ---: |
| smollm2:135m | 0.1 GB | 97 tok/s |
| qwen3:4b | 2.5 GB | 11 tok/s |

```python
def cache_bytes(layers: int) -> int:
    # two bytes a value
    return layers * 2 * 1024
```

> Data stays on the device.

$$
\\int_0^1 x^2\\,dx = \\frac{1}{3}
$$

See [the page](https://example.org/x) and ![a cat](https://example.org/cat.png).
"""


def composer(page: Page) -> Locator:
    return page.get_by_role("textbox", name=re.compile("Your question|Vaše otázka"))


def ask(page: Page, question: str) -> None:
    composer(page).fill(question)
    composer(page).press("Enter")


def add_file(page: Page, name: str, media_type: str, content: bytes) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Add files").click()
    chooser.value.set_files({"name": name, "mimeType": media_type, "buffer": content})


def answers(page: Page, status: str = "done") -> Locator:
    return page.locator(f'article[data-status="{status}"]')


def test_a_question_is_answered_kept_and_found_again(server: Server, visitor: Visitor, look: Look) -> None:
    page = visitor.open(server)
    look(page, "chat-new-dark")
    ask(page, "Say hello to Anna in one short sentence.")
    expect(answers(page)).to_contain_text("tok/s", timeout=60_000)
    expect(answers(page)).to_contain_text("at home")
    expect(page).to_have_url(re.compile(r"/home/chat/chat_\w+$"))
    expect(composer(page)).to_be_focused()
    history = page.get_by_role("region", name="Chats")
    expect(history).to_contain_text("Say hello to Anna")
    page.reload()
    expect(answers(page)).to_contain_text("tok/s")
    assert axe(page) == []
    look(page, "chat-answered-dark")


def test_an_answer_is_stopped_by_escape_and_gone_on_with(server: Server, visitor: Visitor) -> None:
    page = visitor.open(server)
    ask(page, LONG)
    running = answers(page, "running")
    expect(running.locator(".prose")).to_be_visible(timeout=60_000)
    page.keyboard.press("Escape")
    stopped = answers(page, "stopped")
    expect(stopped).to_contain_text("Stopped.")
    before = stopped.locator(".prose").inner_text()
    stopped.get_by_role("button", name="Go on", exact=True).click()
    expect(running).to_be_visible()
    expect(running.locator(".prose")).to_contain_text(before[:40])
    page.keyboard.press("Escape")
    expect(stopped).to_be_visible()


def test_an_answer_goes_on_while_the_page_is_away(server: Server, visitor: Visitor) -> None:
    page = visitor.open(server)
    ask(page, LONG)
    expect(answers(page, "running").locator(".prose")).to_be_visible(timeout=60_000)
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    prose = answers(page, "running").locator(".prose")
    expect(prose).to_be_visible()
    before = len(prose.inner_text())
    page.wait_for_function("n => document.querySelector('.prose').innerText.length > n", arg=before)
    page.keyboard.press("Escape")
    expect(answers(page, "stopped")).to_be_visible()


def test_a_server_that_is_restarted_under_the_page_keeps_what_was_written(
    starter_home: Path, tmp_path: Path, visitor: Visitor
) -> None:
    with home_with_starter(starter_home, tmp_path) as home, restarted(home) as first:
        page = visitor.open(first.server)
        visitor.watched(page).expected = (
            "ERR_CONNECTION_REFUSED",
            "ERR_INCOMPLETE_CHUNKED",
            "ERR_CONNECTION_RESET",
            "ERR_EMPTY",
        )
        ask(page, LONG)
        expect(answers(page, "running").locator(".prose")).to_be_visible(timeout=60_000)
        composer(page).fill("what I was typing")
        page.wait_for_timeout(1500)  # answers and drafts are kept about every second
        first.kill()
        expect(page.get_by_text("Domov does not answer.")).to_be_visible()
        first.start()
        interrupted = answers(page, "interrupted")
        expect(interrupted).to_contain_text("The server was restarted here.", timeout=30_000)
        assert len(interrupted.locator(".prose").inner_text()) > 20
        expect(composer(page)).to_have_value("what I was typing")
        expect(page.get_by_text("Domov does not answer.")).not_to_be_visible()


def test_a_model_that_dies_in_mid_answer_leaves_what_it_wrote_and_can_be_asked_again(
    server: Server, visitor: Visitor
) -> None:
    page = visitor.open(server)
    ask(page, LONG)
    expect(answers(page, "running").locator(".prose")).to_be_visible(timeout=60_000)
    page.wait_for_timeout(500)
    for worker in psutil.Process(server.process.pid).children(recursive=True):
        worker.kill()
    failed = answers(page, "failed")
    expect(failed.get_by_role("alert")).to_be_visible(timeout=30_000)
    assert len(failed.locator(".prose").inner_text()) > 10
    failed.get_by_role("alert").get_by_role("button").click()
    expect(answers(page, "running")).to_be_visible()
    page.keyboard.press("Escape")
    expect(answers(page, "stopped")).to_be_visible(timeout=60_000)


def test_an_edited_question_is_a_branch_of_its_own(echo: Server, visitor: Visitor) -> None:
    page = visitor.open(echo)
    ask(page, "one apple")
    expect(answers(page)).to_contain_text("one apple")
    composer(page).press("ArrowUp")
    page.get_by_role("textbox", name="Edit the question").fill("two pears")
    page.keyboard.press("Enter")
    expect(answers(page)).to_contain_text("two pears")
    branches = page.get_by_role("group", name="Alternatives")
    expect(branches).to_contain_text("2/2")
    branches.get_by_role("button", name="The one before").click()
    expect(answers(page)).to_contain_text("one apple")
    page.reload()
    expect(answers(page)).to_contain_text("one apple")


def test_an_answer_is_made_again_beside_the_first(echo: Server, visitor: Visitor) -> None:
    page = visitor.open(echo)
    ask(page, "once more")
    page.get_by_role("button", name="Answer again").click()
    page.get_by_role("menuitem", name=SECOND).click()
    expect(page.get_by_role("group", name="Alternatives")).to_contain_text("2/2")
    expect(answers(page)).to_contain_text(SECOND)


def test_a_chat_goes_on_from_any_message_as_a_copy(echo: Server, visitor: Visitor) -> None:
    page = visitor.open(echo)
    ask(page, "first thing")
    expect(answers(page)).to_have_count(1)
    ask(page, "second thing")
    expect(answers(page)).to_have_count(2)
    address = page.url
    answers(page).first.hover()
    answers(page).first.get_by_role("button", name="Go on from here in a new chat").click()
    page.wait_for_url(lambda url: url != address)
    expect(answers(page)).to_have_count(1)


def test_everything_is_done_by_keyboard_alone(echo: Server, visitor: Visitor) -> None:
    page = visitor.open(echo)
    expect(composer(page)).to_be_focused()
    page.keyboard.type("hedgehogs in winter")
    page.keyboard.press("Enter")
    expect(answers(page)).to_contain_text("hedgehogs")
    page.keyboard.press("Control+Shift+O")
    expect(page).to_have_url(f"{echo.url}/")
    page.keyboard.type("a line")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("and another")
    expect(composer(page)).to_have_value("a line\nand another")
    page.keyboard.press("Control+k")
    page.keyboard.type("hedgehogs")
    page.get_by_role("option", name=re.compile("hedgehogs")).first.wait_for()
    page.keyboard.press("Enter")
    expect(answers(page)).to_contain_text("hedgehogs")
    page.keyboard.press("Control+.")
    expect(page.get_by_role("complementary", name="Settings of this chat")).to_be_visible()


def test_what_is_typed_is_there_again(echo: Server, visitor: Visitor) -> None:
    page = visitor.open(echo)
    composer(page).fill("half a thought")
    page.reload()
    expect(composer(page)).to_have_value("half a thought")
    composer(page).press("Enter")
    expect(answers(page)).to_be_visible()
    composer(page).fill("another half")
    page.get_by_role("link", name="New chat").click()
    expect(composer(page)).to_have_value("")
    page.go_back()
    expect(composer(page)).to_have_value("another half")


def test_what_was_typed_is_there_again_before_the_server_knows(echo: Server, visitor: Visitor) -> None:
    page = visitor.open(echo)
    ask(page, "one question")
    expect(answers(page)).to_be_visible()
    page.route("**/api/domov/chats/*", lambda route: route.fallback() if route.request.method != "PATCH" else None)
    composer(page).fill("half a thought")
    page.get_by_role("link", name="New chat").click()
    expect(composer(page)).to_have_value("")
    page.go_back()
    expect(composer(page)).to_have_value("half a thought")


def test_a_temporary_chat_is_in_no_list(echo: Server, visitor: Visitor) -> None:
    page = visitor.open(echo)
    page.get_by_role("button", name="Temporary chat").click()
    ask(page, "nobody needs to know")
    expect(answers(page)).to_contain_text("nobody")
    expect(page.get_by_role("region", name="Chats")).not_to_contain_text("nobody")


def test_files_go_with_a_question(echo: Server, visitor: Visitor) -> None:
    page = visitor.open(echo)
    add_file(page, "notes.md", "text/markdown", b"# Boiler\n\nSet it to 55.")
    expect(page.get_by_text(re.compile(r"about \d+ tokens"))).to_be_visible()
    ask(page, "What does it say?")
    expect(page.get_by_role("article", name="You")).to_contain_text("notes.md")


def test_a_question_that_could_not_be_asked_is_there_again_with_its_files(echo: Server, visitor: Visitor) -> None:
    page = visitor.open(echo)
    visitor.watched(page).expected = ("503",)
    add_file(page, "notes.md", "text/markdown", b"# Boiler")
    expect(page.get_by_text(re.compile(r"about \d+ tokens"))).to_be_visible()
    page.route("**/messages", lambda route: route.fulfill(status=503, json={"error": {"message": "Not now."}}))
    ask(page, "What does it say?")
    expect(page.get_by_text("Not now.")).to_be_visible()
    expect(composer(page)).to_have_value("What does it say?")
    expect(page.get_by_text("notes.md")).to_be_visible()
    page.unroute("**/messages")
    composer(page).press("Enter")
    expect(page.get_by_role("article", name="You")).to_contain_text("notes.md")


def test_a_file_that_can_not_be_read_says_why_where_it_stands(echo: Server, visitor: Visitor) -> None:
    page = visitor.open(echo)
    visitor.watched(page).expected = ("400",)
    add_file(page, "broken.pdf", "application/pdf", b"%PDF-1.4 nothing")
    expect(page.get_by_role("alert")).to_contain_text("broken.pdf")
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_disabled()


def test_a_chat_begins_with_the_model_it_was_asked_for(echo: Server, visitor: Visitor) -> None:
    page = visitor.open(echo, "/home/models")
    for model in (SECOND, STARTER):
        page.get_by_role("button", name=f"More for {model}").click()
        page.get_by_role("menuitem", name="Chat with it").click()
        expect(page.get_by_role("button", name=f"Model: {model}")).to_be_visible()
        page.get_by_role("link", name="Models").click()


def test_a_chat_is_renamed_filed_and_deleted(echo: Server, visitor: Visitor) -> None:
    chat, _ = Chats(echo).ask("tidy me up")
    page = visitor.open(echo, f"/home/chat/{chat}")
    history = page.get_by_role("region", name="Chats")

    def choose(*names: str) -> None:
        page.get_by_role("main").get_by_role("button", name="This chat", exact=True).click()
        for name in names:
            page.get_by_role("menuitem", name=name, exact=True).click()

    choose("Rename")
    page.get_by_role("textbox", name="Title").fill("All tidy")
    page.keyboard.press("Enter")
    expect(history).to_contain_text("All tidy")
    choose("Folder", "New folder")
    page.get_by_role("textbox", name="Name of the folder").fill("House")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for(state="detached")
    history.get_by_role("button", name="Filter, import, export").click()
    page.get_by_role("menuitem", name="House 1").click()
    expect(history.get_by_role("listitem")).to_have_count(1)
    choose("Delete chat")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page).to_have_url(f"{echo.url}/")
    expect(history).not_to_contain_text("All tidy")


def test_a_chat_is_taken_along_as_a_file(echo: Server, visitor: Visitor) -> None:
    chat, _ = Chats(echo).ask("take me along")
    page = visitor.open(echo, f"/home/chat/{chat}")
    page.get_by_role("main").get_by_role("button", name="This chat", exact=True).click()
    page.get_by_role("menuitem", name="Export").click()
    with page.expect_download() as found:
        page.get_by_role("menuitem", name="Markdown").click()
    assert "take me along" in found.value.path().read_text("utf-8")


@pytest.mark.parametrize(("language", "theme"), [("en", "dark"), ("en", "light"), ("cs", "dark")])
def test_markdown_is_drawn_and_axe_finds_nothing(
    echo: Server, visitor: Visitor, look: Look, language: str, theme: str
) -> None:
    chat = Chats(echo).showing(RICH)
    page = visitor.open(echo, f"/home/chat/{chat}", language=language, theme=theme)
    expect(page.locator(".katex").first).to_be_visible()
    expect(page.locator(".hljs-keyword").first).to_be_visible()
    expect(page.get_by_role("table")).to_be_visible()
    assert page.locator("article img").count() == 0
    assert page.get_by_role("link", name="example.org").get_attribute("rel") == "noopener noreferrer nofollow"
    assert axe(page) == []
    look(page, f"chat-rich-{language}-{theme}")


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_phone_has_everything(echo: Server, visitor: Visitor, look: Look, theme: str) -> None:
    chat = Chats(echo).showing(RICH)
    page = visitor.open(echo, f"/home/chat/{chat}", size=PHONE, language="cs", theme=theme)
    expect(page.locator(".katex").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    assert axe(page) == []
    look(page, f"chat-phone-{theme}")
    page.get_by_role("button", name="Nastavení rozhovoru").click()
    expect(page.get_by_role("dialog", name="Nastavení rozhovoru")).to_be_visible()
    assert axe(page) == []
    look(page, f"chat-phone-settings-{theme}")


def test_settings_hold_for_the_next_answer(echo: Server, visitor: Visitor, look: Look) -> None:
    page = visitor.open(echo, theme="light")
    page.get_by_role("button", name="Settings of this chat").click()
    page.get_by_role("textbox", name="Instructions").fill("Be brief.")
    page.get_by_role("spinbutton", name="Longest answer").fill("2")
    page.wait_for_timeout(700)  # settings are taken when one pauses
    ask(page, "one two three four")
    expect(answers(page)).to_contain_text("one two")
    expect(answers(page)).not_to_contain_text("three")
    expect(answers(page)).to_contain_text("It ended at the most tokens")
    look(page, "chat-settings-light")
