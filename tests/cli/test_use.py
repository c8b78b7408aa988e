"""usage and privacy, as they are typed."""

import json
import tomllib
from pathlib import Path

import httpx2
import pytest

from domov.hardware.energy import why_unknown
from tests.api.conftest import LITTLE, little_home, serving
from tests.conftest import domov
from tests.hub import Hub, tiny_gguf


def test_usage_before_anything_was_asked(tmp_path: Path) -> None:
    assert "nothing was asked" in domov(tmp_path, "usage").stderr
    table = json.loads(domov(tmp_path, "usage", "--json").stdout)
    assert table["total"]["requests"] == 0 and table["day"] == [] and not (tmp_path / "domov.db").exists()


def test_usage_by_model_with_a_server_that_has_ended(tmp_path: Path) -> None:
    with serving(little_home(tmp_path), DOMOV_ENGINE="fake") as server:
        httpx2.post(f"{server.url}/v1/embeddings", json={"model": LITTLE, "input": "one two three"})
    lines = domov(tmp_path, "usage", "--by", "model").stdout.splitlines()
    assert lines[0].split() == ["MODEL", "REQUESTS", "FAILED", "READ", "KNOWN", "WRITTEN", "TIME", "ENERGY"]
    assert lines[1].split()[:3] == [LITTLE, "1", "0"]
    assert lines[2].startswith("in all")
    assert "this computer" in domov(tmp_path, "usage", "--by", "person").stdout


def test_energy_is_estimated_by_what_the_owner_says_of_the_machine(tmp_path: Path) -> None:
    said = {"DOMOV_WATTS": "60", "DOMOV_KILOWATT_HOUR_PRICE": "7.5", "DOMOV_CURRENCY": "CZK"}
    with serving(little_home(tmp_path), DOMOV_ENGINE="fake", **said) as server:
        httpx2.post(f"{server.url}/v1/embeddings", json={"model": LITTLE, "input": "one two three"})
    table = json.loads(domov(tmp_path, "usage", "--json", **said).stdout)
    assert table["energy_estimated"] is (why_unknown() != "") and table["currency"] == "CZK"
    total = table["total"]
    assert total["joules"] > 0 and total["cost"] == pytest.approx(total["joules"] / 3.6e6 * 7.5)
    assert "CZK" in domov(tmp_path, "usage", **said).stdout.splitlines()[0]


def test_the_ledger_in_words_and_the_switch_without_a_server(tmp_path: Path) -> None:
    assert "no connection was ever made" in domov(tmp_path, "privacy").stdout
    with Hub() as hub:
        hub.add_repository("user/m", {"m-Q8_0.gguf": tiny_gguf()})
        assert domov(tmp_path, "pull", "hf.co/user/m", HF_ENDPOINT=hub.url).returncode == 0
        (tmp_path / "config.toml").write_text('# mine\nslots = 3\n\n[models."m:latest"]\nslots = 1\n')
        assert "offline mode is on" in domov(tmp_path, "privacy", "--offline").stderr
        refused = domov(tmp_path, "pull", "hf.co/user/other", HF_ENDPOINT=hub.url)
    assert refused.returncode == 1 and "offline mode is on" in refused.stderr
    shown = domov(tmp_path, "privacy").stdout
    assert "nothing may leave this computer" in shown and "look up" in shown and "localhost" in shown
    table = json.loads(domov(tmp_path, "privacy", "--json", "--last", "1").stdout)
    assert len(table["connections"]) == 1 and table["connections"][0]["outcome"].startswith("forbidden")
    text = (tmp_path / "config.toml").read_text()
    assert "# mine\n" in text and tomllib.loads(text)["models"] == {"m:latest": {"slots": 1}}
    assert "offline mode is off" in domov(tmp_path, "privacy", "--online").stderr
    assert tomllib.loads((tmp_path / "config.toml").read_text())["offline"] is False


def test_the_switch_with_a_server_that_runs(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        domov(tmp_path, "privacy", "--offline")
        assert httpx2.get(f"{server.url}/api/domov/offline").json()["offline"] is True
        assert json.loads(domov(tmp_path, "privacy", "--json").stdout)["offline"] is True
    assert tomllib.loads((tmp_path / "config.toml").read_text()) == {"offline": True}


def test_what_the_environment_says_is_not_switched(tmp_path: Path) -> None:
    done = domov(tmp_path, "privacy", "--online", DOMOV_OFFLINE="1")
    assert done.returncode == 2 and "DOMOV_OFFLINE" in done.stderr
