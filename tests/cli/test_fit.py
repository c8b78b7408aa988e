import json
from pathlib import Path

from tests.conftest import domov
from tests.hub import Hub, tiny_gguf

HERE = ("--no-measure",)


def test_a_model_that_is_here(home: Path) -> None:
    done = domov(home, "fit", "smollm2:135m", "--context", "8192", *HERE)
    assert done.returncode == 0, done.stderr
    for word in ("Q4_1", "Q8_0", "Q4_K_M", "tokens/s", "fits", "its file, which is here"):
        assert word in done.stdout


def test_another_machine_and_a_model_that_is_not_here_without_a_connection(tmp_path: Path) -> None:
    done = domov(tmp_path, "fit", "--machine", "8 GB GPU, 32 GB RAM", "mistral:7b", DOMOV_OFFLINE="1")
    assert done.returncode == 0, done.stderr
    assert "on GPU0" in done.stdout and "its published figures" in done.stdout
    assert not (tmp_path / "logs" / "outbound.jsonl").exists()


def test_without_a_model_the_catalogue_by_task(tmp_path: Path) -> None:
    done = domov(tmp_path, "fit", "--machine", "16 GB RAM", DOMOV_OFFLINE="1")
    assert done.returncode == 0, done.stderr
    for word in ("chat", "programs", "Czech and other languages", "search in documents", "machine for small models"):
        assert word in done.stdout


def test_the_same_as_json(tmp_path: Path) -> None:
    done = domov(tmp_path, "fit", "tinyllama:1.1b", "--machine", "8 GB RAM", "--json")
    rows = {row["quantization"]: row for row in json.loads(done.stdout)["variants"]}
    plan = rows["Q4_K_M"]["plan"]
    assert plan["verdict"] == "fits"
    assert plan["needed_bytes"] == sum(
        share[k] for share in plan["devices"] for k in ("weights_bytes", "cache_bytes", "compute_bytes")
    )
    assert plan["speed"]["answer"]["low"] < plan["speed"]["answer"]["high"]


def test_a_saved_machine(tmp_path: Path) -> None:
    saved = tmp_path / "machine-saved.json"
    assert domov(tmp_path, "doctor", "--no-measure", "--save", str(saved)).returncode == 0
    assert domov(tmp_path, "fit", "mistral:7b", "--machine", str(saved)).returncode == 0


def test_a_model_on_a_hub_is_not_downloaded(tmp_path: Path) -> None:
    with Hub() as hub:
        hub.add_repository("user/repo", {"m-Q8_0.gguf": tiny_gguf(filler_bytes=8 << 20)})
        done = domov(tmp_path, "fit", "hf.co/user/repo", "--machine", "8 GB RAM", HF_ENDPOINT=hub.url)
        assert done.returncode == 0, done.stderr
        assert len(hub.downloads()) == 1
    assert "Q8_0" in done.stdout


def test_wishes_that_make_no_sense_are_one_sentence(tmp_path: Path) -> None:
    for arguments in (("--machine", "fast"), ("--slots", "0"), ("--context", "-5"), ("no-such-model",)):
        done = domov(tmp_path, "fit", "--no-measure", *arguments, DOMOV_OFFLINE="1")
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
