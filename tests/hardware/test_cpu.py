from pathlib import Path

from domov.hardware.cpu import Cpu, cpu_quota, read_cpu


def machine(root: Path, *, siblings: list[str], model: str = "Some CPU") -> Path:
    for number, line in enumerate(siblings):
        folder = root / f"sys/devices/system/cpu/cpu{number}/topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(line + "\n")
    (root / "proc").mkdir()
    (root / "proc/cpuinfo").write_text(f"processor\t: 0\nmodel name\t: {model}\n")
    return root


def test_two_threads_of_one_core_are_one_core(tmp_path: Path) -> None:
    root = machine(tmp_path, siblings=["0,2", "1,3", "0,2", "1,3"])
    assert read_cpu(root, frozenset(range(4))) == Cpu("Some CPU", logical=4, physical=2, quota=None)


def test_only_the_processors_allowed_count(tmp_path: Path) -> None:
    root = machine(tmp_path, siblings=["0,2", "1,3", "0,2", "1,3"])
    assert read_cpu(root, frozenset({0, 2})).usable_cores == 1


def test_a_quota_of_a_container_limits_the_cores(tmp_path: Path) -> None:
    root = machine(tmp_path, siblings=[str(n) for n in range(8)])
    group = root / "sys/fs/cgroup/kubepods/pod"
    group.mkdir(parents=True)
    (root / "proc/self").mkdir()
    (root / "proc/self/cgroup").write_text("0::/kubepods/pod\n")
    (group / "cpu.max").write_text("max 100000\n")
    (group.parent / "cpu.max").write_text("250000 100000\n")
    cpu = read_cpu(root, frozenset(range(8)))
    assert (cpu.quota, cpu.usable_cores) == (2.5, 3)


def test_a_quota_of_the_old_kind_limits_too(tmp_path: Path) -> None:
    group = tmp_path / "sys/fs/cgroup/cpu"
    group.mkdir(parents=True)
    (group / "cpu.cfs_quota_us").write_text("50000")
    (group / "cpu.cfs_period_us").write_text("100000")
    assert cpu_quota(tmp_path) == 0.5
    (group / "cpu.cfs_quota_us").write_text("-1")
    assert cpu_quota(tmp_path) is None


def test_a_machine_without_proc_has_one_core_for_each_processor(tmp_path: Path) -> None:
    assert read_cpu(tmp_path, frozenset({0, 1})) == Cpu("", logical=2, physical=2, quota=None)


def test_this_machine_has_at_least_one_core() -> None:
    cpu = read_cpu()
    assert 1 <= cpu.usable_cores <= cpu.logical
