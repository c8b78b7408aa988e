from pathlib import Path

from domov.engine.notes import note_plan
from domov.engine.scheduler import Row

ROW = Row("m:1b", "idle", 0, 0, {}, 512, 1, 0, 0, None)


def test_a_disk_that_takes_no_note_of_a_plan_refuses_nobody(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    note_plan(tmp_path / "logs" / "plans.jsonl", ROW)


def test_the_newest_plans_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "plans.jsonl"
    path.write_bytes(b"".join(b"%d\n" % n for n in range(2000)))
    note_plan(path, ROW)
    lines = path.read_text().splitlines()
    assert len(lines) == 1000 and lines[-2] == "1999" and '"model":"m:1b"' in lines[-1]
