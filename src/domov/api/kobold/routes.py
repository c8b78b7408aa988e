"""KoboldCpp's routes. Source: its API documentation (kcpp_docs) and koboldcpp.py, version 1.117."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import Field

from domov.access.callers import current
from domov.api.answers import json_response
from domov.api.disconnect import unless_disconnected
from domov.api.kobold import absent
from domov.api.kobold.answering import Answering, logprobs_table
from domov.api.kobold.choosing import Choice
from domov.api.kobold.fields import USUAL_MAX_LENGTH, GenerateBody, Int31
from domov.api.kobold.figures import KOBOLDAI_VERSION, perf_table, version_table
from domov.api.kobold.generations import Generations
from domov.api.kobold.grammar import grammar_of
from domov.api.kobold.leniency import AnyKind
from domov.api.kobold.stories import Stories
from domov.api.models import shown_rows
from domov.api.ollama.fields import MODEL_NAMES, Body
from domov.api.openai import vectors
from domov.api.openai.messages import ChatMessage, message_of
from domov.api.vectors import embedded
from domov.app import App
from domov.engine.scheduler import Scheduled
from domov.errors import BadRequest, NoSuchModel
from domov.types import ChatRequest

UNLOAD = "unload_model"  # in the place of a name
NO_MODEL = "inactive"  # KoboldCpp's word where it has none


class KeyBody(Body):
    genkey: Annotated[str, Field(max_length=200)] = ""


class CountBody(Body):
    model: MODEL_NAMES = ""
    prompt: str | None = None
    special: bool = True
    messages: list[ChatMessage] = []


class DetokenizeBody(Body):
    model: MODEL_NAMES = ""
    ids: Annotated[list[Int31], Field(max_length=1 << 20)]


class ReloadBody(Body):
    filename: MODEL_NAMES


class EmbeddingBody(vectors.EmbeddingBody):
    model: str = ""
    truncate: bool = True


class SlotBody(Body):
    slot: int


class StoryBody(SlotBody):
    title: str = ""
    format: str = ""
    data: str = ""


def router(domov: App) -> APIRouter:
    routes = APIRouter(tags=["KoboldCpp"])
    choice, generations = Choice(domov), Generations()
    answering = Answering(domov, choice, generations, {})
    for api in ("v1", "latest"):  # the same under both names; documented once
        for part in (_asking(answering), _settings(choice)):
            routes.include_router(part, prefix=f"/api/{api}", include_in_schema=api == "v1")
    for part in (_following(answering), _tokens(domov, choice), _server(domov, answering), _stories(domov)):
        routes.include_router(part, prefix="/api/extra")
    routes.include_router(_admin(domov, choice), prefix="/api/admin")
    routes.include_router(absent.router())
    return routes


def _asking(answering: Answering) -> APIRouter:
    routes = APIRouter(route_class=AnyKind)

    @routes.post("/generate")
    async def generate(body: GenerateBody, request: Request) -> Response:
        """A text written on."""
        return await unless_disconnected(request, answering.whole(body))

    return routes


def _settings(choice: Choice) -> APIRouter:
    routes = APIRouter()

    @routes.get("/model")
    async def model() -> dict[str, str]:
        """The model that answers."""
        try:
            return {"result": (await choice.model()).name}
        except NoSuchModel:
            return {"result": NO_MODEL}

    @routes.get("/info/version")
    async def version() -> dict[str, str]:
        """The version of KoboldAI's API that KoboldCpp's began as."""
        return {"result": KOBOLDAI_VERSION}

    @routes.get("/config/max_length")
    async def max_length() -> dict[str, int]:
        """How long an answer is if nothing else is asked for."""
        return {"value": USUAL_MAX_LENGTH}

    @routes.get("/config/max_context_length")
    async def max_context_length() -> dict[str, int]:
        """The context of the model that answers."""
        return {"value": await choice.context_tokens(await choice.model())}

    @routes.get("/config/soft_prompt")
    async def soft_prompt() -> dict[str, str]:
        """None: there are no soft prompts."""
        return {"value": ""}

    @routes.get("/config/soft_prompts_list")
    async def soft_prompts() -> dict[str, list[str]]:
        """None: there are no soft prompts."""
        return {"values": []}

    return routes


def _following(answering: Answering) -> APIRouter:
    """Answers in pieces, and what is asked about an answer on its way."""
    routes = APIRouter(route_class=AnyKind)
    generations = answering.generations

    @routes.post("/generate/stream")
    async def stream(body: GenerateBody, request: Request) -> Response:
        """A text written on, as server-sent events."""
        return await unless_disconnected(request, answering.streamed(body))

    @routes.post("/generate/check")
    async def check(body: KeyBody | None = None) -> dict[str, Any]:
        """How far an answer has come."""
        found = generations.find(body.genkey if body else "")
        return {"results": [{"text": found.text if found else ""}]}

    @routes.get("/generate/check")
    async def check_keyless() -> dict[str, Any]:
        """How far an answer without a key has come."""
        return await check()

    @routes.post("/abort")
    async def abort(body: KeyBody | None = None) -> dict[str, bool]:
        """Ends an answer; who waits for it gets what there is."""
        ended = await generations.abort(body.genkey if body else "")
        return {"success": ended, "done": ended}

    @routes.post("/last_logprobs")
    async def last_logprobs(body: KeyBody | None = None) -> Response:
        """The figures of an answer's tokens."""
        found = generations.find(body.genkey if body else "")
        return json_response({"logprobs": logprobs_table(found.tokens) if found and found.tokens else None})

    @routes.get("/last_logprobs")
    async def last_logprobs_keyless() -> Response:
        """The figures of the tokens of an answer without a key."""
        return await last_logprobs()

    return routes


def _tokens(domov: App, choice: Choice) -> APIRouter:
    routes = APIRouter(route_class=AnyKind)

    async def engine(name: str) -> Scheduled:
        return domov.scheduler.engine_for(await choice.model(name))

    @routes.post("/tokencount")
    @routes.post("/tokenize")
    async def tokencount(body: CountBody) -> Response:
        """The tokens of a text, or of a conversation as a prompt."""
        text = body.prompt
        if text is None and not body.messages:
            raise BadRequest("prompt is required")
        if not text and body.messages:
            messages = tuple(message_of(message) for message in body.messages)
            text = await (await engine(body.model)).render(ChatRequest(body.model, messages))
        tokens = await (await engine(body.model)).tokenize(text or "", special=True, first=body.special)
        return json_response({"value": len(tokens), "ids": list(tokens)})

    @routes.post("/detokenize")
    async def detokenize(body: DetokenizeBody) -> dict[str, Any]:
        """The text of tokens."""
        return {"result": await (await engine(body.model)).detokenize(body.ids), "success": True}

    @routes.post("/json_to_grammar")
    def json_to_grammar(body: dict[str, Any]) -> dict[str, Any]:
        """A JSON schema as a grammar; it is the body itself, or its `schema`."""
        schema = body.get("schema")
        return {"result": grammar_of(schema if isinstance(schema, dict) else body), "success": True}

    @routes.post("/embeddings")
    async def embeddings(body: EmbeddingBody, request: Request) -> Response:
        """Vectors of texts."""
        return await unless_disconnected(request, _embed(domov, choice, body))

    return routes


def _server(domov: App, answering: Answering) -> APIRouter:
    routes = APIRouter()

    @routes.get("/version")
    async def version() -> dict[str, Any]:
        """What this server can do."""
        return version_table(embeddings=bool(await answering.choice.models("embedding")))

    @routes.get("/true_max_context_length")
    async def true_max_context_length() -> dict[str, int]:
        """The context of the model that answers."""
        return {"value": await answering.choice.context_tokens(await answering.choice.model())}

    @routes.get("/perf")
    async def perf() -> dict[str, Any]:
        """How fast the last answer was, and what is going on."""
        return perf_table(answering.generations, shown_rows(domov))

    @routes.get("/preloadstory")
    async def preloadstory() -> dict[str, Any]:
        """The story to begin with: none."""
        return {}

    return routes


def _stories(domov: App) -> APIRouter:
    routes = APIRouter(prefix="/data", route_class=AnyKind)

    def stories() -> Stories:
        """The caller's own."""
        return Stories(domov.config.home / "stories" / current().owner)

    @routes.post("/list")
    def titles() -> list[str]:
        """The titles of the stories that are kept here."""
        return stories().titles()

    @routes.post("/load")
    def load(body: SlotBody) -> dict[str, Any]:
        """A story that is kept here."""
        story = stories().load(body.slot)
        return {"success": story is not None, "data": story}

    @routes.post("/save")
    def save(body: StoryBody) -> dict[str, Any]:
        """Keeps a story, or takes one away."""
        stories().save(body.slot, title=body.title, format=body.format, story=body.data)
        return {"success": True, "error": ""}

    return routes


def _admin(domov: App, choice: Choice) -> APIRouter:
    """KoboldCpp's way to another model, for clients that can name none in a request."""
    routes = APIRouter(route_class=AnyKind)

    @routes.get("/list_options")
    async def list_options() -> list[str]:
        """The models that can be loaded to answer."""
        return [model.name for model in await choice.models("chat")]

    @routes.post("/reload_config")
    async def reload_config(body: ReloadBody) -> dict[str, bool]:
        """Loads a model: it answers from then on. `unload_model` ends the one that does."""
        if body.filename == UNLOAD:
            await domov.scheduler.release(await choice.model())
        else:
            await domov.scheduler.engine_for(await choice.model(body.filename)).start()
        return {"success": True}

    return routes


async def _embed(domov: App, choice: Choice, body: EmbeddingBody) -> Response:
    model = await choice.model(body.model, task="embedding")
    engine = domov.scheduler.engine_for(model)
    async with engine.ready():
        made = await embedded(engine, vectors.texts_of(body), truncate=body.truncate)
    return json_response(vectors.embeddings_table(made, body, model=model.name))
