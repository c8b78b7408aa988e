"""The HTTP server: all dialects on one port, behind the guard."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from domov.api import client, documents, errors, loaded, model_list
from domov.api import domov as own
from domov.api.anthropic import routes as anthropic
from domov.api.envelopes import envelope_of
from domov.api.guard import Guard
from domov.api.ollama import routes as ollama
from domov.api.openai import routes as openai
from domov.app import App
from domov.errors import BadOption, DomovError, PortInUse

LOOPBACK = ("127.0.0.1", "::1", "localhost")
LONGEST_GOODBYE_SECONDS = 3


def create(domov: App) -> FastAPI:
    """The application, with every dialect's routes."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.ensure_future(domov.watch_documents())
        yield
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await domov.scheduler.close()
        domov.close_documents()

    api = FastAPI(title="Domov", lifespan=lifespan, docs_url=None, redoc_url=None)
    api.include_router(model_list.router(domov))
    api.include_router(openai.router(domov))
    api.include_router(ollama.router(domov))
    api.include_router(anthropic.router(domov))
    api.include_router(loaded.router(domov))
    api.include_router(own.router(domov))
    api.include_router(documents.router(domov))

    @api.get("/healthz", tags=["Domov"])
    async def healthz() -> dict[str, str]:
        """Says that the server runs."""
        return {"status": "ok"}

    @api.exception_handler(DomovError)
    async def refused(request: Request, error: DomovError) -> Response:
        return envelope_of(request.scope).of_error(error)

    @api.exception_handler(RequestValidationError)
    async def not_understood(request: Request, error: RequestValidationError) -> Response:
        return await refused(request, errors.validation_error(error))

    @api.exception_handler(HTTPException)
    async def no_route(request: Request, error: HTTPException) -> Response:
        words = {404: f"no such path: {request.scope['path'][:200]}", 405: f"not with {request.method}"}
        message = words.get(error.status_code, str(error.detail))
        return envelope_of(request.scope).of_refusal(error.status_code, message)

    return api


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to the address. Raises BadOption for one that is not loopback, PortInUse for one that is taken."""
    if host not in LOOPBACK:
        raise BadOption(f"can't listen on {host}", hint="only loopback addresses so far: 127.0.0.1, ::1 or localhost")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    if sys.platform != "win32":  # on Windows it would let two servers share the port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise PortInUse(
            f"can't listen on {host}:{port}: {error.strerror}",
            hint=f"another program may be using it, perhaps another domov; try --port {port + 1 if port else 0}",
        ) from error
    except OverflowError as error:
        raise BadOption(f"no such port: {port}", hint="ports go from 0 to 65535") from error
    return listener


def run(domov: App, listener: socket.socket) -> None:
    """Serves until it is told to stop by SIGINT or SIGTERM; then ends all workers."""
    host, port = listener.getsockname()[:2]
    config = uvicorn.Config(
        Guard(create(domov), port=port),
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=LONGEST_GOODBYE_SECONDS,
    )
    with client.announced(domov.config.home, host, port):
        uvicorn.Server(config).run(sockets=[listener])
