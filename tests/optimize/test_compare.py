"""The same questions to two models."""

from dataclasses import replace

from domov.app import App
from domov.engine.fake import FakeEngine
from domov.optimize.compare import Pair, compare
from domov.store.models import Model
from tests.optimize.conftest import run


async def test_both_are_asked_the_same_and_answer_side_by_side(workplace: App, starter: Model) -> None:
    other = Model(replace(starter.manifest, name="other:latest"), starter.path)
    opened: list[str] = []

    def open_engine(model: Model) -> FakeEngine:
        opened.append(model.name)
        return FakeEngine(context_tokens=512)

    pairs, told = await run(compare((starter, other), ("One?", "Two?"), open_engine, most_tokens=8))
    assert opened == [starter.name, other.name] and len(told) == 4
    assert [pair.question for pair in pairs] == ["One?", "Two?"]
    assert all(isinstance(pair, Pair) and pair.first.text and pair.first.text == pair.second.text for pair in pairs)
