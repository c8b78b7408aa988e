import json
import sys

from domov.hardware.devices import parse_devices, read_devices

# As llama.cpp lists a machine with an NVIDIA card and one with an Intel graphics unit (recorded shape).
RECORDED = {
    "devices": [
        {"name": "CUDA0", "description": "NVIDIA GeForce RTX 4070", "memory_free": 11 << 30, "memory_total": 12 << 30,
         "type": "GGML_BACKEND_DEVICE_TYPE_GPU", "device_id": "0000:01:00.0"},
        {"name": "Vulkan0", "description": "Intel(R) Arc(tm)", "memory_free": 1, "memory_total": 2,
         "type": "GGML_BACKEND_DEVICE_TYPE_IGPU", "device_id": ""},
        {"name": "CPU", "description": "AMD", "memory_free": 1, "memory_total": 2,
         "type": "GGML_BACKEND_DEVICE_TYPE_CPU", "device_id": ""},
    ],
    "features": "CPU : AVX2 = 1 | ",
}  # fmt: skip


def test_cards_are_told_from_the_processor() -> None:
    devices = parse_devices(json.dumps(RECORDED))
    assert [d.kind for d in devices.devices] == ["gpu", "igpu", "cpu"]
    assert [d.name for d in devices.graphics] == ["CUDA0", "Vulkan0"]
    assert devices.graphics[0].total_bytes == 12 << 30


def test_this_machine_has_a_processor_that_llama_cpp_sees() -> None:
    devices = read_devices()
    assert devices.problem == ""
    assert "cpu" in [d.kind for d in devices.devices]


def test_a_driver_that_crashes_costs_the_list_and_nothing_else() -> None:
    crash = (
        sys.executable,
        "-c",
        "import os, sys; print('driver broke', file=sys.stderr); sys.stderr.flush(); os.abort()",
    )
    devices = read_devices(crash)
    assert devices.devices == ()
    assert "driver broke" in devices.problem


def test_nonsense_is_a_problem_with_a_reason() -> None:
    for ask in ((sys.executable, "-c", "print('hello')"), ("no-such-program",)):
        assert "could not be" in read_devices(ask).problem
