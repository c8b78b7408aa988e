import os
import subprocess
import sys
from pathlib import Path

import psutil

from domov.engine.process import ending, environment, remove_leftovers


def test_a_worker_inherits_what_drivers_need_and_no_secrets() -> None:
    own = {"PATH": "/bin", "CUDA_VISIBLE_DEVICES": "0", "HF_TOKEN": "hf_x", "OPENAI_API_KEY": "sk", "PATHS": "x"}
    assert environment(own) == {"PATH": "/bin", "CUDA_VISIBLE_DEVICES": "0", "GOMP_SPINCOUNT": "1000"}


def test_a_users_own_waiting_policy_is_kept() -> None:
    assert environment({"GOMP_SPINCOUNT": "0"})["GOMP_SPINCOUNT"] == "0"


def test_endings_are_told_in_words() -> None:
    assert ending(3) == "its process ended with status 3"
    assert "SIGKILL" in ending(-9) and "memory" in ending(-9)
    assert ending(None) == "its process does not answer"


def test_folders_of_dead_gateways_are_removed_and_others_kept(tmp_path: Path) -> None:
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    dead, alive, foreign = (tmp_path / f"domov-{n}-x" for n in (int(gone.stdout), os.getpid(), "mine"))
    assert not psutil.pid_exists(int(gone.stdout))
    for folder in (dead, alive, foreign):
        folder.mkdir()
    remove_leftovers(tmp_path)
    assert [dead.exists(), alive.exists(), foreign.exists()] == [False, True, True]
