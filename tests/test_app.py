"""What the composition root decides by itself."""

from pathlib import Path

import pytest

from domov import config
from domov.app import App
from domov.engine.scheduler import Row
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


def test_a_disk_that_takes_no_note_of_a_plan_refuses_nobody(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    row = Row("m:1b", "idle", 0, 0, {}, 512, 1, 0, 0, None)
    app(tmp_path)._note_plan(row)


def test_the_newest_plans_are_kept(tmp_path: Path) -> None:
    domov = app(tmp_path)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "plans.jsonl").write_bytes(b"".join(b"%d\n" % n for n in range(2000)))
    domov._note_plan(Row("m:1b", "idle", 0, 0, {}, 512, 1, 0, 0, None))
    lines = (tmp_path / "logs" / "plans.jsonl").read_text().splitlines()
    assert len(lines) == 1000 and lines[-2] == "1999" and '"model":"m:1b"' in lines[-1]


def test_a_plan_may_count_on_memory_that_will_be_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domov.hardware.survey.read_memory", lambda: Memory(16 << 30, 1 << 20, ""))
    shape = shape_of(blueprint.header(blueprint.load()["tinyllama:1.1b"]), name="tinyllama:1.1b")
    domov = app(tmp_path)
    tight, roomy = domov.plan(shape), domov.plan(shape, idle_bytes=15 << 30)
    assert roomy.context_tokens == 2048 > tight.context_tokens
