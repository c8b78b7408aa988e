"""Predicted against really allocated, by llama.cpp itself; `make bench-fit` has more and larger rows."""

import statistics
from pathlib import Path

import pytest

from benchmarks import shapes
from benchmarks.fit import MEDIAN, WORST, Row, compare
from domov.sizing.settings import Settings
from domov.store import blueprint
from domov.store.models import Model

CHAT = (
    Settings(2048),
    Settings(2048, slots=4),
    Settings(32768, cache_type="q8_0"),
    Settings(8192, flash_attention=False),
)
# Layers, where the whole would take long: what a layer takes is the same in each.
MODELS = {
    "gemma3:270m": None,
    "tinyllama:1.1b": None,
    "mistral:7b": 8,
    "qwen3:0.6b": None,
    "gemma3:1b": None,
    "olmoe:7b": 4,
    "glm4.7-flash:30b": 2,
    "granite4-h:350m": None,
    "lfm2:350m": None,
    "qwen3.5:4b": 8,
}
VOCABULARY = 4096  # the tokenizer takes most of the time of loading


@pytest.fixture(scope="module")
def rows(starter: Model, tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    folder = tmp_path_factory.mktemp("shapes")
    found = [compare("smollm2:135m", starter.path, s) for s in (Settings(8192), Settings(2048, slots=4))]
    for name, layers in MODELS.items():
        file = hollow(name, folder, starter.path, layers=layers)
        found += [compare(name, file, settings) for settings in CHAT]
        file.unlink()
    for name in ("minilm:22m", "minilm-reranker:22m", "qwen3-reranker:0.6b"):
        file = hollow(name, folder, starter.path)
        found.append(compare(name, file, Settings(512, embeddings=True)))
        file.unlink()
    return found


def hollow(name: str, folder: Path, tokenizer: Path, *, layers: int | None = None) -> Path:
    plan = blueprint.load()[name]
    plan = plan.with_layers(layers) if layers else plan
    file = folder / f"{name.replace(':', '-')}.gguf"
    shapes.write(plan, file, quantization="Q4_K_M", tokenizer=tokenizer, vocabulary=VOCABULARY, hollow=True)
    return file


def test_no_prediction_is_wrong_by_more_than_five_percent(rows: list[Row]) -> None:
    wrong = [(r.model, r.settings, f"{100 * r.error:.1f} %") for r in rows if abs(r.error) > WORST]
    assert not wrong


def test_the_median_prediction_is_right_to_one_percent(rows: list[Row]) -> None:
    assert statistics.median(abs(r.error) for r in rows) <= MEDIAN
    assert statistics.median(abs(r.beside_weights_error) for r in rows) <= MEDIAN


def test_weights_and_caches_are_predicted_to_the_last_bytes(rows: list[Row]) -> None:
    rounding = 16_000  # the log has MiB with two decimals
    for row in rows:
        assert row.predicted.weights_bytes == pytest.approx(row.allocated.bytes_of("weights"), abs=300_000), row.model
        assert row.predicted.cache_bytes == pytest.approx(row.allocated.bytes_of("cache"), abs=rounding), row.model
        assert row.predicted.state_bytes == pytest.approx(row.allocated.bytes_of("recurrent"), abs=rounding), row.model
