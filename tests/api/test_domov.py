import httpx2

from tests.api.conftest import Server
from tests.conftest import STARTER


def get(server: Server, path: str, **query: str | int) -> httpx2.Response:
    return httpx2.get(f"{server.url}/api/domov/{path}", params=query, timeout=60)


def test_the_machine_with_its_class(server: Server) -> None:
    table = get(server, "machine").json()
    assert table["ram_bytes"] > 0
    assert "machine for" in table["class"]


def test_a_model_here_and_on_another_machine(server: Server) -> None:
    here = get(server, "fit", model=STARTER, context=2048).json()
    assert "Q8_0" in [v["quantization"] for v in here["variants"]]
    there = get(server, "fit", model="mistral:7b", machine="8 GB GPU, 32 GB RAM").json()
    assert there["best"] == "Q8_0"
    assert [d["device"] for d in there["variants"][0]["plan"]["devices"]] == ["GPU0", "RAM"]


def test_without_a_model_what_runs_best(server: Server) -> None:
    offers = get(server, "fit", machine="24 GB GPU, 64 GB RAM").json()["offers"]
    assert {o["task"] for o in offers if o["best"]} == {"chat", "code", "languages", "embedding", "rerank"}


def test_nonsense_is_an_error_with_words(server: Server) -> None:
    for query in (
        {"machine": "fast"},
        {"slots": 0},
        {"context": 1 << 60},
        {"model": "../etc"},
        {"cache": "q9", "model": STARTER},
    ):
        response = get(server, "fit", **query)
        assert 400 <= response.status_code < 500
        assert response.json()["error"]["message"]


def test_a_file_of_this_machine_cannot_be_named_as_a_machine(server: Server) -> None:
    assert get(server, "fit", machine="/etc/passwd").status_code == 400
