"""The HTTP server: all dialects on one port, behind the guard."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from types import FrameType

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from domov.api import client, documents, errors, jobs, keys, loaded, metrics, model_list, own, page, tools
from domov.api.admission import Admission
from domov.api.anthropic import routes as anthropic
from domov.api.chats import routes as chats
from domov.api.chats.room import Room
from domov.api.counting import Asgi, Counting
from domov.api.domov import administration
from domov.api.envelopes import envelope_of
from domov.api.guard import Guard
from domov.api.json_bodies import JsonBodies
from domov.api.kobold import routes as kobold
from domov.api.listening import Listener
from domov.api.live import Live
from domov.api.llamacpp import routes as llamacpp
from domov.api.lmstudio import routes as lmstudio
from domov.api.ollama import routes as ollama
from domov.api.openai import batches as openai_batches
from domov.api.openai import routes as openai
from domov.api.openai.batches import Batches
from domov.api.patience import TimedBodies, connections_allowed, impatient
from domov.api.reference import routes as reference
from domov.api.reference.document import describe
from domov.app import App
from domov.errors import Broken, DomovError
from domov.meter.metrics import Metrics

LONGEST_GOODBYE_SECONDS = 3


def create(domov: App, figures: Metrics | None = None) -> FastAPI:
    """The application, with every dialect's routes. figures: what /metrics tells; by itself it makes its own."""
    figures = figures or Metrics()
    domov.meter.add(figures.note)

    beside = Beside(Batches(domov), Room(domov), jobs.Jobs(domov), Live(domov))
    api = FastAPI(
        title="Domov",
        lifespan=lambda _: _life(domov, beside),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    _include(api, domov, figures, beside)
    describe(api)

    @api.get("/healthz", tags=["Domov"])
    async def healthz() -> dict[str, str]:
        """Says that the server runs."""
        return {"status": "ok"}

    @api.exception_handler(DomovError)
    async def refused(request: Request, error: DomovError) -> Response:
        return envelope_of(request.scope).of_error(error)

    @api.exception_handler(Exception)  # what nobody thought of: Starlette logs it as well
    async def broken(request: Request, error: Exception) -> Response:
        return await refused(request, Broken(f"Domov failed: {type(error).__name__}", hint="its log says more"))

    @api.exception_handler(RequestValidationError)
    async def not_understood(request: Request, error: RequestValidationError) -> Response:
        return await refused(request, errors.validation_error(error))

    @api.exception_handler(HTTPException)
    async def no_route(request: Request, error: HTTPException) -> Response:
        words = {404: f"no such path: {request.scope['path'][:200]}", 405: f"not with {request.method}"}
        message = words.get(error.status_code, str(error.detail))
        return envelope_of(request.scope).of_refusal(error.status_code, message)

    return api


@dataclass(frozen=True)
class Beside:
    """What goes on beside the requests."""

    batches: Batches
    room: Room
    jobs: jobs.Jobs
    live: Live

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with self.batches.running(), self.room.open(), self.jobs.running(), self.live.running():
            yield


@asynccontextmanager
async def _life(domov: App, beside: Beside) -> AsyncIterator[None]:
    """What goes on beside requests, for as long as the server runs."""
    async with AsyncExitStack() as ending:  # the last first, each even if another fails
        ending.push_async_callback(domov.access.user_spending.write)
        ending.push_async_callback(domov.access.spending.write)
        ending.callback(domov.close_documents)
        ending.push_async_callback(domov.scheduler.close)
        for watching in (domov.watch_documents(), domov.access.watch()):
            ending.push_async_callback(_end, asyncio.ensure_future(watching))
        await ending.enter_async_context(beside.running())
        yield


async def _end(task: "asyncio.Future[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _include(api: FastAPI, domov: App, figures: Metrics, beside: Beside) -> None:
    """All routes."""
    api.include_router(model_list.router(domov))
    api.include_router(openai.router(domov))
    api.include_router(openai_batches.router(domov, beside.batches), tags=["OpenAI"])
    api.include_router(ollama.router(domov))
    api.include_router(anthropic.router(domov))
    api.include_router(kobold.router(domov))
    api.include_router(lmstudio.router(domov))
    api.include_router(llamacpp.router(domov))
    for part in (loaded, documents, tools, keys):
        api.include_router(part.router(domov))
    api.include_router(administration.router(domov))
    api.include_router(chats.router(domov, beside.room))
    api.include_router(jobs.router(domov, beside.jobs))
    api.include_router(own.router(domov, beside.live))
    api.include_router(metrics.router(domov, figures))
    api.include_router(reference.router())
    api.include_router(page.router(domov))


def run(domov: App, listeners: Sequence[Listener]) -> None:
    """Serves until it is told to stop by SIGINT or SIGTERM; then ends all workers."""
    with asyncio.Runner(loop_factory=uvicorn.Config("").get_loop_factory()) as runner:
        runner.run(_serve(domov, listeners))


async def _serve(domov: App, listeners: Sequence[Listener]) -> None:
    """One of uvicorn's servers for each address. The first hears the signals and begins and ends the application."""
    figures = Metrics()
    api = JsonBodies(create(domov, figures))
    servers = [
        _Server(_uvicorn_config(domov, _asked(domov, api, listener, figures), listener, lifespan=not index))
        for index, listener in enumerate(listeners)
    ]
    servers[0].others = servers[1:]
    main = listeners[0]
    fingerprint = main.certificate.fingerprint if main.certificate else ""
    place = client.Place(main.host, main.port, domov.access.own_secret, fingerprint)
    with client.announced(domov.config.home, place), servers[0].capture_signals():
        await asyncio.gather(
            *(server._serve([listener.socket]) for server, listener in zip(servers, listeners, strict=True))
        )


def _asked(domov: App, api: Asgi, listener: Listener, figures: Metrics) -> Asgi:
    """The application as it is asked at one address: counted, in good time, by who may."""
    guarded = Guard(
        api,
        origins=listener.origins,
        admission=Admission(domov.access, listener.keys_required),
        most_body_bytes=domov.config.most_body_megabytes << 20,
    )
    return Counting(TimedBodies(guarded, seconds=domov.config.patience_seconds), figures.responded)


def _uvicorn_config(domov: App, app: Asgi, listener: Listener, *, lifespan: bool) -> uvicorn.Config:
    certificate = listener.certificate
    return uvicorn.Config(
        app,
        http=impatient(
            seconds=domov.config.patience_seconds,
            most_connections=connections_allowed(),
            most_head_bytes=domov.config.most_head_kilobytes << 10,
        ),
        ws="wsproto",
        lifespan="on" if lifespan else "off",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # what X-Forwarded-For says is `origins`' business
        ssl_context_factory=(lambda *_: certificate.context) if certificate else None,
        timeout_graceful_shutdown=LONGEST_GOODBYE_SECONDS,
    )


class _Server(uvicorn.Server):
    """One that sleeps until something happens: uvicorn's own looks ten times a second whether it is to end, and each
    time takes a core from the threads that calculate. The first of several tells the others what a signal says."""

    others: Sequence["_Server"] = ()

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told, self._loop = asyncio.Event(), asyncio.get_running_loop()

    async def main_loop(self) -> None:
        tick = 0  # in tenths of a second; at every tenth the Date of the answers is renewed
        while not await self.on_tick(tick):
            tick += 10
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._told.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        for other in (self, *self.others):
            other.should_exit, other.force_exit = self.should_exit, self.force_exit
            self._loop.call_soon_threadsafe(other._told.set)
