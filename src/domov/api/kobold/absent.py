"""What KoboldCpp has and Domov has no engine for: a clear 501, so that nobody waits for a picture that never comes."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from fastapi.responses import Response

from domov.api.kobold.errors import refusal

STATES = "Domov keeps and restores by itself what models have read: there are no states to save by hand"
PARTY = "stories are not shared between several writers here"
ABSENT = {
    "/api/extra/transcribe": "speech is not transcribed here",
    "/api/extra/tts": "nothing is read out here",
    "/api/extra/speakers_list": "nothing is read out here",
    "/api/extra/music/{rest:path}": "no music is made here",
    "/api/extra/websearch": "nothing is searched on the web: nothing leaves this computer",
    "/api/extra/multiplayer/{rest:path}": PARTY,
    "/api/extra/shutdown": "the server is ended where it was started, with Ctrl-C",
    "/api/admin/{rest:path}": STATES,
    "/sdapi/{rest:path}": "no pictures are made here",
}


def router() -> APIRouter:
    routes = APIRouter()
    for path, words in ABSENT.items():
        routes.add_api_route(path, _refused(words), methods=["GET", "POST"], include_in_schema=False)
    return routes


def _refused(words: str) -> Callable[[], Awaitable[Response]]:
    async def refused() -> Response:
        return refusal(501, words)

    return refused
