import json
import os
from pathlib import Path

from domov.hardware.machine import from_json
from tests.conftest import domov


def test_doctor_tells_what_the_machine_has(tmp_path: Path) -> None:
    done = domov(tmp_path, "doctor")
    assert done.returncode == 0
    for word in (
        "processor",
        "memory",
        "disk",
        "graphics",
        "llama.cpp",
        str(tmp_path),
        "(measured)",
    ):
        assert word in done.stdout
    assert "could be better: " in done.stdout or "more would bring: " in done.stdout  # by how fast its disk is just now
    assert (tmp_path / "machine.json").exists()


def test_doctor_as_json_agrees_with_the_system(tmp_path: Path) -> None:
    table = json.loads(
        domov(tmp_path, "doctor", "--json", "--no-measure", "--save", str(tmp_path / "saved.json")).stdout
    )
    assert table["cpu"]["logical"] == len(os.sched_getaffinity(0))
    machine = table["machine"]
    assert 0 < machine["free_ram_bytes"] <= machine["ram_bytes"]
    assert machine["speeds"] is None
    assert from_json((tmp_path / "saved.json").read_bytes(), name="x").ram_bytes == machine["ram_bytes"]
    assert table["home"] == str(tmp_path)


def test_doctor_notices_a_home_that_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    table = json.loads(domov(tmp_path / "file" / "home", "doctor", "--json", "--no-measure").stdout)
    assert any("can't write" in line for line in table["advice"])


def test_doctor_notices_a_native_engine_that_is_not_there(tmp_path: Path) -> None:
    done = domov(tmp_path, "doctor", "--no-measure", DOMOV_ENGINE="llama-server", DOMOV_LLAMA_SERVER="no-such-server")
    assert "no-such-server is not found" in done.stdout
