"""GET /metrics of a real server: that each kind of figure is there and follows what is asked."""

import re
from pathlib import Path

import httpx2
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from tests.api.conftest import LITTLE, Server
from tests.conftest import STARTER

Sample = tuple[str, frozenset[tuple[str, str]]]
MESSAGES = [{"role": "user", "content": "one two three"}]


def samples(server: Server) -> dict[Sample, float]:
    text = httpx2.get(f"{server.url}/metrics").text
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, frozenset(sample.labels.items())): sample.value for sample in found}


class Change:
    """How far samples have gone up since it was made."""

    def __init__(self, server: Server) -> None:
        self._server, self._before = server, samples(server)

    def of(self, name: str, **labels: str) -> float:
        key = (name, frozenset(labels.items()))
        return samples(self._server).get(key, 0.0) - self._before.get(key, 0.0)


def test_a_request_is_counted_under_its_dialect(fake: Server) -> None:
    change = Change(fake)
    bodies = {
        "openai": ("/v1/chat/completions", {"model": LITTLE, "messages": MESSAGES}),
        "ollama": ("/api/chat", {"model": LITTLE, "messages": MESSAGES, "stream": True}),
        "anthropic": ("/v1/messages", {"model": LITTLE, "messages": MESSAGES, "max_tokens": 5, "stream": True}),
    }
    for path, body in bodies.values():
        assert httpx2.post(fake.url + path, json=body).status_code == 200
    for dialect in bodies:
        labels = {"model": LITTLE, "dialect": dialect, "task": "chat", "outcome": "answered"}
        assert change.of("domov_requests_total", **labels) == 1
        assert change.of("domov_http_responses_total", dialect=dialect, status="200") == 1
    assert change.of("domov_answer_tokens_total", model=LITTLE) == 9
    assert change.of("domov_time_to_first_token_seconds_count", model=LITTLE) == 3


def test_what_was_refused_is_counted_and_its_words_are_no_labels(fake: Server) -> None:
    change = Change(fake)
    secret = "nosuchmodel-4711"
    httpx2.post(f"{fake.url}/api/chat", json={"model": secret, "messages": MESSAGES})
    httpx2.get(f"{fake.url}/{secret}")
    httpx2.get(f"{fake.url}/metrics", headers={"Host": f"{secret}.example"})
    assert change.of("domov_http_responses_total", dialect="ollama", status="404") == 1
    assert change.of("domov_http_responses_total", dialect="none", status="404") == 1
    assert change.of("domov_http_responses_total", dialect="none", status="403") == 1
    assert secret not in httpx2.get(f"{fake.url}/metrics").text


def test_a_loaded_model_tells_its_memory_slots_and_speed(server: Server) -> None:
    body = {"model": STARTER, "messages": MESSAGES, "max_tokens": 4}
    assert httpx2.post(f"{server.url}/v1/chat/completions", json=body, timeout=60).status_code == 200
    told = {name: value for (name, labels), value in samples(server).items() if ("model", STARTER) in labels}
    assert told["domov_model_slots"] == 2
    assert told["domov_model_running"] == told["domov_model_waiting"] == 0
    assert told["llamacpp:requests_processing"] == 0
    assert abs(told["domov_model_measured_bytes"] - told["domov_model_predicted_bytes"]) < 1e8
    assert told["domov_model_process_bytes"] > 1e8
    assert told["domov_model_load_seconds_count"] >= 1
    assert told["domov_answer_seconds_total"] > 0
    assert told["llamacpp:prompt_tokens_total"] <= told["domov_prompt_tokens_total"]


def test_the_build_is_told(fake: Server) -> None:
    (labels,) = [dict(labels) for name, labels in samples(fake) if name == "domov_build_info"]
    assert labels.keys() == {"version", "engine", "xllamacpp", "python"}
    assert labels["engine"] == "fake"


def test_who_asks_for_openmetrics_gets_it(fake: Server) -> None:
    answer = httpx2.get(f"{fake.url}/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert len(list(openmetrics.text_string_to_metric_families(answer.text))) > 20  # type: ignore[no-untyped-call]


ROOT = Path(__file__).parent.parent.parent


def test_the_page_and_the_dashboard_name_what_there_is(server: Server) -> None:
    told = httpx2.get(f"{server.url}/metrics").text
    there = {family.name for family in text_string_to_metric_families(told)}
    written = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    missing = {name for name in there if name.startswith(("domov_", "llamacpp:")) and name not in written}
    assert not missing
    named = re.findall(
        r"\b(?:domov_\w+|llamacpp:\w+)", written + (ROOT / "docs" / "grafana" / "domov.json").read_text()
    )
    endings = r"(_total|_bucket|_count)$"
    left_out = {"llamacpp:prompt_tokens_seconds", "llamacpp:predicted_tokens_seconds"}
    bases = {re.sub(endings, "", name) for name in there}
    assert {re.sub(endings, "", name) for name in named} - bases - left_out == set()
