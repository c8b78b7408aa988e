"""What the composition root decides by itself."""

from pathlib import Path

from domov import config
from domov.app import App
from domov.engine.scheduler import Row
from domov.store.manifest import Manifest, Source
from domov.store.models import Model


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
