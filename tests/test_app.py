"""What the composition root decides by itself."""

from pathlib import Path

import pytest

from domov import config
from domov.app import App
from domov.hardware.memory import Memory
from domov.store import blueprint
from domov.store.manifest import Manifest, Source
from domov.store.models import Model
from domov.store.shape import shape_of


def app(home: Path) -> App:
    return App(config.load({"DOMOV_HOME": str(home)}))


def named(name: str, path: Path) -> Model:
    path.touch()
    return Model(Manifest(name, "", 1, Source("file", name, name), "", "", "2026-11-24T00:00:00Z"), path)


def test_names_of_a_file_with_other_options_are_other_models_to_the_scheduler(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[models."many:1b"]\nslots = 8\n')
    file = tmp_path / "model.gguf"
    plain, same, many = (named(name, file) for name in ("plain:1b", "same:1b", "many:1b"))
    domov = app(tmp_path)
    assert domov.loaded_as(plain) == domov.loaded_as(same) != domov.loaded_as(many)


def test_a_plan_may_count_on_memory_that_will_be_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domov.hardware.survey.read_memory", lambda: Memory(16 << 30, 1 << 20, ""))
    shape = shape_of(blueprint.header(blueprint.load()["tinyllama:1.1b"]), name="tinyllama:1.1b")
    domov = app(tmp_path)
    tight, roomy = domov.plan(shape), domov.plan(shape, idle_bytes=15 << 30)
    assert roomy.context_tokens == 2048 > tight.context_tokens
