"""The writing room: a person and the starter write a story in turns, in a real browser."""

import re
from collections.abc import Iterator

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.api.conftest import Server
from tests.conftest import STARTER
from tests.page.conftest import PHONE, WIDE, Look, Visitor, axe

START = "It was a dark night in the old house. Mara lit the stove and"
STORY = "/home/writing"
WRITING = {"en": "Write on", "cs": "Pokračovat"}


@pytest.fixture
def story(server: Server) -> Iterator[str]:
    """A story that is begun, by its id; it writes little at once and always the same."""
    settings = {
        "options": {"max_tokens": 12, "temperature": 0.0},
        "story": {
            "memory": "A quiet story about a house in the hills.",
            "note": "Something is heard from the attic.",
            "world": [{"id": "1", "keys": ["Mara"], "text": "Mara is the keeper of the house."}],
        },
    }
    with httpx2.Client(base_url=f"{server.url}/api/domov", timeout=60) as http:
        made = http.post("/chats", json={"kind": "story", "model": STARTER, "settings": settings}).json()["id"]
        http.put(f"/chats/{made}/story", json={"text": START}).raise_for_status()
        yield made
        http.delete(f"/chats/{made}")


def text(page: Page, language: str = "en") -> str:
    return page.get_by_label({"en": "Text of the story", "cs": "Text příběhu"}[language]).input_value()


def written(page: Page, language: str = "en") -> str:
    """The text when the model has written on and is done."""
    expect(page.get_by_role("button", name=WRITING[language], exact=True)).to_be_enabled(timeout=60_000)
    return text(page, language)


def test_a_story_is_begun_written_on_undone_and_tried_again(server: Server, visitor: Visitor) -> None:
    page = visitor.open(server, STORY)
    page.get_by_role("button", name="New story").first.click()
    box = page.get_by_label("Text of the story")
    box.fill(START)
    with page.expect_response(lambda answer: "max_tokens" in (answer.request.post_data or "")) as kept:
        page.get_by_label("Length of a piece").last.fill("12")
    options = {"max_tokens": 12, "temperature": 0}  # at random it may have nothing to add
    httpx2.patch(kept.value.url, json={"settings": {"options": options}}).raise_for_status()
    page.keyboard.press("Control+Enter")
    expect(box).not_to_have_value(START, timeout=60_000)
    first = written(page)
    assert first.startswith(START) and len(first) > len(START)
    page.get_by_role("button", name="Write the last piece again").click()
    expect(page.get_by_text("2 of 2")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Try before").click()
    expect(box).to_have_value(first)
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(box).to_have_value(START)
    page.get_by_role("button", name="Redo", exact=True).click()
    expect(box).not_to_have_value(START)
    page.reload()
    expect(page.get_by_label("Text of the story")).to_have_value(re.compile(re.escape(START)))
    page.get_by_role("button", name="All stories").click()
    expect(page.get_by_role("button", name=re.compile("It was a dark night"))).to_be_visible()


def test_what_is_typed_is_kept_and_there_on_return(server: Server, visitor: Visitor, story: str) -> None:
    page = visitor.open(server, f"{STORY}/{story}")
    box = page.get_by_label("Text of the story")
    expect(box).to_have_value(START)
    with page.expect_response(lambda answer: answer.request.method == "PUT"):
        box.fill(f"{START} waited.")
    page.reload()
    expect(page.get_by_label("Text of the story")).to_have_value(f"{START} waited.")


def test_undoing_in_a_field_leaves_the_story_alone(server: Server, visitor: Visitor, story: str) -> None:
    page = visitor.open(server, f"{STORY}/{story}")
    box = page.get_by_label("Text of the story")
    with page.expect_response(lambda answer: answer.request.method == "PUT"):
        box.fill(f"{START} waited.")
    undo = page.get_by_role("button", name="Undo", exact=True)
    expect(undo).to_be_enabled()
    memory = page.get_by_role("textbox", name="Memory")
    before = memory.input_value()
    memory.focus()
    page.keyboard.press("End")
    page.keyboard.insert_text(" And a cat.")
    page.keyboard.press("Control+z")
    expect(memory).to_have_value(before)
    expect(box).to_have_value(f"{START} waited.")
    box.focus()
    page.keyboard.press("Control+z")
    expect(box).to_have_value("")


def test_a_piece_goes_on_when_the_page_is_closed(server: Server, visitor: Visitor, story: str) -> None:
    chat = f"{server.url}/api/domov/chats/{story}"
    with httpx2.Client(timeout=60) as http:
        settings = {"options": {"max_tokens": 120, "ignore_eos": True}}
        http.patch(chat, json={"settings": settings}).raise_for_status()
        page = visitor.open(server, f"{STORY}/{story}")
        page.get_by_role("button", name="Write on", exact=True).click()
        expect(page.get_by_role("button", name="Stop")).to_be_visible()
        page.goto("about:blank")
        page.goto(f"{server.url}{STORY}/{story}")
        whole = written(page)
        assert http.get(f"{chat}/story").json()["text"] == whole


def test_what_the_model_sees_is_shown_part_by_part(server: Server, visitor: Visitor, story: str, look: Look) -> None:
    page = visitor.open(server, f"{STORY}/{story}")
    page.get_by_role("tab", name="What the model sees").click()
    for words in ("A quiet story", "Mara is the keeper", "[Author's note: Something is heard", "the old house"):
        expect(page.get_by_role("figure").filter(has_text=words)).to_be_visible(timeout=60_000)
    assert axe(page) == []
    look(page, "writing-seen")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/story/prompt") else None)
    before = page.get_by_role("figure").last.text_content()
    page.get_by_role("button", name="Write on", exact=True).click()
    expect(page.get_by_role("figure").last).not_to_have_text(before or "", timeout=60_000)
    assert len(asked) == 1


def test_another_word_is_chosen_and_written_on_from(server: Server, visitor: Visitor, story: str, look: Look) -> None:
    page = visitor.open(server, f"{STORY}/{story}")
    page.get_by_role("button", name="Write on", exact=True).click()
    first = written(page)
    page.get_by_role("tab", name="Likelihoods").click()
    tokens = page.get_by_role("group", name="Tokens of the last piece").get_by_role("button")
    expect(tokens.first).to_be_visible()
    tokens.nth(2).hover()
    tokens.nth(2).focus()
    page.keyboard.press("ArrowRight")
    expect(tokens.nth(3)).to_be_focused()
    assert axe(page) == []
    look(page, "writing-likelihoods")
    other = page.get_by_role("region", name="What could stand here").get_by_role("button", disabled=False).first
    other.click()
    page.get_by_role("tab", name="Text").click()
    second = written(page)
    assert second.startswith(START) and second != first


def test_the_room_is_set_up_by_hand(server: Server, visitor: Visitor, story: str) -> None:
    page = visitor.open(server, f"{STORY}/{story}")
    page.get_by_role("tab", name="Sampling").click()
    page.get_by_label("Preset", exact=True).select_option("bold")
    page.get_by_label("Banned phrases").fill("shivers down\nher spine")
    page.get_by_role("tab", name="World").click()
    page.get_by_role("button", name="Add an entry").click()
    page.get_by_label("Words", exact=True).last.fill("attic, loft")
    with page.expect_response(lambda answer: "attic is locked" in (answer.request.post_data or "")):
        page.get_by_label("What the model is told").last.fill("The attic is locked.")
    settings = httpx2.get(f"{server.url}/api/domov/chats/{story}").json()["settings"]
    assert settings["options"]["banned_strings"] == ["shivers down", "her spine"]
    assert settings["options"]["xtc_probability"] == 0.5 and settings["options"]["max_tokens"] == 12
    assert settings["story"]["world"][1]["keys"] == ["attic", "loft"] and settings["story"]["memory"]


LOOKS = [("cs", "light", WIDE), ("en", "dark", WIDE), ("cs", "dark", PHONE)]


@pytest.mark.parametrize("shown", LOOKS, ids=lambda shown: "-".join(map(str, shown)))
def test_the_room_is_readable_in_both_languages_and_on_a_phone(
    server: Server, visitor: Visitor, story: str, look: Look, shown: tuple[str, str, tuple[int, int]]
) -> None:
    language, theme, size = shown
    page = visitor.open(server, f"{STORY}/{story}", language=language, theme=theme, size=size)
    expect(page.get_by_role("button", name=WRITING[language], exact=True)).to_be_visible()
    assert text(page, language) == START
    assert axe(page) == []
    look(page, f"writing-{language}-{theme}-{size[0]}")
    if size == PHONE:
        page.get_by_role("button", name="Paměť, svět a výběr slov").click()
    page.get_by_role("tab", name={"cs": "Výběr slov", "en": "Sampling"}[language]).click()
    expect(page.get_by_label({"cs": "Předvolba", "en": "Preset"}[language], exact=True)).to_be_visible()
    look(page, f"writing-{language}-{theme}-{size[0]}-panel")
    assert axe(page) == []
