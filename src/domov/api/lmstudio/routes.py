"""LM Studio's routes, its API of today (v1) and the older one (v0). Source: its docs, developer/rest."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from domov.api.answers import json_response
from domov.api.disconnect import unless_disconnected
from domov.api.lmstudio import chat, describing, loading, sdk, v0
from domov.api.lmstudio.downloads import DownloadBody, job_table, start, wanted
from domov.api.lmstudio.errors import refusal
from domov.api.lmstudio.request import ChatBody
from domov.api.models import installed
from domov.api.openai import vectors
from domov.app import App
from domov.errors import NoSuchDownload


def router(domov: App) -> APIRouter:
    routes = APIRouter()
    for part in (_v1, _downloads, _v0):
        routes.include_router(part(domov), tags=["LM Studio"])
    routes.include_router(sdk.router(domov))
    return routes


def _v1(domov: App) -> APIRouter:
    routes = APIRouter(prefix="/api/v1")

    @routes.post("/chat")
    async def answer(body: ChatBody, request: Request) -> Response:
        """An answer to what is added to a conversation, whole or as named events; the server keeps the conversation."""
        return await unless_disconnected(request, chat.chat(domov, body))

    @routes.get("/models")
    def models() -> dict[str, Any]:
        """The models that are here, and how those in memory are loaded."""
        return {"models": [describing.model_table(found) for found in describing.all_described(domov)]}

    @routes.post("/models/load")
    async def load(body: loading.LoadBody) -> dict[str, Any]:
        """Loads a model, so that it stays in memory; it goes on also where the client does not wait."""
        return await loading.load(domov, body)

    @routes.post("/models/unload")
    async def unload(body: loading.UnloadBody) -> dict[str, Any]:
        """Ends a model; 503 while it answers."""
        return await loading.unload(domov, body.instance_id)

    return routes


def _downloads(domov: App) -> APIRouter:
    routes = APIRouter(prefix="/api/v1/models/download")

    @routes.post("")
    async def download(body: DownloadBody) -> dict[str, Any]:
        """Fetches a model in the background."""
        job = await start(domov, wanted(body))
        return job_table(job) if job else {"status": "already_downloaded"}

    @routes.get("/status/{job_id}")
    async def status(job_id: str) -> Response:
        """How far a download is."""
        try:
            return json_response(job_table(await domov.downloads.get(job_id)))
        except NoSuchDownload:
            return refusal(404, f"no such job: {job_id[:100]}", kind="job_not_found")

    return routes


def _v0(domov: App) -> APIRouter:
    routes = APIRouter(prefix="/api/v0")

    @routes.get("/models")
    def models() -> dict[str, Any]:
        """The models that are here."""
        rows = [describing.older_table(found) for found in describing.all_described(domov)]
        return {"object": "list", "data": rows}

    @routes.get("/models/{name:path}")
    def model(name: str) -> dict[str, Any]:
        """One of them."""
        return describing.older_table(describing.described(domov, installed(domov, name)))

    @routes.post("/chat/completions")
    async def chat_completions(body: v0.ChatBody, request: Request) -> Response:
        """OpenAI's chat completions, with the figures of the answer."""
        return await unless_disconnected(request, v0.chat(domov, body))

    @routes.post("/completions")
    async def text_completions(body: v0.CompletionBody, request: Request) -> Response:
        """OpenAI's completions, with the figures of the answer."""
        return await unless_disconnected(request, v0.complete(domov, body))

    @routes.post("/embeddings")
    async def embeddings(body: vectors.EmbeddingBody, request: Request) -> Response:
        """OpenAI's embeddings."""
        return await unless_disconnected(request, v0.embed(domov, body))

    return routes
