import os
import time
from pathlib import Path

import pytest

from domov.hardware.load import Load, limited_group, neighbours_processors, others_processors, read_load


def test_others_are_all_but_our_own() -> None:
    before = Load(10.0, 100.0, None, {1: 5.0})
    after = Load(12.0, 103.0, None, {1: 6.0})
    assert others_processors(before, after) == pytest.approx(1.0)  # 3 s of work in 2 s, one of them ours


def test_a_process_that_has_just_come_is_ours_from_its_start() -> None:
    assert others_processors(Load(0.0, 0.0, None, {}), Load(1.0, 1.0, None, {7: 1.0})) == 0.0


def test_a_process_that_has_ended_takes_nothing_back() -> None:
    assert others_processors(Load(0.0, 0.0, None, {7: 50.0}), Load(1.0, 1.0, None, {7: 0.0})) == 1.0


def test_neighbours_are_those_of_the_same_group() -> None:
    assert neighbours_processors(Load(0.0, 0.0, 10.0, {1: 1.0}), Load(2.0, 9.0, 13.0, {1: 2.0})) == pytest.approx(1.0)
    assert neighbours_processors(Load(0.0, 0.0, None, {}), Load(2.0, 9.0, None, {})) == 0.0


def test_no_time_is_no_load() -> None:
    load = Load(1.0, 1.0, 1.0, {})
    assert others_processors(load, load) == neighbours_processors(load, load) == 0.0


def test_the_real_counters_grow_with_work() -> None:
    processors = frozenset(range(os.cpu_count() or 1))
    before = read_load([os.getpid(), 2**22 + 1], processors=processors)
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass
    after = read_load([os.getpid(), 2**22 + 1], processors=processors)
    assert after.own_seconds[os.getpid()] - before.own_seconds[os.getpid()] >= 0.15
    assert after.busy_seconds - before.busy_seconds >= 0.15


def test_the_group_that_is_counted_is_the_one_that_limits(tmp_path: Path) -> None:
    own = tmp_path / "sys/fs/cgroup/users/anna"
    own.mkdir(parents=True)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/users/anna\n")
    (own / "cpu.max").write_text("max 100000\n")
    assert limited_group(tmp_path) is None
    (own.parent / "cpu.max").write_text("150000 100000\n")
    group = limited_group(tmp_path)
    assert group == own.parent / "cpu.stat"
    assert read_load([], processors=frozenset(), group=group).group_seconds is None  # not there
    group.write_text("usage_usec 2500000\nuser_usec 1\n")
    assert read_load([], processors=frozenset(), group=group).group_seconds == 2.5
