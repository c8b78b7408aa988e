"""Answers a request of a batch as its route would, whole and without a connection."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, ValidationError

from domov.access.callers import acting_for
from domov.api.errors import validation_error
from domov.api.models import installed
from domov.api.openai import asked, chat, completions, vectors
from domov.api.openai.errors import envelope, error_body
from domov.api.openai.responses import body as response
from domov.api.openai.responses import routes as responses
from domov.app import App
from domov.batches.jobs import Batch
from domov.errors import BadRequest, Busy, DomovError, WorkerDied

LOOK_SECONDS = 0.5
Route = tuple[type[BaseModel], Callable[[App, Any], Awaitable[Response]]]
ROUTES: dict[str, Route] = {
    "/v1/chat/completions": (chat.ChatBody, asked.chatted),
    "/v1/completions": (completions.CompletionBody, asked.completed),
    "/v1/embeddings": (vectors.EmbeddingBody, asked.embedded),
    "/v1/responses": (response.ResponseBody, responses.respond),
}


async def answered(domov: App, batch: Batch, body: dict[str, Any]) -> tuple[int, Any]:
    """The status and the body that a request is answered with, which counts as its owner's.

    Raises Busy and WorkerDied: it may be asked again.
    """
    kind, route = ROUTES[batch.about.endpoint]
    try:
        with acting_for(domov.access.caller_of(batch.owner, batch.about.key)):
            if body.get("stream"):
                raise BadRequest("a batch is not streamed", hint="leave stream out")
            request = kind.model_validate({**body, "priority": "batch"})
            await _after_others(domov, str(body.get("model")))
            answer = await route(domov, request)
            return answer.status_code, orjson.loads(bytes(answer.body))
    except (Busy, WorkerDied):
        raise
    except ValidationError as error:
        status, told = error_body(validation_error(RequestValidationError(error.errors())))
    except DomovError as error:
        status, told = error_body(error)
    except Exception as error:  # noqa: BLE001 - the boundary of a request, as the server's own is of others
        status, told = 500, envelope(500, f"internal error: {type(error).__name__}")
    return status, orjson.loads(told)


async def _after_others(domov: App, name: str) -> None:
    """Waits while another model is being loaded: it may be a person who waits, and for the room that this one takes."""
    mine = installed(domov, name).name
    while any(row.state == "loading" and row.model != mine for row in domov.scheduler.rows()):
        await asyncio.sleep(LOOK_SECONDS)
