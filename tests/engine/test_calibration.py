from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from domov import app, config
from domov.engine import calibration
from domov.engine.calibration import Calibration, Conditions, Tuning
from domov.errors import BadOption, Broken
from domov.store.models import Model

DIGEST = "sha256:" + "ab" * 32
HERE = Conditions("xllamacpp 1", "a processor", 2)
FOUND = Calibration(HERE, Tuning({"threads": 1, "flash_attention": "on"}, spin_count=0), "2026-11-24T00:00:00Z")


def test_what_is_saved_is_loaded_under_the_same_conditions_only(tmp_path: Path) -> None:
    path = calibration.save(tmp_path, DIGEST, FOUND)
    assert path.name == "ab" * 32 + ".json" and path.stat().st_mode & 0o077 == 0
    assert calibration.load(tmp_path, DIGEST, HERE) == FOUND.tuning
    for other in (replace(HERE, engine="xllamacpp 2"), replace(HERE, cpu="another"), replace(HERE, cores=4)):
        assert calibration.load(tmp_path, DIGEST, other) is None
    assert calibration.load(tmp_path, "sha256:" + "cd" * 32, HERE) is None


@pytest.mark.parametrize("change", [{"threads": -1}, {"threads": "two"}, {"dance": 1}, {"flash_attention": "maybe"}])
def test_values_that_no_option_takes_are_damage(tmp_path: Path, change: dict[str, object]) -> None:
    path = calibration.save(tmp_path, DIGEST, FOUND)
    table = orjson.loads(path.read_bytes())
    table["tuning"]["options"] = change
    path.write_bytes(orjson.dumps(table))
    with pytest.raises(Broken, match="damaged calibration"):
        calibration.load(tmp_path, DIGEST, HERE)


def test_a_damaged_file_is_reported_and_not_replaced(tmp_path: Path) -> None:
    path = calibration.save(tmp_path, DIGEST, FOUND)
    for content in (b"", b"{", b"[]", b'{"tuning": {}}'):
        path.write_bytes(content)
        with pytest.raises(Broken, match=str(path)):
            calibration.load(tmp_path, DIGEST, HERE)
        with pytest.raises(Broken):
            calibration.save(tmp_path, DIGEST, FOUND)
        assert path.read_bytes() == content


def test_what_is_no_digest_is_no_path(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="no digest"):
        calibration.save(tmp_path, "../x", FOUND)
    assert calibration.load(tmp_path, "../x", HERE) is None


def calibrated(home: Path, starter: Model, **settings: object) -> app.App:
    domov = app.App(replace(config.load({"DOMOV_HOME": str(home)}), **settings))  # type: ignore[arg-type]
    found = Tuning({"threads": 1, "micro_batch_tokens": 128}, spin_count=7)
    calibration.save(
        domov.config.calibrations, starter.manifest.digest or "", Calibration(domov.conditions(), found, "")
    )
    return domov


def test_a_model_is_loaded_as_measuring_found_best(tmp_path: Path, starter: Model) -> None:
    domov = calibrated(tmp_path, starter)
    assert domov.options(starter).micro_batch_tokens == 128
    assert (domov.options(starter).threads, domov.tuning(starter).spin_count) == (1, 7)


def test_what_is_set_by_hand_wins(tmp_path: Path, starter: Model) -> None:
    domov = calibrated(tmp_path, starter, threads=2, models_set={"*": {"micro_batch_tokens": 64}})
    assert (domov.options(starter).threads, domov.options(starter).micro_batch_tokens) == (0, 64)
    assert domov.plan(starter.shape(), domov.options(starter)).threads == 2
