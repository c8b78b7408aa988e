"""A model with 16-bit weights, made once of the starter, and how work is run to its end."""

import os
import shutil
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from benchmarks import shapes
from domov import app, config
from domov.app import App
from domov.optimize.quantize import Order, quantize
from domov.store import blueprint
from domov.store.models import Model


async def run(steps: AsyncGenerator[Any, None]) -> tuple[Any, list[Any]]:
    """What the work gives last, and all that it told before."""
    async with aclosing(steps):
        told = [step async for step in steps]
    return told[-1], told[:-1]


@pytest.fixture(scope="session")
def workplace(starter_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A Domov with the starter, in which the tests of this room make their models; they are not kept."""
    home = tmp_path_factory.mktemp("workplace")
    shutil.copytree(starter_home / "models", home / "models", copy_function=os.link)
    yield app.App(config.load({"DOMOV_HOME": str(home)}))
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def tiny(workplace: App, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Two layers of random weights in F16 with 4,000 tokens: it says nothing, and everything of it takes a moment."""
    path = tmp_path_factory.mktemp("tiny") / "tiny.gguf"
    plan = blueprint.load()["smollm2:135m"].with_layers(2)
    tokenizer = workplace.models.get("smollm2:135m").path
    shapes.write(plan, path, quantization="F16", tokenizer=tokenizer, vocabulary=4000)
    return workplace.models.get(str(path))


@pytest.fixture(scope="session")
async def parent(workplace: App) -> Model:
    """The starter's weights as F16. They carry the rounding of its 4 bits, and are the measure of what follows."""
    starter = workplace.models.get("smollm2:135m")
    made, _ = await run(quantize(Order(starter, "F16", "smollm2:135m-f16"), workplace.workshop))
    assert isinstance(made, Model)
    return made
