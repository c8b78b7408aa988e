"""What only a real model can show: tools, reasoning, gaps, figures, texts that must not come."""

import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from domov.engine.launch import Endpoint, Launch
from domov.engine.llamacpp import LlamaCpp
from domov.errors import BadRequest
from domov.options import ModelOptions
from domov.store.models import Model
from domov.types import (
    Adapter,
    ChatRequest,
    CompletionRequest,
    Done,
    Event,
    Message,
    Progress,
    ReasoningDelta,
    Sampling,
    TextDelta,
    Tool,
    ToolCall,
    ToolCallDelta,
)
from tests import gguf_files, model_files

LIKELIEST = Sampling(temperature=0.0)
QUESTION = (Message("user", "What is the weather in Paris?"),)
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool("get_weather", "The weather of a city.", {**CITY, "additionalProperties": False})
TREE = {
    "type": "object",
    "properties": {"top": {"$ref": "#/$defs/node"}},
    "required": ["top"],
    "additionalProperties": False,
    "$defs": {"node": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}},
}
PLANT = Tool("plant", "Plants a tree.", TREE)


def engine_of(path: Path, task: str = "chat", *, context_tokens: int = 1024) -> LlamaCpp:
    launch = Launch(
        str(path), Endpoint(None), context_tokens=context_tokens, threads=2, parent=1, options=ModelOptions(task=task)
    )
    return LlamaCpp(launch, name=path.name, log=path.with_suffix(".log"))


async def opened(folder: Path, name: str, content: bytes, task: str = "chat") -> AsyncIterator[LlamaCpp]:
    path = folder / name
    path.write_bytes(content)
    engine = engine_of(path, task, context_tokens=64 if task != "chat" else 1024)
    yield engine
    await engine.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
async def plain(starter: Model, folder: Path) -> AsyncIterator[LlamaCpp]:
    """A template that knows neither tools nor reasoning."""
    async for engine in opened(folder, "plain.gguf", starter.path.read_bytes()):
        yield engine


@pytest.fixture(scope="module")
async def thinker(starter: Model, folder: Path) -> AsyncIterator[LlamaCpp]:
    """A template with tools and reasoning."""
    content = model_files.with_template(starter.path.read_bytes(), model_files.TOOLS_AND_THOUGHTS)
    async for engine in opened(folder, "thinker.gguf", content):
        yield engine


@pytest.fixture(scope="module")
async def filler(starter: Model, folder: Path) -> AsyncIterator[LlamaCpp]:
    async for engine in opened(folder, "filler.gguf", model_files.with_gap_marks(starter.path.read_bytes())):
        yield engine


@pytest.fixture(scope="module")
async def encoder(folder: Path) -> AsyncIterator[LlamaCpp]:
    async for engine in opened(folder, "encoder.gguf", gguf_files.bert(), "embedding"):
        yield engine


@pytest.fixture(scope="module")
async def ranker(folder: Path) -> AsyncIterator[LlamaCpp]:
    async for engine in opened(folder, "ranker.gguf", gguf_files.bert(pooling=4), "reranking"):
        yield engine


async def ask(engine: LlamaCpp, request: ChatRequest | CompletionRequest) -> tuple[str, list[Event], Done]:
    events = [event async for event in engine.stream(request)]
    done = events[-1]
    assert isinstance(done, Done)
    return "".join(e.text for e in events if isinstance(e, TextDelta)), events, done


def calls_of(events: list[Event]) -> list[tuple[str, object]]:
    """Name and arguments of each call, put together from its pieces."""
    pieces: dict[int, tuple[str, str]] = {}
    for event in events:
        if isinstance(event, ToolCallDelta):
            name, arguments = pieces.get(event.index, ("", ""))
            assert event.name is None or (event.id and not name)
            pieces[event.index] = (name or event.name or "", arguments + event.arguments)
    assert sorted(pieces) == list(range(len(pieces)))
    return [(name, orjson.loads(arguments)) for name, arguments in pieces.values()]


def chat(messages: tuple[Message, ...] = QUESTION, **more: object) -> ChatRequest:
    return ChatRequest("m", messages, **{"sampling": LIKELIEST, "max_tokens": 120, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize("choice", ["required", "=get_weather"])
async def test_a_tool_that_must_be_called_is(plain: LlamaCpp, thinker: LlamaCpp, choice: str) -> None:
    for engine in (plain, thinker):
        text, events, done = await ask(engine, chat(tools=(PLANT, WEATHER), tool_choice=choice, thinking=False))
        ((name, arguments),) = calls_of(events)
        assert (text, done.reason) == ("", "tool_calls")
        assert choice == "required" or name == "get_weather"
        assert isinstance(arguments, dict) and arguments


async def test_a_schema_that_refers_to_itself_keeps_its_meaning_as_a_tools_parameters(plain: LlamaCpp) -> None:
    _, events, _ = await ask(plain, chat(tools=(WEATHER, PLANT), tool_choice="=plant"))
    ((_, arguments),) = calls_of(events)
    assert isinstance(arguments, dict) and isinstance(arguments["top"]["n"], int)


async def test_without_the_need_a_model_calls_or_speaks_and_never_in_json(plain: LlamaCpp) -> None:
    text, events, done = await ask(plain, chat(tools=(WEATHER,), max_tokens=150))
    assert bool(text) != bool(calls_of(events))
    assert not text.startswith("{")
    assert done.reason in ("tool_calls", "stop", "length")


async def test_several_calls_in_one_answer_only_where_they_may_be(plain: LlamaCpp) -> None:
    asked: dict[str, Any] = {"tools": (WEATHER,), "tool_choice": "required", "max_tokens": 300}
    messages = (Message("user", "The weather in Paris, in Rome and in Oslo?"),)
    _, events, done = await ask(plain, chat(messages, parallel_tool_calls=True, **asked))
    assert done.reason in ("tool_calls", "length")
    _, events, _ = await ask(plain, chat(messages, parallel_tool_calls=False, **asked))
    assert len(calls_of(events)) == 1


async def test_calls_and_results_reach_a_model_whether_its_template_knows_them_or_not(
    plain: LlamaCpp, thinker: LlamaCpp
) -> None:
    call = Message("assistant", "", tool_calls=(ToolCall("1", "get_weather", '{"city":"Paris"}'),))
    messages = (*QUESTION, call, Message("tool", "hail in the evening", tool_call_id="1"))
    for engine in (plain, thinker):
        prompt = await engine.render(chat(messages, tools=(WEATHER,)))
        assert "hail in the evening" in prompt and '"city"' in prompt and "The weather of a city." in prompt
        assert (await ask(engine, chat(messages, tools=(WEATHER,), max_tokens=3, thinking=False)))[2]


async def test_tools_that_may_not_be_called_are_not(plain: LlamaCpp) -> None:
    _, events, _ = await ask(plain, chat(tools=(WEATHER,), tool_choice="none", max_tokens=10))
    assert not calls_of(events)


@pytest.mark.parametrize("choice", ["=nothing", "required"])
async def test_a_choice_that_names_no_tool_is_refused(plain: LlamaCpp, choice: str) -> None:
    with pytest.raises(BadRequest):
        await ask(plain, chat(tools=(WEATHER,) if choice == "=nothing" else (), tool_choice=choice))


async def test_reasoning_is_apart_from_the_answer_and_kept_to_its_budget(thinker: LlamaCpp) -> None:
    text, events, _ = await ask(thinker, chat(thinking_tokens=6, max_tokens=40))
    reasoning = "".join(e.text for e in events if isinstance(e, ReasoningDelta))
    assert reasoning and text and "think>" not in text + reasoning
    assert len(await thinker.tokenize(reasoning)) <= 8


@pytest.mark.parametrize("off", [{"thinking": False}, {"thinking_tokens": 0}])
async def test_thinking_can_be_turned_off(thinker: LlamaCpp, off: dict[str, Any]) -> None:
    text, events, _ = await ask(thinker, chat(max_tokens=10, **off))
    assert text and not [e for e in events if isinstance(e, ReasoningDelta)]


async def test_a_schema_holds_the_answer_after_reasoning(thinker: LlamaCpp) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    text, events, done = await ask(thinker, chat(thinking_tokens=6, json_schema=schema))
    assert [e for e in events if isinstance(e, ReasoningDelta)]
    assert done.reason == "stop" and isinstance(orjson.loads(text)["n"], int)


async def test_a_grammar_holds_the_answer(plain: LlamaCpp) -> None:
    asked = chat(grammar='root ::= ("yes" | "no") "!"')
    assert (await ask(plain, asked))[0] in ("yes!", "no!")
    completion = CompletionRequest("m", "The sea is", LIKELIEST, max_tokens=9, grammar='root ::= " red"')
    assert (await ask(plain, completion))[0] == " red"


@pytest.mark.parametrize("grammar", ["root ::= nothing", 'root ::= root "a"', "%", "root ::= " + "(" * 5000])
async def test_a_grammar_that_makes_no_sense_is_refused(plain: LlamaCpp, grammar: str) -> None:
    with pytest.raises(BadRequest):
        await ask(plain, chat(grammar=grammar))


async def test_log_probabilities_add_up(plain: LlamaCpp) -> None:
    for asked in (chat(top_logprobs=3, max_tokens=4), CompletionRequest("m", "Hi", top_logprobs=3, max_tokens=4)):
        text, events, _ = await ask(plain, asked)
        tokens = [token for e in events if isinstance(e, TextDelta) for token in e.tokens]
        assert b"".join(token.content for token in tokens).decode() == text
        for token in tokens:
            assert token.logprob <= 0 and len(token.alternatives) == 3
            assert sum(math.exp(other.logprob) for other in token.alternatives) <= 1.0001


async def test_the_likeliest_token_can_be_forbidden_by_number_or_by_text(plain: LlamaCpp) -> None:
    first = (await ask(plain, chat(max_tokens=1)))[0]
    (number,) = await plain.tokenize(first)
    for bias in (((number, -math.inf),), ((first, -100.0),)):
        assert (await ask(plain, chat(max_tokens=1, sampling=Sampling(temperature=0, logit_bias=bias))))[0] != first


EVERYTHING = Sampling(
    temperature=0.7, top_p=0.9, top_k=50, min_p=0.05, typical_p=0.9, top_n_sigma=2.0, repeat_penalty=1.1,
    repeat_last_n=-1, presence_penalty=0.1, frequency_penalty=0.1, dry_multiplier=0.8, dry_base=1.75,
    dry_allowed_length=2, dry_penalty_last_n=2**31 - 1, dry_sequence_breakers=("\n", ":"), xtc_probability=0.5,
    xtc_threshold=0.1, dynatemp_range=0.3, dynatemp_exponent=1.0, mirostat=2, mirostat_tau=5.0, mirostat_eta=0.1,
    samplers=("dry", "top_k", "typical_p", "temperature"), seed=2**40 + 7,
)  # fmt: skip


async def test_every_sampler_is_taken(plain: LlamaCpp) -> None:
    assert (await ask(plain, chat(sampling=EVERYTHING, max_tokens=4)))[0]
    assert (await ask(plain, chat(sampling=EVERYTHING, max_tokens=4)))[0]


async def test_a_model_can_be_made_to_write_on_after_its_end(plain: LlamaCpp) -> None:
    messages = (Message("user", "Say only: yes"),)
    asked = Sampling(temperature=0.0, ignore_end=True)
    assert (await ask(plain, chat(messages, sampling=asked, max_tokens=150)))[2].reason == "length"


async def test_the_assistants_last_message_is_written_on(plain: LlamaCpp) -> None:
    messages = (Message("user", "Where do you live?"), Message("assistant", "My house stands by the"))
    on = await plain.render(chat(messages, continue_last=True))
    anew = await plain.render(chat(messages))
    assert on.endswith("stands by the") and anew.endswith("<|im_start|>assistant\n")
    assert (await ask(plain, chat(messages, continue_last=True, max_tokens=3)))[0]
    with pytest.raises(BadRequest):
        await ask(plain, chat(QUESTION, continue_last=True))


async def test_progress_is_told_when_it_is_wanted(plain: LlamaCpp) -> None:
    long = (Message("user", "home " * 600),)
    _, events, _ = await ask(plain, chat(long, progress=True, max_tokens=2))
    told = [e for e in events if isinstance(e, Progress)]
    assert told and told[-1].read_tokens == told[-1].total_tokens > 600
    assert not [e for e in (await ask(plain, chat(long, max_tokens=2)))[1] if isinstance(e, Progress)]


async def test_the_text_that_stopped_the_answer_is_told(plain: LlamaCpp) -> None:
    whole = (await ask(plain, chat(max_tokens=12)))[0]
    stop = whole.split()[3]
    for asked in (
        chat(max_tokens=12, stop=("zzz", stop)),
        chat(max_tokens=12, stop=("zzz", stop), sampling=Sampling(temperature=0.0, banned_texts=("qqq",))),
    ):
        text, _, done = await ask(plain, asked)
        assert (done.reason, done.stop_text) == ("stop", stop)
        assert whole.startswith(text) and stop not in text


async def test_banned_texts_never_come_and_the_answer_goes_on(plain: LlamaCpp) -> None:
    plain_text = (await ask(plain, chat(max_tokens=40)))[0]
    words = [word.strip(".,").upper() for word in plain_text.split() if len(word) > 3][:5]
    banned = (*words, plain_text[30:40].swapcase())
    asked = chat(max_tokens=40, sampling=Sampling(temperature=0.0, banned_texts=banned), top_logprobs=1)
    text, events, done = await ask(plain, asked)
    assert not [ban for ban in banned if ban.lower() in text.lower()]
    assert (done.reason, done.usage.answer_tokens) == ("length", 40)
    assert all(e.tokens for e in events if isinstance(e, TextDelta))


async def test_banning_what_never_comes_changes_nothing(plain: LlamaCpp) -> None:
    whole = (await ask(plain, chat(max_tokens=30)))[0]
    asked = chat(max_tokens=30, sampling=Sampling(temperature=0.0, banned_texts=("qqqq",)))
    assert (await ask(plain, asked))[0] == whole


async def test_reasoning_is_apart_where_texts_are_banned_too(thinker: LlamaCpp) -> None:
    asked = chat(max_tokens=20, sampling=Sampling(temperature=0.0, banned_texts=("qqqq",)))
    text, events, _ = await ask(thinker, asked)
    assert [e for e in events if isinstance(e, ReasoningDelta)] and "<think>" not in text
    off = chat(max_tokens=20, thinking=False, sampling=Sampling(temperature=0.0, banned_texts=("qqqq",)))
    assert (await ask(thinker, off))[0]


async def test_a_prompt_is_written_on_verbatim_as_text_or_as_tokens(plain: LlamaCpp) -> None:
    prompt = "Once upon a time there was a"
    tokens = await plain.tokenize(prompt)
    texts = [(await ask(plain, CompletionRequest("m", p, LIKELIEST, max_tokens=8)))[0] for p in (prompt, tokens)]
    assert texts[0] and texts[0] == texts[1]
    assert await plain.detokenize(tokens) == prompt


async def test_a_gap_is_filled_with_the_marks_of_the_model(filler: LlamaCpp, plain: LlamaCpp) -> None:
    gap = CompletionRequest(
        "m",
        "def add(a, b):\n    ",
        LIKELIEST,
        suffix="\n\nprint(add(1, 2))",
        max_tokens=8,
        context=(("a.py", "x = 1"),),
    )
    text, _, done = await ask(filler, gap)
    parts = [await filler.tokenize(part) for part in (gap.prompt, gap.suffix or "", "a.py\nx = 1")]  # type: ignore[arg-type]
    assert (
        done.usage.prompt_tokens == sum(map(len, parts)) + 3
    )  # the marks; SmolLM2 has no mark between files of Qwen's
    with pytest.raises(BadRequest, match="not trained to fill"):
        await ask(plain, gap)


async def test_a_gap_is_filled_with_the_marks_that_the_header_numbers(starter: Model, folder: Path) -> None:
    content = model_files.with_told_marks(starter.path.read_bytes(), prefix=3, suffix=4, middle=5)
    async for engine in opened(folder, "told.gguf", content):
        gap = CompletionRequest("m", "def add(a, b):", LIKELIEST, suffix="\n\n", max_tokens=4)
        _, _, done = await ask(engine, gap)
        parts = [await engine.tokenize(part) for part in ("def add(a, b):", "\n\n")]
        assert done.usage.prompt_tokens == sum(map(len, parts)) + 3


async def test_texts_become_vectors_of_unit_length(encoder: LlamaCpp) -> None:
    made = await encoder.embed(["house by the sea", "red apple", (2, 5, 3)])
    assert len(made.vectors) == 3 and made.tokens > 9
    assert all(abs(math.hypot(*vector) - 1) < 1e-4 for vector in made.vectors)
    assert (await encoder.embed(["red apple"])).vectors[0] == pytest.approx(made.vectors[1], abs=1e-5)
    assert (await encoder.start()).embeds


async def test_documents_are_ranked_in_their_order(ranker: LlamaCpp) -> None:
    ranking = await ranker.rerank("house", ["house by the sea", "red apple", "house by the sea"])
    assert len(ranking.scores) == 3 and ranking.tokens > 9
    assert ranking.scores[0] == pytest.approx(ranking.scores[2], abs=1e-5)
    assert (await ranker.start()).reranks


async def test_each_kind_of_model_refuses_what_it_is_not(plain: LlamaCpp, encoder: LlamaCpp) -> None:
    with pytest.raises(BadRequest):
        await plain.embed(["x"])
    with pytest.raises(BadRequest):
        await plain.rerank("x", ["y"])
    with pytest.raises(BadRequest):
        await ask(encoder, chat())
    with pytest.raises(BadRequest):
        await ask(plain, chat(adapters=(Adapter(0, 1.0),)))
