"""What Prometheus is told, of happenings whose figures are known."""

from prometheus_client import generate_latest

from domov.meter import caller
from domov.meter.meter import Meter
from domov.meter.metrics import Metrics
from domov.outbound import Row
from domov.types import Happening, ModelLeft, ModelLoaded, ModelNoted, Spent, Usage


def told(*happenings: Happening | Row) -> Metrics:
    metrics, meter = Metrics(), Meter()
    meter.add(metrics.note)
    for happening in happenings:
        meter.tell(happening)
    return metrics


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_tokens_and_times_of_an_answer_add_up() -> None:
    usage = Usage(100, 20, cached_tokens=40, prompt_seconds=0.5, answer_seconds=2, drafted_tokens=8, accepted_tokens=6)
    metrics = told(*2 * [Spent("m:1b", "chat", "answered", 3.0, 0.6, usage)])
    expected = {
        "prompt_tokens": 200,
        "prompt_cached_tokens": 80,
        "prompt_seconds": 1.0,
        "answer_tokens": 40,
        "answer_seconds": 4.0,
        "drafted_tokens": 16,
        "accepted_tokens": 12,
    }
    assert {name: value(metrics, f"domov_{name}_total", model="m:1b") for name in expected} == expected
    assert value(metrics, "domov_request_seconds_sum", model="m:1b", task="chat") == 6.0
    assert value(metrics, "domov_time_to_first_token_seconds_sum", model="m:1b") == 1.2
    # (100 - 40) / 0.5 and 20 / 2
    assert value(metrics, "domov_prompt_tokens_per_second_sum", model="m:1b") == 240
    assert value(metrics, "domov_answer_tokens_per_second_sum", model="m:1b") == 20


def test_an_answer_that_was_all_cached_has_no_reading_speed() -> None:
    metrics = told(Spent("m:1b", "chat", "answered", 1.0, 0.1, Usage(5, 1, cached_tokens=5, prompt_seconds=0.1)))
    assert value(metrics, "domov_prompt_tokens_per_second_count", model="m:1b") is None


def test_a_request_that_was_left_counts_and_has_no_duration() -> None:
    metrics = told(Spent("m:1b", "chat", "cancelled", 9.0))
    labels = {"model": "m:1b", "dialect": "none", "task": "chat"}
    assert value(metrics, "domov_requests_total", **labels, outcome="cancelled") == 1
    assert value(metrics, "domov_request_seconds_count", model="m:1b", task="chat") is None


def test_the_dialect_is_that_of_the_context_in_which_the_request_ends() -> None:
    token = caller.dialect.set(lambda: "ollama")
    try:
        metrics = told(Spent("m:1b", "embedding", "answered", 1.0))
    finally:
        caller.dialect.reset(token)
    labels = {"model": "m:1b", "dialect": "ollama", "task": "embedding", "outcome": "answered"}
    assert value(metrics, "domov_requests_total", **labels) == 1


def test_what_happens_to_models_is_counted() -> None:
    metrics = told(
        ModelLoaded("m:1b", 2.0),
        ModelLoaded("m:1b", None),
        ModelLeft("m:1b", "evicted"),
        ModelNoted("m:1b", "state_saved"),
        ModelNoted("m:1b", "state_restored"),
        ModelNoted("m:1b", "worker_died"),
    )
    assert value(metrics, "domov_model_load_seconds_sum", model="m:1b") == 2.0
    assert value(metrics, "domov_model_load_failures_total", model="m:1b") == 1
    assert value(metrics, "domov_model_unloads_total", model="m:1b", reason="evicted") == 1
    assert value(metrics, "domov_states_total", model="m:1b", action="saved") == 1
    assert value(metrics, "domov_states_total", model="m:1b", action="restored") == 1
    assert value(metrics, "domov_worker_deaths_total", model="m:1b") == 1


def test_connections_are_counted_by_reason_and_name_no_file() -> None:
    def row(reason: str, outcome: str) -> Row:
        return Row("2026-11-24T00:00:00Z", reason, "hub.example", "/x", outcome)

    metrics = told(
        row("pull smollm2:135m", "200"),
        row("pull qwen3:4b", "200"),
        row("read the header of qwen3:4b", "forbidden: offline mode"),
        row("look up qwen3:4b", "Name or service not known"),
        row("ask the oracle", "200"),
    )
    name = "domov_outbound_connections_total"
    assert value(metrics, name, reason="pull", outcome="200") == 2
    assert value(metrics, name, reason="read the header", outcome="forbidden") == 1
    assert value(metrics, name, reason="look up", outcome="failed") == 1
    assert value(metrics, name, reason="other", outcome="200") == 1
    assert b"qwen3" not in generate_latest(metrics.registry)


def test_llama_servers_names_tell_what_was_read_without_what_was_cached() -> None:
    metrics = told(Spent("m:1b", "chat", "answered", 3.0, 0.6, Usage(100, 20, cached_tokens=40, prompt_seconds=0.5)))
    metrics.add(metrics.llama_server)
    assert value(metrics, "llamacpp:prompt_tokens_total", model="m:1b") == 60
    assert value(metrics, "llamacpp:tokens_predicted_total", model="m:1b") == 20


def test_each_has_a_registry_of_its_own() -> None:
    one, other = told(ModelLeft("m:1b", "asked")), told()
    assert b"m:1b" in generate_latest(one.registry)
    assert b"m:1b" not in generate_latest(other.registry)
