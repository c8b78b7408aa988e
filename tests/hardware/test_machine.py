import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domov.errors import BadOption
from domov.hardware.machine import Disk, Gpu, Machine, Speeds, described, from_json, to_json

GB = 1_000_000_000
MACHINE = Machine(
    "a processor",
    4,
    32 * GB,
    30 * GB,
    (Gpu("CUDA0", 8 * GB, 7 * GB, "some card", celsius=40.0),),
    Disk(10, 5, "SSD"),
    Speeds(2e10, 1e-6, {"Q4_K": 1e10}, {"Q4_K": 1e11}),
    problems=("a driver failed",),
)


@pytest.mark.parametrize(
    ("text", "gpus", "ram", "cores"),
    [
        ("24 GB GPU, 64 GB RAM", [24 * GB], 64 * GB, 8),
        ("8GB vram; 16GB ram; 4 cores", [8 * GB], 16 * GB, 4),
        ("2x 12 GB GPU + 32 GiB memory", [12 * GB, 12 * GB], 32 * GB, 8),
        ("512 MB RAM, 1 core", [], 512_000_000, 1),
    ],
)
def test_machines_in_words(text: str, gpus: list[int], ram: int, cores: int) -> None:
    machine = described(text)
    assert [g.total_bytes for g in machine.gpus] == gpus
    assert (machine.ram_bytes, machine.cores) == (ram, cores)


@pytest.mark.parametrize(
    "text", ["", "fast", "-8 GB RAM", "1e99 GB RAM", "8 GB", "9" * 5000, "\x1b[31m GB GPU", "8 XB RAM"]
)
def test_what_is_no_machine_is_said_so(text: str) -> None:
    with pytest.raises(BadOption) as caught:
        described(text)
    assert caught.value.message.isprintable() and len(caught.value.message) < 120


@given(st.text())
def test_any_words_are_a_machine_or_refused(text: str) -> None:
    try:
        described(text)
    except BadOption as error:
        assert error.hint


def test_a_saved_machine_is_read_back() -> None:
    assert from_json(to_json(MACHINE), name="x") == MACHINE


@pytest.mark.parametrize(
    "change",
    [
        {"format": 99},
        {"ram_bytes": -1},
        {"ram_bytes": 1 << 60},
        {"ram_bytes": "much"},
        {"cores": 0},
        {"gpus": [{"name": "x"}]},
        {"gpus": 3},
        {"unknown": 1},
        {"speeds": {"memory_bytes_per_second": 0}},
        {"speeds": {"memory_bytes_per_second": 1, "decode_bytes_per_second": {"Q4_K": -1}}},
        {"speeds": {"memory_bytes_per_second": 1, "operation_seconds": 0}},
    ],
)
def test_a_damaged_file_is_refused_by_name(change: dict[str, object]) -> None:
    with pytest.raises(BadOption, match=r"machine\.json"):
        from_json(orjson.dumps({**orjson.loads(to_json(MACHINE)), **change}), name="machine.json")


@given(st.binary())
def test_any_bytes_are_a_machine_or_refused(content: bytes) -> None:
    with pytest.raises(BadOption):
        from_json(content, name="x")
