"""Ollama's `create` with `quantize`: what `domov quantize` does, told as Ollama tells it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from domov.app import App
from domov.errors import BadRequest
from domov.optimize.progress import Warned
from domov.optimize.quantize import Order, is_quantized_file, kind_of, quantization_named, quantize
from domov.store.models import Model


async def quantized(domov: App, model: Model, kind: str, *, parent: str) -> AsyncGenerator[dict[str, Any], None]:
    """Makes the model in another type under the name that its manifest has. As Ollama only of weights with all bits.

    parent  what the model was called before

    Raises BadRequest, BadOption, and what quantizing raises.
    """
    wanted = quantization_named(kind)
    if is_quantized_file(model.header()):
        raise BadRequest(
            "quantization is only supported for F16, BF16 and F32 models", hint="`domov quantize` does it if it must be"
        )
    source = Model(replace(model.manifest, name=parent), model.path)
    status = f"quantizing {kind_of(model.header())} model to {wanted}"
    async with aclosing(quantize(Order(source, wanted, model.name), domov.workshop)) as steps:
        async for step in steps:
            if isinstance(step, Model):
                said = replace(step.manifest, licence=model.manifest.licence, preset=model.manifest.preset)
                await asyncio.to_thread(domov.models.add, said)
            elif isinstance(step, Warned):
                yield {"status": step.words}
            else:
                yield {"status": status, "total": step.total or 0, "completed": step.done}
