"""The best model within a size: what an error costs where, what is chosen, and that it is better than the usual."""

import pytest

from domov.app import App
from domov.cli.shrink import line, points, wish_of
from domov.errors import BadInput, BadOption, Refused
from domov.optimize.budget import Choice
from domov.optimize.plot import Point, svg
from domov.optimize.shrink import (
    CANDIDATES,
    PROBE,
    Plan,
    Shrunk,
    Wish,
    choose,
    groups_of,
    losses,
    shrink,
    types_for,
)
from domov.optimize.texts import Text, builtin_tuning_text
from domov.store.models import Model
from tests.optimize.conftest import run
from tests.optimize.test_evaluate import judging


def test_matrices_of_one_kind_are_sounded_in_three_parts() -> None:
    names = ["token_embd.weight", *(f"blk.{n}.attn_q.weight" for n in range(6))]
    assert groups_of(names, 6) == {
        "token_embd.weight": ["token_embd.weight"],
        "attn_q 0": ["blk.0.attn_q.weight", "blk.1.attn_q.weight"],
        "attn_q 1": ["blk.2.attn_q.weight", "blk.3.attn_q.weight"],
        "attn_q 2": ["blk.4.attn_q.weight", "blk.5.attn_q.weight"],
    }


def test_an_error_costs_what_the_sounding_of_its_group_cost() -> None:
    errors = {"a": {PROBE: 3.0, "Q8_0": 0.3}, "b": {PROBE: 1.0, "Q8_0": 0.1}}
    found = losses(errors, {"group": 0.08}, {"group": ["a", "b"]})
    assert found["a"] == {PROBE: pytest.approx(0.06), "Q8_0": pytest.approx(0.006)}
    assert sum(own[PROBE] for own in found.values()) == pytest.approx(0.08)


CHOICES = [Choice({}, 100, 0.5), Choice({}, 200, 0.05), Choice({}, 300, 0.004)]


def test_a_wish_for_a_size_or_for_a_loss_is_fulfilled() -> None:
    assert choose(CHOICES, Wish(size_bytes=250), 1.0).size_bytes == 200
    assert choose(CHOICES, Wish(loss=0.06), 1.0).size_bytes == 200  # ln(1.06) is 0.058
    assert choose(CHOICES, Wish(loss=0.06), 2.0).size_bytes == 300  # what was foreseen was half of what it was
    with pytest.raises(Refused, match="can't be that small"):
        choose(CHOICES, Wish(size_bytes=99), 1.0)


@pytest.mark.parametrize(
    ("fit", "loss", "wish"),
    [
        ("100MB", None, Wish(size_bytes=100_000_000)),
        ("4 gb", None, Wish(size_bytes=4_000_000_000)),
        ("1.5GB", None, Wish(size_bytes=1_500_000_000)),
        (None, "1%", Wish(loss=0.01)),
        (None, "0.5 %", Wish(loss=0.005)),
    ],
)
def test_a_wish_is_read(fit: str | None, loss: str | None, wish: Wish) -> None:
    assert wish_of(fit, loss) == wish


@pytest.mark.parametrize(
    ("fit", "loss"),
    [(None, None), ("1GB", "1%"), ("much", None), ("-1GB", None), (None, "1"), (None, "0%"), (None, "x%")],
)
def test_what_is_no_wish_is_refused(fit: str | None, loss: str | None) -> None:
    with pytest.raises(BadOption):
        wish_of(fit, loss)


async def test_tuning_and_judging_by_one_text_is_refused(workplace: App, parent: Model) -> None:
    plan = Plan(parent, Wish(loss=0.01), "x:y", judging(), judging())
    with pytest.raises(BadInput, match="are the same"):
        await run(shrink(plan, workplace.workshop))


async def test_a_model_that_fits_is_made_and_measured(workplace: App, tiny: Model) -> None:
    few = ("Q4_0", "Q5_0", "Q8_0")
    without = tuple(kind for kind in CANDIDATES if kind not in few)
    types = types_for(tiny.header(), without)
    assert set(types["blk.0.attn_q.weight"]) == set(few)
    wish = Wish(size_bytes=6_700_000)  # 5.5 to 10 MB are possible
    tuning = Text("reference", builtin_tuning_text().content[:20_000])
    made, told = await run(shrink(Plan(tiny, wish, "fits:x", tuning, judging(), without), workplace.workshop))
    assert isinstance(made, Shrunk)
    size = made.model.manifest.size_bytes
    assert 0.9 * 6_700_000 < size <= 6_700_000 and size == made.chosen.size_bytes
    assert {t.type for t in made.model.header().tensors} <= {"F32", *few}
    lineage = made.model.manifest.lineage
    assert lineage and (lineage.how, lineage.data) == ("shrink", "reference") and "Q4_0 " in lineage.recipe
    assert made.model.shape().quantization in few
    assert made.distance.divergence.value > 0 and len(made.choices) > 5
    assert not list(workplace.models.partial.glob("domov-*"))
    drawn = svg(points(made), line(made), title="a & b")
    assert "a &amp; b" in drawn and "polyline" in drawn and "fits:x" in drawn


async def test_a_loss_that_is_wished_is_kept_on_the_other_text(workplace: App, tiny: Model) -> None:
    tuning = Text("reference", builtin_tuning_text().content[:20_000])
    without = tuple(kind for kind in CANDIDATES if kind not in ("Q4_0", "Q8_0"))
    plan = Plan(tiny, Wish(loss=0.02), "loses:x", tuning, judging(), without)
    made, _ = await run(shrink(plan, workplace.workshop))
    assert made.distance.divergence.value <= 0.0198 and made.model.manifest.size_bytes < tiny.manifest.size_bytes


def test_a_picture_holds_every_point_inside_its_frame() -> None:
    drawn = svg([Point("one", 1e8, 0.5), Point("two", 2e8, 0.001, ours=True)], title="x")
    assert drawn.count("<circle") == 2 and "100 MB" in drawn and "nan" not in drawn
