import ctypes
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from domov.hardware.gpu import nvidia_cards, read_cards

NOTHING = (sys.executable, "-c", 'print(\'{"cards": [], "problem": ""}\')')


def card(root: Path, number: int, **files: str) -> None:
    device = root / f"sys/class/drm/card{number}/device"
    for name, text in files.items():
        path = device / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")


def test_an_amd_card_is_read_from_the_kernel(tmp_path: Path) -> None:
    card(
        tmp_path,
        0,
        vendor="0x1002",
        device="0x744c",
        product_name="Radeon RX 7900 XTX",
        mem_info_vram_total=str(24 << 30),
        mem_info_vram_used="1000",
        hwmon__hwmon3__temp1_input="61000",
        hwmon__hwmon3__power1_cap="355000000",
        hwmon__hwmon3__power1_average="87500000",
        gpu_busy_percent="64",
    )
    (found,) = read_cards(tmp_path, NOTHING).cards
    assert (found.vendor, found.name, found.total_bytes) == ("AMD", "Radeon RX 7900 XTX", 24 << 30)
    assert (found.celsius, found.watts_limit, found.source) == (61.0, 355.0, "/sys/class/drm")
    assert (found.busy_share, found.watts) == (0.64, 87.5)


def test_what_the_kernel_does_not_say_stays_unknown(tmp_path: Path) -> None:
    card(tmp_path, 0, vendor="0x8086", device="0x56a0", mem_info_vram_total="-5", hwmon__hwmon0__temp1_input="hot")
    card(tmp_path, 1, vendor="0xffff")
    (found,) = read_cards(tmp_path, NOTHING).cards
    assert found.name == "Intel 0x56a0"
    assert (found.total_bytes, found.celsius, found.driver) == (None, None, None)


def test_no_library_is_no_problem() -> None:
    found = read_cards(Path("/nonexistent"))
    assert found.problem == "" or "NVML" in found.problem


@pytest.mark.parametrize(
    "script",
    [
        "import os; os.abort()",
        "print('nonsense')",
        "print('{}')",
        "raise SystemExit(3)",
        'print(\'{"cards": 3, "problem": 1}\')',
    ],
)
def test_a_library_that_fails_costs_its_cards_and_nothing_else(tmp_path: Path, script: str) -> None:
    card(tmp_path, 0, vendor="0x1002")
    found = read_cards(tmp_path, (sys.executable, "-c", script))
    assert len(found.cards) == 1
    assert "NVIDIA's library" in found.problem


class Nvml:
    """As NVIDIA's library answers: two cards, of which the second has gone."""

    def __init__(self, status: int = 0) -> None:
        self.status = status

    def nvmlInit_v2(self) -> int:
        return self.status

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:
        ctypes.cast(count, ctypes.POINTER(ctypes.c_uint))[0] = 2
        return 0

    def nvmlSystemGetDriverVersion(self, text: Any, _: int) -> int:
        text.value = b"580.65"
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, number: int, _: Any) -> int:
        return 0 if number == 0 else 15  # NVML_ERROR_GPU_IS_LOST

    def nvmlDeviceGetMemoryInfo(self, _: Any, memory: Any) -> int:
        memory._obj.total, memory._obj.used = 12 << 30, 1 << 30
        return 0

    def nvmlDeviceGetName(self, _: Any, name: Any, __: int) -> int:
        name.value = b"NVIDIA GeForce RTX 4070"
        return 0

    def nvmlDeviceGetTemperature(self, *_: Any) -> int:
        return 3  # NVML_ERROR_NOT_SUPPORTED

    def nvmlDeviceGetEnforcedPowerLimit(self, _: Any, watts: Any) -> int:
        watts._obj.value = 200_000
        return 0

    def nvmlDeviceGetUtilizationRates(self, _: Any, busy: Any) -> int:
        busy._obj.processors = 40
        return 0

    def nvmlDeviceGetPowerUsage(self, _: Any, watts: Any) -> int:
        return 3  # NVML_ERROR_NOT_SUPPORTED


def test_a_card_that_vanished_is_left_out() -> None:
    (found,) = nvidia_cards(Nvml())
    assert (found["name"], found["total_bytes"], found["driver"]) == ("NVIDIA GeForce RTX 4070", 12 << 30, "580.65")
    assert (found["celsius"], found["watts_limit"]) == (None, 200.0)
    assert (found["busy_share"], found["watts"]) == (0.4, None)
    assert json.dumps(found)


def test_a_driver_that_does_not_start_is_said_with_its_number() -> None:
    with pytest.raises(OSError, match="9"):
        nvidia_cards(Nvml(status=9))
