"""Every option, with the real engine: what it refuses, and what it does to a real model."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from domov import app, config
from domov.engine.llamacpp import LlamaCpp
from domov.engine.loading import cache_depends_on
from domov.errors import BadOption, NoSuchModel, WorkerDied
from domov.options import AdapterFile, ModelOptions
from domov.store.models import Model
from domov.types import ChatRequest, Done, Message, Sampling, TextDelta, Usage
from tests.gguf_files import bert, lora_adapter
from tests.hub import number_value, text_value, texts_value, tiny_gguf

LIKELIEST = Sampling(temperature=0.0)
CONTEXT_TOKENS = 1024


def app_with(home: Path, *, context_tokens: int = CONTEXT_TOKENS, **options: Any) -> app.App:
    settings = config.load({"DOMOV_HOME": str(home)})
    return app.App(replace(settings, context_tokens=context_tokens, command_set=options))


@asynccontextmanager
async def loaded(domov: app.App, model: Model) -> AsyncIterator[LlamaCpp]:
    engine = domov.open_engine(model)
    assert isinstance(engine, LlamaCpp)
    try:
        await engine.start()
        yield engine
    finally:
        await engine.close()


async def ask(engine: LlamaCpp, question: str = "Count to ten.", *, tokens: int = 12) -> tuple[str, Usage]:
    request = ChatRequest("m", (Message("user", question),), LIKELIEST, max_tokens=tokens)
    text, usage = "", None
    async for event in engine.stream(request):
        text += event.text if isinstance(event, TextDelta) else ""
        usage = event.usage if isinstance(event, Done) else usage
    assert usage
    return text, usage


async def call(engine: LlamaCpp, path: str, body: dict[str, Any] | None = None) -> Any:
    """What the worker itself says: past the engine's own words."""
    assert engine.worker and engine.worker.endpoint.socket
    connector = aiohttp.UnixConnector(engine.worker.endpoint.socket, force_close=True)
    method = "GET" if body is None else "POST"
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.request(method, f"http://worker{path}", json=body) as response,
    ):
        assert response.status == 200, await response.text()
        return await response.json()


@pytest.fixture(scope="module")
async def plain(starter: Model, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The answer of the starter without any option."""
    async with loaded(app_with(tmp_path_factory.mktemp("plain")), starter) as engine:
        return (await ask(engine))[0]


@pytest.mark.parametrize(
    "options",
    [
        {"cache_type": "q8_0"},
        {"speculation": "ngram", "cache_type": "f16"},
        {"cache_type": "q4_0", "flash_attention": "on"},
        {"cache_type": "q8_0", "value_cache_type": "q4_0"},
        {"cache_type": "bf16"},
    ],
    ids=str,
)
async def test_caches_of_every_size_answer(starter: Model, tmp_path: Path, options: dict[str, Any]) -> None:
    async with loaded(app_with(tmp_path, **options), starter) as engine:
        assert (await ask(engine))[0].strip()


@pytest.mark.parametrize(
    "options",
    [
        {"flash_attention": "off"},
        {"gpu_layers": 0},
        {"cpu_expert_layers": 2},  # it has no experts: nothing to move
        {"batch_tokens": 64, "micro_batch_tokens": 32},
        {"threads": 1, "batch_threads": 2},
        {"prompt_cache_mib": 0},
    ],
    ids=str,
)
async def test_what_concerns_only_the_machine_leaves_the_words_alone(
    starter: Model, tmp_path: Path, plain: str, options: dict[str, Any]
) -> None:
    async with loaded(app_with(tmp_path, **options), starter) as engine:
        assert (await ask(engine))[0] == plain


@pytest.mark.parametrize("shared", [False, True])
async def test_slots_have_the_context_that_was_asked_for(starter: Model, tmp_path: Path, shared: bool) -> None:
    async with loaded(app_with(tmp_path, slots=3, shared_cache=shared), starter) as engine:
        assert [slot["n_ctx"] for slot in await call(engine, "/slots")] == [CONTEXT_TOKENS] * 3


async def test_yarn_gives_a_context_beyond_the_trained_one(starter: Model, tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "rope_scaling": "yarn",
        "rope_factor": 2.0,
        "context_tokens": 16384,
        "cache_type": "q4_0",
    }
    async with loaded(app_with(tmp_path, **options), starter) as engine:
        assert {slot["n_ctx"] for slot in await call(engine, "/slots")} == {16384}
        assert (await ask(engine))[0].strip()


async def test_an_adapter_changes_the_answer_as_much_as_its_scale_says(
    starter: Model, tmp_path: Path, plain: str
) -> None:
    (tmp_path / "adapter.gguf").write_bytes(lora_adapter())
    answers = []
    for scale in (1.0, 0.0):
        adapters = (AdapterFile("adapter.gguf", scale),)  # found in Domov's folder
        async with loaded(app_with(tmp_path, adapters=adapters), starter) as engine:
            assert [a["scale"] for a in await call(engine, "/lora-adapters")] == [scale]
            answers.append((await ask(engine))[0])
    assert answers[0] != plain and answers[1] == plain


async def test_a_draft_model_proposes_and_the_model_decides(starter: Model, tmp_path: Path) -> None:
    async with loaded(app_with(tmp_path, cache_type="q8_0"), starter) as engine:
        text, _ = await likeliest(engine, PROMPTS["list"])
    options: dict[str, Any] = {"speculation": "draft", "draft_model": str(starter.path)}
    async with loaded(app_with(tmp_path, **options), starter) as engine:
        drafted, timings = await likeliest(engine, PROMPTS["list"])
    assert drafted == text
    assert timings["draft_n_accepted"] > 0.8 * timings["draft_n"] > 0  # it is the same model


TEXT = "The mill stands by the river. The miller has two cats. One cat is black, and the other cat is grey and old."
COPY = [
    {"role": "user", "content": "Copy this text:\n\nThe red boat lies on the sand."},
    {"role": "assistant", "content": "The red boat lies on the sand."},
    {"role": "user", "content": f"Copy this text:\n\n{TEXT} {TEXT} {TEXT}"},
]
PROMPTS = {
    "copy": COPY,
    "story": [{"role": "user", "content": "Tell me a story about a house by the sea and the people in it."}],
    "list": [{"role": "user", "content": f"Make a numbered list of these sentences:\n\n{TEXT}"}],
    "long": [{"role": "user", "content": f"{TEXT * 24}\n\nWho has two cats, and of which colours?"}],
}


async def likeliest(engine: LlamaCpp, prompt: list[dict[str, str]]) -> tuple[str, dict[str, Any]]:
    """The likeliest answer, and llama.cpp's own figures."""
    body = {"messages": prompt, "temperature": 0, "max_tokens": 96, "cache_prompt": False}
    done = await call(engine, "/v1/chat/completions", body)
    return done["choices"][0]["message"]["content"], done["timings"]


async def test_repetition_speeds_up_and_never_changes_a_word(starter: Model, tmp_path: Path) -> None:
    async with loaded(app_with(tmp_path, cache_type="q8_0"), starter) as engine:
        without = {name: (await likeliest(engine, prompt))[0] for name, prompt in PROMPTS.items()}
    async with loaded(app_with(tmp_path, speculation="ngram"), starter) as engine:
        found = {name: await likeliest(engine, prompt) for name, prompt in PROMPTS.items()}
        again = {name: (await likeliest(engine, prompt))[0] for name, prompt in PROMPTS.items()}
    assert {name: text for name, (text, _) in found.items()} == without == again
    timings = found["copy"][1]
    # Most of the copy was proposed and right: less than half of its tokens were written one by one.
    assert timings["draft_n_accepted"] > timings["predicted_n"] / 2
    assert timings["draft_n_accepted"] > 0.8 * timings["draft_n"]


async def test_saved_slots_are_readable_by_nobody_else(starter: Model, tmp_path: Path) -> None:
    async with loaded(app_with(tmp_path), starter) as engine:
        await ask(engine)
        done = await call(engine, "/slots/0?action=save", {"filename": "slot.bin"})
        (saved,) = (tmp_path / "states").rglob("slot.bin")
        assert done["n_written"] == saved.stat().st_size
        assert saved.stat().st_mode & 0o077 == 0


def test_what_a_cache_depends_on_tells_adapters_and_types_apart(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"one")
    adapter = AdapterFile(str(tmp_path / "a.gguf"))
    kinds: list[dict[str, Any]] = [
        {},
        {"cache_type": "q8_0"},
        {"rope_scaling": "yarn", "rope_factor": 2.0},
        {"adapters": (adapter,)},
    ]
    kinds.append({"adapters": (replace(adapter, scale=0.5),)})
    assert len({cache_depends_on(ModelOptions(**kind)) for kind in kinds}) == len(kinds)
    before = cache_depends_on(ModelOptions(adapters=(adapter,)))
    (tmp_path / "a.gguf").write_bytes(b"another")
    assert cache_depends_on(ModelOptions(adapters=(adapter,))) != before


async def test_an_encoder_is_loaded_for_embeddings_because_its_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "bert.gguf").write_bytes(bert())
    domov = app_with(tmp_path)
    async with loaded(domov, domov.models.get(str(tmp_path / "bert.gguf"))) as engine:
        rows = (await call(engine, "/v1/embeddings", {"input": ["the house by the sea", "red apple"]}))["data"]
    assert [len(row["embedding"]) for row in rows] == [32, 32]
    assert sum(x * x for x in rows[0]["embedding"]) == pytest.approx(1, abs=1e-4)


async def test_a_reranker_ranks(tmp_path: Path) -> None:
    (tmp_path / "rank.gguf").write_bytes(bert(pooling=4))
    domov = app_with(tmp_path)
    async with loaded(domov, domov.models.get(str(tmp_path / "rank.gguf"))) as engine:
        found = await call(engine, "/v1/rerank", {"query": "house", "documents": ["the house", "red apple"]})
    assert {row["index"] for row in found["results"]} == {0, 1}


async def test_a_chat_model_can_be_loaded_for_embeddings(starter: Model, tmp_path: Path) -> None:
    async with loaded(app_with(tmp_path, task="embedding", pooling="mean"), starter) as engine:
        (row,) = (await call(engine, "/v1/embeddings", {"input": "house"}))["data"]
    assert len(row["embedding"]) == 576


async def test_what_llama_cpp_refuses_names_the_options(starter: Model, tmp_path: Path) -> None:
    (tmp_path / "adapter.gguf").write_bytes(lora_adapter(width=64))  # of another size than the model
    with pytest.raises(WorkerDied, match="or one of its options: adapters") as caught:
        async with loaded(app_with(tmp_path, adapters=(AdapterFile("adapter.gguf"),)), starter):
            pass
    assert "worker-" in caught.value.hint


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"cache_type": "q4_0", "flash_attention": "off"}, "q4_0 need flash attention"),
    ({"speculation": "draft"}, "needs a draft_model"),
    ({"draft_model": "x"}, "only, and it is 'none'"),
    ({"rope_factor": 2.0}, "needs a rope_scaling"),
    ({"task": "embedding", "speculation": "ngram"}, "writes nothing"),
    ({"speculation": "mtp"}, "no layers for it"),
    ({"mmproj": "bert.gguf"}, "not a projector"),
    ({"adapters": (AdapterFile("bert.gguf"),)}, "not a LoRA adapter"),
    ({"adapters": (AdapterFile("foreign.gguf"),)}, "the architecture qwen3, the model has llama"),
    ({"speculation": "draft", "draft_model": "other.gguf"}, "its vocabulary is another (gpt2, 3 tokens"),
    ({"mmproj": "broken.gguf"}, "mmproj can't be broken.gguf: not a usable model file"),
]


@pytest.mark.parametrize(("options", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_what_can_not_work_is_refused_before_loading(
    starter: Model, tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    (tmp_path / "bert.gguf").write_bytes(bert())
    (tmp_path / "foreign.gguf").write_bytes(lora_adapter(architecture="qwen3", layers=1, width=8))
    (tmp_path / "other.gguf").write_bytes(tiny_gguf({"tokenizer.ggml.model": text_value("gpt2")}))
    (tmp_path / "broken.gguf").write_bytes(b"GGUF")
    with pytest.raises(BadOption) as caught:
        app_with(tmp_path, **options).open_engine(starter)
    assert words in caught.value.message


def test_a_file_that_is_not_there_is_named(starter: Model, tmp_path: Path) -> None:
    with pytest.raises(NoSuchModel, match=r"missing\.gguf"):
        app_with(tmp_path, mmproj="missing.gguf").open_engine(starter)


def test_a_draft_model_may_be_a_name_in_the_store(starter_home: Path, starter: Model) -> None:
    options = app_with(starter_home, speculation="draft", draft_model=starter.name).options(starter)
    assert options.draft_model == str(starter.path.resolve())


def test_layers_that_predict_are_found(tmp_path: Path) -> None:
    keys = {"llama.nextn_predict_layers": number_value(1), "tokenizer.ggml.tokens": texts_value(["a"])}
    (tmp_path / "mtp.gguf").write_bytes(tiny_gguf(keys))
    domov = app_with(tmp_path, speculation="mtp")
    assert domov.options(domov.models.get(str(tmp_path / "mtp.gguf"))).speculation == "mtp"


def test_options_are_found_under_every_name_that_leads_to_the_model(home: Path, tmp_path: Path) -> None:
    (home / "config.toml").write_text(
        '[models."*"]\nslots = 2\nthreads = 1\n[models.smollm2]\nthreads = 3\n'
        '[models."smollm2:135m"]\nbatch_tokens = 9\n[models."not a name"]\nslots = 7\n[models."other:1b"]\nslots = 5\n'
    )
    domov = app.App(config.load({"DOMOV_HOME": str(home)}))
    options = domov.options(domov.models.get("smollm2:135m"))
    assert options == ModelOptions(slots=2, threads=3, batch_tokens=9, task="chat")
    assert domov.plan(domov.models.get("smollm2:135m").shape(), options).threads == 3
