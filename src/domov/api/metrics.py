"""GET /metrics, for Prometheus and what speaks like it."""

import importlib.metadata
import platform
from collections.abc import Callable, Iterator, Sequence

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder

from domov.app import App
from domov.engine.scheduler import Row
from domov.meter.metrics import Metrics, gauge

NUMBERS: tuple[tuple[str, str, Callable[[Row], float]], ...] = (
    ("domov_model_running", "Requests that are answered now", lambda row: row.running),
    ("domov_model_waiting", "Requests that wait for a slot", lambda row: row.waiting),
    ("domov_model_slots", "Requests that can be answered at the same time", lambda row: row.slots),
    ("domov_model_context_tokens", "Tokens that one conversation may have", lambda row: row.context_tokens),
    ("domov_model_process_bytes", "Main memory that the process of the model holds", lambda row: row.memory_bytes),
    ("llamacpp:requests_processing", "Requests that are answered now", lambda row: row.running),
    ("llamacpp:requests_deferred", "Requests that wait for a slot", lambda row: row.waiting),
)
DEVICES: tuple[tuple[str, str, Callable[[Row], dict[str, int]]], ...] = (
    ("predicted", "What the model was predicted to take, its process included", lambda row: row.planned_device_bytes),
    ("measured", "What llama.cpp says that it allocated", lambda row: row.measured_device_bytes),
)


def router(domov: App, figures: Metrics) -> APIRouter:
    figures.describe_build(
        version=importlib.metadata.version("domov"),
        engine=domov.config.engine,
        xllamacpp=importlib.metadata.version("xllamacpp"),
        python=platform.python_version(),
    )
    figures.add(lambda: loaded(domov.scheduler.rows()))
    figures.add(figures.llama_server)
    routes = APIRouter(tags=["Domov"])

    @routes.get("/metrics")
    async def metrics(request: Request) -> Response:
        """Figures for Prometheus: of requests, models, memory and connections."""
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(figures), headers={"content-type": media_type})

    return routes


def loaded(rows: Sequence[Row]) -> Iterator[Metric]:
    """The gauges of the models that are loaded. Names of one file with two sets of options are one model here."""
    for name, words, number in NUMBERS:
        sums: dict[tuple[str, ...], float] = {}
        for row in rows:
            sums[row.model,] = sums.get((row.model,), 0) + number(row)
        yield gauge(name, words, sums.items(), labels=("model",))
    for kind, words, sizes in DEVICES:
        sums = {}
        for row in rows:
            for device, size in sizes(row).items():
                sums[row.model, device] = sums.get((row.model, device), 0) + size
        yield gauge(f"domov_model_{kind}_bytes", words, sums.items(), labels=("model", "device"))
