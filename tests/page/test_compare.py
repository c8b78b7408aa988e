"""Several models on one question."""

import re

from playwright.sync_api import Page, expect

from tests.api.conftest import Server
from tests.conftest import STARTER
from tests.page.conftest import PHONE, SECOND, Look, Visitor, axe


def ask(page: Page, question: str) -> None:
    page.get_by_role("textbox").fill(question)
    expect(page.get_by_role("button", name=re.compile("^(Ask|Zeptat se)$"))).to_be_enabled()
    page.get_by_role("textbox").press("Enter")


def test_models_answer_side_by_side_and_go_on(echo: Server, visitor: Visitor, look: Look) -> None:
    page = visitor.open(echo, "/home/compare")
    look(page, "compare-new-dark")
    ask(page, "which of you")
    for model in (STARTER, SECOND):
        expect(page.get_by_role("article", name=model)).to_contain_text("which of you")
    ask(page, "and now")
    expect(page.get_by_role("article", name=SECOND)).to_have_count(2)
    expect(page.get_by_role("article", name=SECOND).last).to_contain_text("and now")
    assert axe(page) == []
    look(page, "compare-dark")
    page.reload()
    expect(page.get_by_role("article", name=STARTER)).to_have_count(2)


def test_a_question_that_is_refused_leaves_no_chat_behind(echo: Server, visitor: Visitor) -> None:
    page = visitor.open(echo, "/home/compare")
    visitor.watched(page).expected = ("503",)
    before = page.request.get(f"{echo.url}/api/domov/chats").json()["chats"]
    page.route("**/messages", lambda route: route.fulfill(status=503, json={"error": {"message": "Not now."}}))
    with page.expect_response(lambda answer: answer.request.method == "DELETE"):
        ask(page, "is anybody there")
    expect(page.get_by_text("Not now.")).to_be_visible()
    assert page.request.get(f"{echo.url}/api/domov/chats").json()["chats"] == before


def test_a_blind_comparison_names_the_models_after_the_vote(echo: Server, visitor: Visitor, look: Look) -> None:
    page = visitor.open(echo, "/home/compare", theme="light")
    page.get_by_role("switch", name="Blind").click()
    ask(page, "guess who")
    expect(page.get_by_role("article", name="Answer B")).to_contain_text("guess who")
    expect(page.get_by_role("main")).not_to_contain_text(SECOND)
    page.get_by_role("button", name="A", exact=True).click()
    expect(page.get_by_role("article", name=SECOND)).to_be_visible()
    expect(page.get_by_text("better", exact=True)).to_have_count(1)
    assert axe(page) == []
    look(page, "compare-voted-light")


def test_columns_fit_on_a_phone(echo: Server, visitor: Visitor, look: Look) -> None:
    page = visitor.open(echo, "/home/compare", size=PHONE, language="cs")
    ask(page, "tady i tam")
    expect(page.get_by_role("article", name=SECOND)).to_contain_text("tady i tam")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    look(page, "compare-phone-dark")
