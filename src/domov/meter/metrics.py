"""What Prometheus may ask: counters that requests add to when they end, and gauges that are read when it asks.

Labels are names of models that are here, of dialects, of devices and short words of this file: whatever a caller
sends is none of them, so that no caller can fill the memory.
"""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, Info, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from domov.meter.caller import dialect
from domov.outbound import Row as Connection
from domov.types import Happening, ModelLeft, ModelLoaded, ModelNoted, Spent, Usage

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
TOKENS_PER_SECOND = (1, 2, 5, 10, 20, 30, 50, 75, 100, 150, 200, 500, 1000, 2000, 5000)
# How the reasons in the ledger of connections begin: the rest of them names a file.
REASONS = ("look up", "pull", "read the header", "read the figures", "measure the speed")


class Metrics(Collector):
    """Those of one App, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self.registry)
        self._requests = self._counter("requests", "Requests to models that have ended", "model dialect task outcome")
        self._seconds = self._histogram(
            "request_seconds", "From asking a model to the end of its answer", SECONDS, "model task"
        )
        self._first = self._histogram(
            "time_to_first_token_seconds", "From asking a model to the first piece of its answer", SECONDS, "model"
        )
        self._prompt_tokens = self._counter("prompt_tokens", "Tokens of prompts", "model")
        self._cached_tokens = self._counter("prompt_cached_tokens", "Of those, the ones that had been read before")
        self._reading = self._counter("prompt_seconds", "Time that reading the others took")
        self._answer_tokens = self._counter("answer_tokens", "Tokens of answers")
        self._writing = self._counter("answer_seconds", "Time that writing them took")
        self._drafted = self._counter("drafted_tokens", "Tokens that speculation proposed")
        self._accepted = self._counter("accepted_tokens", "Of those, the ones that were right")
        self._reading_speed = self._histogram(
            "prompt_tokens_per_second", "How fast the prompt of a request was read", TOKENS_PER_SECOND, "model"
        )
        self._writing_speed = self._histogram(
            "answer_tokens_per_second", "How fast the answer of a request was written", TOKENS_PER_SECOND, "model"
        )
        self._loading = self._histogram("model_load_seconds", "Time that loading took", SECONDS, "model")
        self._not_loaded = self._counter("model_load_failures", "Models that could not be loaded")
        self._unloads = self._counter("model_unloads", "Models that left memory, and why", "model reason")
        self._deaths = self._counter("worker_deaths", "Processes of models that ended by themselves")
        self._states = self._counter("states", "Attention caches saved to disk or restored", "model action")
        self._connections = self._counter("outbound_connections", "Connections to elsewhere", "reason outcome")
        self._responses = self._counter("http_responses", "Answers of the server", "dialect status")

    def _counter(self, name: str, words: str, labels: str = "model") -> Counter:
        return Counter(f"domov_{name}", words, labels.split(), registry=self.registry)

    def _histogram(self, name: str, words: str, buckets: tuple[float, ...], labels: str) -> Histogram:
        return Histogram(f"domov_{name}", words, labels.split(), buckets=buckets, registry=self.registry)

    def describe_build(self, **words: str) -> None:
        Info("domov_build", "What runs here", registry=self.registry).info(words)

    def collect(self) -> Iterator[Metric]:
        """All there is to tell, without the time at which each counter was made."""
        for metric in self.registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric

    def add(self, read: Callable[[], Iterable[Metric]]) -> None:
        """Takes in metrics that are read whenever they are asked for."""
        self.registry.register(_Read(read))

    def note(self, happening: Happening | Connection) -> None:
        """Takes in what happened, as the meter tells it."""
        if isinstance(happening, Spent):
            self._spent(happening)
        elif isinstance(happening, ModelLoaded):
            self._loaded(happening)
        elif isinstance(happening, ModelLeft):
            self._unloads.labels(happening.model, happening.reason).inc()
        elif isinstance(happening, Connection):
            self._connected(happening)
        elif not isinstance(happening, ModelNoted):
            return
        elif happening.what == "worker_died":
            self._deaths.labels(happening.model).inc()
        else:
            self._states.labels(happening.model, happening.what.removeprefix("state_")).inc()

    def _spent(self, spent: Spent) -> None:
        self._requests.labels(spent.model, dialect.get()(), spent.task, spent.outcome).inc()
        if spent.outcome == "answered":
            self._seconds.labels(spent.model, spent.task).observe(spent.seconds)
        if spent.first_seconds is not None:
            self._first.labels(spent.model).observe(spent.first_seconds)
        if spent.usage is not None:
            self._used(spent.model, spent.usage)

    def _used(self, model: str, usage: Usage) -> None:
        read_tokens = usage.prompt_tokens - usage.cached_tokens
        for counter, amount in (
            (self._prompt_tokens, usage.prompt_tokens),
            (self._cached_tokens, usage.cached_tokens),
            (self._reading, usage.prompt_seconds),
            (self._answer_tokens, usage.answer_tokens),
            (self._writing, usage.answer_seconds),
            (self._drafted, usage.drafted_tokens),
            (self._accepted, usage.accepted_tokens),
        ):
            counter.labels(model).inc(max(0, amount))
        if read_tokens > 0 and usage.prompt_seconds > 0:
            self._reading_speed.labels(model).observe(read_tokens / usage.prompt_seconds)
        if usage.answer_tokens_per_second > 0:
            self._writing_speed.labels(model).observe(usage.answer_tokens_per_second)

    def _loaded(self, loaded: ModelLoaded) -> None:
        if loaded.seconds is None:
            self._not_loaded.labels(loaded.model).inc()
        else:
            self._loading.labels(loaded.model).observe(loaded.seconds)

    def _connected(self, connection: Connection) -> None:
        reason = next((words for words in REASONS if connection.reason.startswith(words)), "other")
        outcome = connection.outcome if connection.outcome.isdigit() else "failed"
        if connection.outcome.startswith("forbidden"):
            outcome = "forbidden"
        self._connections.labels(reason, outcome).inc()

    def responded(self, dialect: str, status: int) -> None:
        self._responses.labels(dialect, str(status)).inc()

    def llama_server(self) -> Iterator[Metric]:
        """llama-server's own names for what is the same, so that dashboards made for it go on working.

        Source: llama.cpp tools/server/README.md, GET /metrics. Left out: averages since the last question, which
        depend on who else asks, and what only its inside knows.
        """
        read = _totals(self._prompt_tokens)
        for model, cached in _totals(self._cached_tokens).items():
            read[model] -= cached
        for name, words, totals in (
            ("prompt_tokens", "Tokens of prompts that were read", read),
            ("prompt_seconds", "Time that it took", _totals(self._reading)),
            ("tokens_predicted", "Tokens that were written", _totals(self._answer_tokens)),
            ("tokens_predicted_seconds", "Time that it took", _totals(self._writing)),
        ):
            family = CounterMetricFamily(f"llamacpp:{name}", words, labels=["model"])
            for model, total in totals.items():
                family.add_metric([model], total)
            yield family


class _Read(Collector):
    """A collector that asks a function."""

    def __init__(self, read: Callable[[], Iterable[Metric]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        return self._read()

    def describe(self) -> Iterable[Metric]:
        return ()


def gauge(name: str, words: str, rows: Iterable[tuple[tuple[str, ...], float]], *, labels: tuple[str, ...]) -> Metric:
    """A gauge with a value for each set of labels."""
    family = GaugeMetricFamily(name, words, labels=labels)
    for values, number in rows:
        family.add_metric(values, number)
    return family


def _totals(counter: Counter) -> dict[str, float]:
    """By model."""
    samples = [sample for metric in counter.collect() for sample in metric.samples if sample.name.endswith("_total")]
    return {sample.labels["model"]: sample.value for sample in samples}
