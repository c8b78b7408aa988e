from collections.abc import AsyncIterator

import pytest

from domov.engine.fake import FakeEngine
from domov.engine.speed import Effort, Figure, Measuring, Timing, text_of, timed
from domov.errors import Broken
from domov.types import ChatRequest, Done, Event, Message, Usage

LITTLE = Effort(prompt_tokens=(20, 100, 5000), answer_tokens=8, clients=3, rounds=2)


def test_a_figure_has_its_middle_and_its_ends() -> None:
    figure = Figure((3.0, 1.0, 2.0))
    assert (figure.median, figure.lowest, figure.highest) == (2.0, 1.0, 3.0)


def test_what_was_read_before_and_the_first_token_do_not_count() -> None:
    timing = Timing(2.0, 5.0, Usage(110, 11, cached_tokens=10))
    assert (timing.prompt_speed, timing.decoding_speed) == (50.0, 2.0)


def test_an_answer_of_one_token_has_no_speed() -> None:
    with pytest.raises(Broken, match="too short"):
        _ = Timing(1.0, 0.0, Usage(5, 1)).decoding_speed


def test_texts_of_different_seeds_begin_differently() -> None:
    assert text_of(9, seed=1).split()[0] != text_of(9, seed=2).split()[0]
    assert len(text_of(9, seed=1).split()) == 10


async def test_everything_is_measured_and_what_does_not_fit_is_told() -> None:
    steps: list[str] = []
    engine = FakeEngine(context_tokens=1024, seconds_per_token=0.001)
    report = await Measuring(engine, "m", LITTLE, steps.append).run()
    assert [p.prompt_tokens for p in report.prompts] == [21, 100]  # a word is a token, and the seed is a word
    assert len(report.decoding.samples) == len(report.together.samples) == 2
    assert 0 < report.decoding.median < 1000 < 1024
    assert report.together.median > report.decoding.median  # three at once
    assert "5000 tokens was refused" in report.notes[0]
    assert "writing, 3 clients" in steps


class Silent(FakeEngine):
    async def stream(self, request: object) -> AsyncIterator[Event]:
        yield Done("stop", Usage(3, 0))


async def test_a_model_without_a_word_can_not_be_measured() -> None:
    with pytest.raises(Broken, match="without a word"):
        await timed(Silent(), ChatRequest("m", (Message("user", "Hi"),)))
