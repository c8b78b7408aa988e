"""llama.cpp's native bodies and answers, by an engine without a model."""

from typing import Any

import orjson
import pytest

from domov.api.answers import Collected
from domov.api.llamacpp.completion import Answers, CompletionBody, answers_of, chosen, decode, is_several
from domov.engine.fake import FakeEngine
from domov.errors import BadRequest
from domov.types import CompletionRequest, Done, Event, Progress, TextDelta, Token, Usage

DONE = Done("stop", Usage(7, 3, cached_tokens=2), stop_text="\n")


def body(prompt: Any = "Once", **more: Any) -> CompletionBody:
    return CompletionBody.model_validate({"prompt": prompt, **more})


def answers(asked: CompletionBody, requests: list[CompletionRequest] | None = None) -> Answers:
    return answers_of(asked, requests or [CompletionRequest("m", "Once")], model="m", context_tokens=512)


def told(encoded: bytes) -> Any:
    return orjson.loads(encoded.removeprefix(b"data: "))


@pytest.mark.parametrize(
    ("prompt", "meant", "several"),
    [
        ("Once", ["Once"], False),
        ([1, 2], [(1, 2)], False),
        ([1, "ab", 2], [(1, 97, 98, 2)], False),  # the fake engine's tokens are characters
        (["a", "b"], ["a", "b"], True),
        ([[1, 2], "b"], [(1, 2), "b"], True),
        ({"prompt_string": "Once"}, ["Once"], False),
        ([{"prompt_string": "Once"}], ["Once"], True),
    ],
)
async def test_all_forms_of_a_prompt(prompt: object, meant: list[object], several: bool) -> None:
    requests = await decode(body(prompt), FakeEngine())
    assert [request.prompt for request in requests] == meant
    assert is_several(body(prompt)) is several


async def test_several_answers_to_each_prompt_have_seeds_of_their_own() -> None:
    requests = await decode(body(["a", "b"], n_cmpl=2, seed=5), FakeEngine())
    assert [(r.prompt, r.sampling.seed) for r in requests] == [("a", 5), ("a", 6), ("b", 5), ("b", 6)]


async def test_limits_and_probabilities() -> None:
    (free,) = await decode(body(), FakeEngine())
    (bound,) = await decode(body(n_predict=0, n_probs=3), FakeEngine())
    assert (free.max_tokens, free.top_logprobs) == (None, None)
    assert (bound.max_tokens, bound.top_logprobs) == (0, 3)


@pytest.mark.parametrize(
    "more",
    [
        {"return_tokens": True},
        {"post_sampling_probs": True},
        {"n_indent": 4},
        {"min_keep": 1},
        {"n": 2},
        {"prompt": {"prompt_string": "a", "multimodal_data": ["eA=="]}},
        {"prompt": ["a"] * 100, "n_cmpl": 2},
        {"prompt": [1, *["a"] * 300]},
    ],
)
async def test_what_can_not_be_honoured_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        await decode(body(**more), FakeEngine())


def test_a_whole_answer() -> None:
    table = answers(body(n_predict=3, temperature=0.5)).whole(0, Collected(text=" upon", done=DONE))
    assert (table["content"], table["stop"], table["model"]) == (" upon", True, "m")
    assert (table["stop_type"], table["stopping_word"]) == ("word", "\n")
    assert (table["tokens_evaluated"], table["tokens_predicted"], table["tokens_cached"]) == (7, 3, 2)
    assert table["generation_settings"] == {"n_predict": 3, "temperature": 0.5, "n_ctx": 512, "model": "m"}
    assert table["prompt"] == "Once" and "completion_probabilities" not in table


@pytest.mark.parametrize(
    ("event", "wanted"),
    [
        (TextDelta(" upon"), {"content": " upon", "stop": False}),
        (Progress(4, 8, 2), {"prompt_progress": {"total": 8, "cache": 2, "processed": 4}, "stop": False}),
        (DONE, {"content": "", "stop": True, "stop_type": "word"}),
    ],
)
def test_events_as_chunks(event: Event, wanted: dict[str, Any]) -> None:
    assert told(answers(body()).encode(0, event)).items() >= wanted.items()


def test_the_likeliest_tokens_at_a_place() -> None:
    token = Token("a", 3, -0.5, b"a", (Token("b", 4, -1.0, b"b"),))
    (row,) = told(answers(body(n_probs=1)).encode(0, TextDelta("a", (token,))))["completion_probabilities"]
    assert row["top_logprobs"] == [{"id": 4, "token": "b", "bytes": [98], "logprob": -1.0}]
    assert (row["id"], row["logprob"]) == (3, -0.5)


def test_fields_that_are_wanted() -> None:
    table = {"content": "x", "generation_settings": {"n_predict": 3}}
    assert chosen(table, ["content", "generation_settings/n_predict", "nothing", "content/deeper"]) == {
        "content": "x",
        "n_predict": 3,
    }
    assert chosen(table, None) == table
