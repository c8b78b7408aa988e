import json
import sys
from pathlib import Path

import pytest

from domov.hardware.cpu import Cpu, read_cpu
from domov.hardware.devices import Device, Devices
from domov.hardware.disk import read_disk, read_speed
from domov.hardware.gpu import Card, Cards
from domov.hardware.machine import Disk, Machine
from domov.hardware.memory import Memory
from domov.hardware.survey import assemble, load_speeds, may_have_cards, measure_speeds, measured_disk

CPU = Cpu("a processor", 8, 4, None)
RAM = Memory(512_000_000, 100_000_000, "a limit of its container (cgroup)")
CUDA = Device("CUDA0", "gpu", "NVIDIA GeForce RTX 4070", 12 << 30, 13 << 30)


def machine(devices: Devices, cards: Cards) -> Machine:
    return assemble(CPU, RAM, (devices, cards))


def test_a_card_is_described_by_llama_cpp_and_by_its_maker() -> None:
    own = Card("NVIDIA", "GeForce RTX 4070", 12 << 30, driver="580", celsius=40.0, watts_limit=200.0, source="NVML")
    (gpu,) = machine(Devices((CUDA,), ""), Cards((own,))).gpus
    assert (gpu.driver, gpu.celsius, gpu.watts_limit, gpu.source) == ("580", 40.0, 200.0, "llama.cpp, NVML")
    assert gpu.free_bytes == gpu.total_bytes  # more free than there is cannot be


def test_a_card_that_llama_cpp_does_not_see_is_told() -> None:
    found = machine(Devices((), ""), Cards((Card("AMD", "Radeon", source="/sys/class/drm"),)))
    assert found.gpus == ()
    assert "Radeon" in found.problems[0]


def test_drivers_that_fail_leave_the_rest_of_the_answer() -> None:
    found = machine(Devices((), "", "llama.cpp's device list could not be read"), Cards((), "NVIDIA's library failed"))
    assert (found.cores, found.ram_bytes, len(found.problems)) == (4, 512_000_000, 2)


def test_speeds_are_measured_kept_and_known_again(tmp_path: Path) -> None:
    cpu = read_cpu()
    speeds, _ = measure_speeds(tmp_path, cpu)
    assert speeds and speeds.memory_bytes_per_second > 1e8
    assert load_speeds(tmp_path, cpu)[0] == speeds
    assert load_speeds(tmp_path, Cpu("another", 1, 1, None)) == (None, False)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"key": 1, "speeds": {}}', "\0" * 100])
def test_a_damaged_record_is_measured_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / "machine.json").write_text(content)
    assert load_speeds(tmp_path, CPU) == (None, False)


def test_a_home_that_cannot_be_written_still_gives_speeds(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    speeds, problem = measure_speeds(blocked, read_cpu())
    assert speeds
    assert problem


def test_the_disk_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    disk = read_disk(tmp_path / "not" / "yet")
    assert disk and disk.total_bytes >= disk.free_bytes


def test_a_disk_is_measured_on_a_file_large_enough(tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"x")
    assert read_speed(tmp_path / "small") is None
    assert read_speed(tmp_path / "none") is None
    (tmp_path / "large").write_bytes(b"x" * (20 << 20))
    disk = measured_disk(Disk(1, 1, "SSD"), tmp_path / "large")
    assert disk and disk.bytes_per_second and disk.bytes_per_second > 1e6


def test_the_kind_of_a_disk_is_the_kernels_word(tmp_path: Path) -> None:
    import os

    device = tmp_path.stat().st_dev
    queue = tmp_path / f"sys/dev/block/{os.major(device)}:{os.minor(device)}/queue"
    queue.mkdir(parents=True)
    (queue / "rotational").write_text("0\n")
    disk = read_disk(tmp_path, tmp_path)
    assert disk and disk.kind == "SSD"


def test_a_machine_is_json() -> None:
    assert json.dumps(machine(Devices((CUDA,), ""), Cards()).gpus[0].name)


def test_a_machine_without_a_drivers_device_is_not_asked_for_cards(tmp_path: Path) -> None:
    assert may_have_cards(tmp_path) == (sys.platform != "linux")
    (tmp_path / "dev" / "dri").mkdir(parents=True)
    (tmp_path / "dev" / "dri" / "renderD128").touch()
    assert may_have_cards(tmp_path)
