"""LM Studio's calls for its SDKs: models listed and loaded, chats, completions, vectors, tokens.

Not there: files, the repository of models, plugins, diagnostics. Source: lmstudio-python 1.5, sdk-schema/lms.json.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, TypeVar

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError
from starlette.websockets import WebSocket

from domov.api.errors import validation_error
from domov.api.lmstudio import loading
from domov.api.lmstudio.describing import Described, all_described, described, model_table
from domov.api.lmstudio.fragments import Told, until
from domov.api.lmstudio.predicting import History, Prediction, Settings, Stack
from domov.api.lmstudio.sockets import Call, Channel, serve
from domov.api.models import engine_of, installed
from domov.app import App
from domov.errors import BadRequest, NoSuchModel
from domov.types import ChatRequest

Table = dict[str, Any]
Body = TypeVar("Body", bound=BaseModel)
NO_SETTINGS: Table = {"fields": []}


def router(domov: App) -> APIRouter:
    routes = APIRouter()

    @routes.get("/lmstudio-greeting", tags=["LM Studio"])
    async def greeting() -> dict[str, bool]:
        """Says to LM Studio's SDKs that they have found it."""
        return {"lmstudio": True}

    for kind in ("llm", "embedding"):
        calls, channels = Models(domov, kind).calls(), Models(domov, kind).channels()
        _add(routes, kind, calls, channels)
    _add(routes, "system", {"listDownloadedModels": lambda _: asyncio.to_thread(_downloaded, domov)}, {})
    return routes


def _add(routes: APIRouter, name: str, calls: dict[str, Call], channels: dict[str, Channel]) -> None:
    @routes.websocket(f"/{name}")
    async def talk(socket: WebSocket) -> None:
        await serve(socket, calls, channels)


def read(kind: type[Body], value: Table) -> Body:
    """Raises BadRequest that names the field."""
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise validation_error(RequestValidationError(error.errors())) from error


class Named(BaseModel):
    specifier: dict[str, Any] = {}
    inputString: str = ""


class Templated(BaseModel):
    specifier: dict[str, Any] = {}
    history: History


class Embedded(BaseModel):
    modelSpecifier: dict[str, Any] = {}
    inputString: str


class Unloaded(BaseModel):
    identifier: str


class Loading(BaseModel):
    """Of `loadModel` and `getOrLoad`."""

    modelKey: str = ""
    identifier: str | None = None
    ttlMs: int | None = None
    loadTtlMs: int | None = None
    loadConfigStack: Stack = Stack()

    @property
    def model(self) -> str:
        """Raises BadRequest where a second instance with a name of its own is wanted."""
        if self.modelKey and self.identifier not in (None, self.modelKey):
            raise BadRequest("a model has one instance here, called by its own name", hint="leave the identifier out")
        return self.modelKey or self.identifier or ""


class LoadSettings(BaseModel):
    context_length: Any = Field(default=None, alias="contextLength")
    eval_batch_size: Any = Field(default=None, alias="llama.evalBatchSize")
    flash_attention: Any = Field(default=None, alias="llama.flashAttention")
    num_experts: Any = Field(default=None, alias="numExperts")
    offload_kv_cache_to_gpu: Any = Field(default=None, alias="offloadKVCacheToGpu")


# Settings of loading that would change the answers.
LOAD_UNSUPPORTED: tuple[str, ...] = (
    "llama.kCacheQuantizationType",
    "llama.vCacheQuantizationType",
    "llama.ropeFrequencyBase",
)
LOAD_UNSUPPORTED += ("llama.ropeFrequencyScale",)


def _load_fields(body: Loading) -> Table:
    values = {key.split(".load.")[-1]: value for key, value in body.loadConfigStack.values().items()}
    for name in LOAD_UNSUPPORTED:
        if isinstance(values.get(name), dict) and values[name].get("checked"):
            raise BadRequest(f"{name} is not supported", hint="set the option of the model in config.toml")
    ttl_ms = body.ttlMs or body.loadTtlMs
    ttl = {} if ttl_ms is None else {"ttl": max(1, ttl_ms // 1000)}
    return {"model": body.model, **LoadSettings.model_validate(values).model_dump(exclude_none=True), **ttl}


def _downloaded(domov: App) -> list[Table]:
    return [info_table(found) for found in all_described(domov)]


def info_table(found: Described) -> Table:
    """A model as the SDKs know it; one in memory with its instance."""
    told = model_table(found)
    table: Table = {
        "type": told["type"],
        "modelKey": told["key"],
        "format": "gguf",
        "displayName": told["display_name"],
        "path": told["key"],
        "sizeBytes": told["size_bytes"],
        "paramsString": told["params_string"],
        "architecture": found.known.shape.architecture,
        "maxContextLength": told["max_context_length"],
    }
    if told["type"] == "llm":
        able = told["capabilities"]
        table |= {"vision": able["vision"], "trainedForToolUse": able["trained_for_tool_use"]}
    if found.row:
        table |= {"identifier": told["key"], "instanceReference": told["key"]}
        table["contextLength"] = found.row.context_tokens
    return table


class Models:
    """The calls about models of one kind, llm or embedding."""

    def __init__(self, domov: App, kind: str) -> None:
        self._domov, self._kind = domov, kind

    def calls(self) -> dict[str, Call]:
        shared: dict[str, Call] = {
            "listLoaded": self._list_loaded,
            "getModelInfo": self._get_model_info,
            "getLoadConfig": self._get_load_config,
            "unloadModel": self._unload,
            "tokenize": self._tokenize,
            "countTokens": self._count,
        }
        if self._kind == "llm":
            return {**shared, "applyPromptTemplate": self._apply_template}
        return {**shared, "embedString": self._embed}

    def channels(self) -> dict[str, Channel]:
        shared: dict[str, Channel] = {"loadModel": self._load_model, "getOrLoad": self._get_or_load}
        return {**shared, "predict": self._predict} if self._kind == "llm" else shared

    def _name(self, specifier: Table) -> str:
        """The model that is meant: by name, or by instance, which is called the same; any that is loaded."""
        query = specifier.get("query")
        name = query.get("identifier") if isinstance(query, dict) else specifier.get("instanceReference")
        if name is not None and not isinstance(name, str):
            raise BadRequest("a model's identifier is text")
        return name or ""

    async def _described(self, specifier: Table) -> Described:
        _, model = engine_of(self._domov, self._name(specifier))
        return await asyncio.to_thread(described, self._domov, model)

    async def _list_loaded(self, _: Table) -> list[Table]:
        rows = await asyncio.to_thread(_downloaded, self._domov)
        return [row for row in rows if "identifier" in row and row["type"] == self._kind]

    async def _get_model_info(self, parameter: Table) -> Table:
        found = await self._described(read(Named, parameter).specifier)
        if not found.row:
            raise NoSuchModel(f"{found.model.name} is not loaded")
        return info_table(found)

    async def _get_load_config(self, parameter: Table) -> Table:
        found = await self._described(read(Named, parameter).specifier)
        context = found.row.context_tokens if found.row else found.known.shape.trained_context_tokens
        return {"fields": [{"key": f"{self._kind}.load.contextLength", "value": context}]}

    async def _unload(self, parameter: Table) -> None:
        await loading.unload(self._domov, read(Unloaded, parameter).identifier)

    async def _tokens(self, parameter: Table) -> list[int]:
        body = read(Named, parameter)
        engine, _ = engine_of(self._domov, self._name(body.specifier))
        return list(await engine.tokenize(body.inputString, special=True))

    async def _tokenize(self, parameter: Table) -> Table:
        return {"tokens": await self._tokens(parameter)}

    async def _count(self, parameter: Table) -> Table:
        return {"tokenCount": len(await self._tokens(parameter))}

    async def _apply_template(self, parameter: Table) -> Table:
        body = read(Templated, parameter)
        engine, model = engine_of(self._domov, self._name(body.specifier))
        return {"formatted": await engine.render(ChatRequest(model.name, body.history.all_messages()))}

    async def _embed(self, parameter: Table) -> Table:
        body = read(Embedded, parameter)
        made = await engine_of(self._domov, self._name(body.modelSpecifier))[0].embed([body.inputString])
        return {"embedding": made.vectors[0]}

    async def _load_model(self, parameter: Table, _: asyncio.Event) -> AsyncIterator[Table]:
        async for message in self._loaded(read(Loading, parameter), "progress", "success"):
            yield message

    async def _get_or_load(self, parameter: Table, _: asyncio.Event) -> AsyncIterator[Table]:
        body = read(Loading, parameter)
        found = await asyncio.to_thread(described, self._domov, installed(self._domov, body.model))
        if found.row:
            yield {"type": "alreadyLoaded", "info": info_table(found)}
            return
        yield {"type": "startLoading", "identifier": found.model.name}
        async for message in self._loaded(body, "loadProgress", "loadSuccess"):
            yield message

    async def _loaded(self, body: Loading, progress: str, success: str) -> AsyncIterator[Table]:
        asked = read(loading.LoadBody, _load_fields(body))
        model = installed(self._domov, asked.model)
        task = asyncio.ensure_future(loading.load(self._domov, asked))
        try:
            async for share in loading.watched(self._domov, model, task):
                yield {"type": progress, "progress": share}
            await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        yield {"type": success, "info": info_table(await asyncio.to_thread(described, self._domov, model))}

    async def _predict(self, parameter: Table, enough: asyncio.Event) -> AsyncIterator[Table]:
        body = read(Prediction, parameter)
        engine, model = engine_of(self._domov, self._name(body.modelSpecifier))
        request = body.request(model.name, read(Settings, body.predictionConfigStack.values()))
        told = Told()
        async with aclosing(until(engine.stream(request), enough)) as wanted:
            async for event in wanted:
                for message in told.messages(event):
                    yield message
        found = await asyncio.to_thread(described, self._domov, model)
        yield {
            "type": "success",
            "stats": told.stats(),
            "modelInfo": info_table(found),
            "loadModelConfig": NO_SETTINGS,
            "predictionConfig": NO_SETTINGS,
        }
