"""A model's card: its figures with their intervals, its variants' curve, and where it comes from."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlalchemy import insert

from domov import app, config
from domov.meter.usage import USAGE
from tests.api.conftest import LITTLE, Server, little_home, serving
from tests.conftest import domov
from tests.page.conftest import PHONE, Look, Visitor, axe

TYPES = {"Q8_0": (0.004, 90.0), "Q5_1": (0.03, 110.0), "Q4_0": (0.12, 130.0)}  # divergence, tokens a second


def around(value: float, share: float = 0.1) -> dict[str, float]:
    return {"value": value, "low": value * (1 - share), "high": value * (1 + share)}


def card(parent: str, digest: str, divergence: float, speed: float) -> dict[str, Any]:
    """As `domov evaluate` keeps it; the little model writes no text, so it can't be measured itself."""
    whole = {"perplexity_ratio": around(1.02, 0.01), "divergence": around(divergence), "same_top": around(0.9, 0.02)}
    return {
        "date": "2026-11-25T02:00:00Z",
        "machine": "a test, 2 cores",
        "engine": "xllamacpp",
        "text": "a text",
        "text_digest": f"sha256:{'a' * 64}",
        "scored_tokens": 4080,
        "size_bytes": 1000,
        "perplexity": around(15.0),
        "parent": parent,
        "parent_digest": digest,
        "distance": {**whole, "divergence_99": 10 * divergence, "most": 20 * divergence},
        "answers": [["en", {"right": 20, "of": 24, "share": around(0.83)}]],
        "speed": {
            "reading": around(500),
            "prompt_tokens": 512,
            "writing": around(speed),
            "memory_bytes": 200_000_000,
        },
        "notes": ["a note of who measured it"],
    }


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a model and variants that were made of it, each with a card."""
    home = little_home(tmp_path_factory.mktemp("cards"))
    done = domov(home, "quantize", LITTLE, *TYPES, "--json")
    assert done.returncode == 0, done.stderr
    house = app.App(config.load({"DOMOV_HOME": str(home)}))
    parent = house.models.get(LITTLE).manifest
    for name, (divergence, speed) in zip((row["name"] for row in json.loads(done.stdout)), TYPES.values(), strict=True):
        kept = house.models.get(name).manifest
        house.models.add(replace(kept, card=card(parent.name, parent.digest, divergence, speed)))
    counts = {"requests": 2, "failed": 0, "prompt_tokens": 9, "cached_tokens": 0, "answer_tokens": 100, "seconds": 3.0}
    row = {"day": "2026-11-24", "model": f"{LITTLE}-q5_1", "owner": "", **counts, "measured": 2, "joules": 72.0}
    with house.database.transaction() as connection:
        connection.execute(insert(USAGE).values(row))
    with serving(home) as running:
        yield running


@pytest.mark.parametrize(("language", "theme"), [("en", "dark"), ("cs", "light")])
def test_a_card_shows_figures_curves_and_lineage(
    measured: Server, visitor: Visitor, look: Look, language: str, theme: str
) -> None:
    page = visitor.open(measured, f"/home/card/{LITTLE}-q5_1", language=language, theme=theme, size=(1280, 2000))
    figures = page.get_by_role("region", name={"en": "Figures", "cs": "Hodnoty"}[language], exact=True)
    expect(figures).to_contain_text({"en": "0.03 (0.027 to 0.033)", "cs": "0,03 (0,027 až 0,033)"}[language])
    told = {"en": "0.2\u00a0Wh for 1,000 tokens", "cs": "0,2\u00a0Wh na 1\u00a0000 tokenů"}[language]  # its energy
    expect(figures).to_contain_text(told)
    main = page.get_by_role("main")
    expect(main).to_contain_text({"en": "Loss and size", "cs": "Ztráta a velikost"}[language])
    expect(main).to_contain_text("a note of who measured it")
    tables = page.get_by_text({"en": "As a table", "cs": "Jako tabulka"}[language])
    expect(tables).to_have_count(2)
    tables.first.click()
    for kind in ("q8_0", "q5_1", "q4_0"):
        expect(page.get_by_role("cell", name=f"{LITTLE}-{kind}").first).to_be_visible()
    assert axe(page) == []
    look(page, f"card-{theme}-{language}")


def test_the_lineage_leads_to_the_others(measured: Server, visitor: Visitor) -> None:
    page = visitor.open(measured, f"/home/card/{LITTLE}-q4_0")
    page.get_by_role("link", name=LITTLE, exact=True).click()
    expect(page.get_by_role("heading", name="Not measured yet")).to_be_visible()
    expect(page.get_by_role("heading", name=LITTLE, exact=True)).to_be_visible()
    page.get_by_role("combobox", name="Model").select_option(f"{LITTLE}-q8_0")
    expect(page.get_by_role("heading", name=f"{LITTLE}-q8_0", exact=True)).to_be_visible()


def test_a_card_fits_on_a_phone(measured: Server, visitor: Visitor, look: Look) -> None:
    page = visitor.open(measured, f"/home/card/{LITTLE}-q5_1", size=PHONE, language="cs")
    expect(page.get_by_text("Odchylka").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    assert axe(page) == []
    look(page, "card-phone-dark-cs")


def test_a_model_that_is_not_here_says_so(measured: Server, visitor: Visitor) -> None:
    page = visitor.open(measured, "/home/card/nothing%3Aat-all")
    visitor.watched(page).expected = ("404",)
    expect(page.get_by_role("alert")).to_contain_text("No such model: nothing:at-all")
