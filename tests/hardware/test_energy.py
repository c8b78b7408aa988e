import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from domov import app, config
from domov.api.live import Live
from domov.hardware.energy import Counter, why_unknown


def zone(root: Path, name: str, kind: str, microjoules: int | None, most: int = 1_000_000_000) -> Path:
    folder = root / "sys/class/powercap" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "name").write_text(f"{kind}\n")
    (folder / "max_energy_range_uj").write_text(f"{most}\n")
    if microjoules is not None:
        (folder / "energy_uj").write_text(f"{microjoules}\n")
    return folder / "energy_uj"


def test_packages_and_their_memory_add_up_and_what_is_inside_them_does_not_count_twice(tmp_path: Path) -> None:
    package = zone(tmp_path, "intel-rapl:0", "package-0", 5_000_000)
    memory = zone(tmp_path, "intel-rapl:0:1", "dram", 1_000_000)
    core = zone(tmp_path, "intel-rapl:0:0", "core", 0)
    system = zone(tmp_path, "intel-rapl:1", "psys", 0)
    counter = Counter(tmp_path)
    assert counter.read() == 0.0
    for path, value in ((package, 9_000_000), (memory, 3_500_000), (core, 90_000_000), (system, 90_000_000)):
        path.write_text(str(value))
    assert counter.read() == 4.0 + 2.5
    assert why_unknown(tmp_path) == ""


def test_a_counter_that_began_anew_has_gone_on(tmp_path: Path) -> None:
    package = zone(tmp_path, "intel-rapl:0", "package-0", 999_000_000)
    counter = Counter(tmp_path)
    counter.read()
    package.write_text("2000000")
    assert counter.read() == 3.0  # 1 to the end of its range of 1000, and 2


def test_a_server_that_samples_loses_no_round_of_a_counter_in_a_long_request(tmp_path: Path) -> None:
    package = zone(tmp_path, "intel-rapl:0", "package-0", 0)
    domov = app.App(config.load({"DOMOV_HOME": str(tmp_path / "home")}))
    domov.__dict__["counter"] = Counter(tmp_path)
    live = Live(domov)
    request = domov.energy.begin()
    package.write_text("900000000")
    live.sampler.take()
    package.write_text("800000000")  # past the end of its range of 1000 joules
    assert domov.energy.end(request) == 1800.0


@pytest.mark.usefixtures("racing")
def test_what_is_read_at_the_same_time_counts_once(tmp_path: Path) -> None:
    package = zone(tmp_path, "intel-rapl:0", "package-0", 1_000_000)
    counter = Counter(tmp_path)
    counter.read()
    with ThreadPoolExecutor(8) as threads:
        reading = [threads.submit(lambda: [counter.read() for _ in range(100)]) for _ in range(8)]
        for joules in range(2, 200):
            (tmp_path / "new").write_text(f"{joules}000000")
            os.replace(tmp_path / "new", package)
        for each in reading:
            each.result()
    assert counter.read() == 198.0


def test_without_counters_nothing_is_known_and_the_reason_is(tmp_path: Path) -> None:
    assert Counter(tmp_path).read() is None
    assert why_unknown(tmp_path) == "no_counter"
    zone(tmp_path, "intel-rapl:0", "package-0", None)
    assert Counter(tmp_path).read() is None
    assert why_unknown(tmp_path) == "root_only"


def test_a_graphics_card_without_a_counter_makes_the_whole_unknown(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", "package-0", 5_000_000)
    card = tmp_path / "sys/class/drm/card0/device"
    card.mkdir(parents=True)
    (card / "mem_info_vram_total").write_text("1000")
    assert Counter(tmp_path).read() is None
    assert why_unknown(tmp_path) == "graphics_card"
    (card / "hwmon/hwmon2").mkdir(parents=True)
    (card / "hwmon/hwmon2/energy1_input").write_text("7000000")
    counter = Counter(tmp_path)
    assert counter.read() == 0.0
    (card / "hwmon/hwmon2/energy1_input").write_text("9000000")
    assert counter.read() == 2.0
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/nvidia0").touch()
    assert Counter(tmp_path).read() is None
