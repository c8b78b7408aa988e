from pathlib import Path

import psutil

from domov.hardware.memory import read_memory


def test_without_a_limit_it_is_the_machines(tmp_path: Path) -> None:
    memory = read_memory(tmp_path)
    assert (memory.total_bytes, memory.limited_by) == (psutil.virtual_memory().total, "")


def test_a_containers_limit_counts_and_is_named(tmp_path: Path) -> None:
    group = tmp_path / "sys/fs/cgroup"
    group.mkdir(parents=True)
    (group / "memory.max").write_text("1000000000\n")
    (group / "memory.current").write_text("400000000\n")
    memory = read_memory(tmp_path)
    assert (memory.total_bytes, memory.free_bytes) == (1_000_000_000, 600_000_000)
    assert "container" in memory.limited_by


def test_no_limit_of_the_old_kind_is_a_huge_number(tmp_path: Path) -> None:
    group = tmp_path / "sys/fs/cgroup/memory"
    group.mkdir(parents=True)
    (group / "memory.limit_in_bytes").write_text("9223372036854771712")
    (group / "memory.usage_in_bytes").write_text("1")
    assert read_memory(tmp_path).limited_by == ""
