from pathlib import Path

import pytest

from domov.options import Task
from domov.store.gguf import Header, parse_header
from domov.store.models import Model
from domov.store.task import ENCODERS, task_of
from tests.gguf_files import bert
from tests.hub import F32, TENSORS, TinyTensor, number_value, text_value, tiny_gguf


def header(content: bytes) -> Header:
    return parse_header(lambda at, count: content[at : at + count], size_bytes=len(content), name="tiny")


def test_a_model_that_writes_is_for_chat(starter: Model) -> None:
    assert task_of(starter.header()) == "chat"


@pytest.mark.parametrize("architecture", sorted(ENCODERS))
def test_encoders_are_for_embeddings(architecture: str) -> None:
    assert task_of(header(tiny_gguf({"general.architecture": text_value(architecture)}))) == "embedding"


@pytest.mark.parametrize(("pooling", "task"), [(0, "chat"), (1, "embedding"), (2, "embedding"), (3, "embedding")])
def test_pooling_says_that_a_writers_architecture_embeds(pooling: int, task: Task) -> None:
    assert task_of(header(tiny_gguf({"llama.pooling_type": number_value(pooling)}))) == task


def test_a_rank_says_reranking() -> None:
    assert task_of(header(tiny_gguf({"llama.pooling_type": number_value(4)}))) == "reranking"
    assert task_of(header(bert(pooling=4))) == "reranking"


def test_a_classifier_without_a_pooling_type_says_so_too() -> None:
    tensors = [*TENSORS, TinyTensor("cls.output.weight", (8,), F32, 32)]
    assert task_of(header(tiny_gguf({"general.architecture": text_value("bert")}, tensors))) == "reranking"


def test_an_encoder_that_says_nothing_of_pooling_embeds(tmp_path: Path) -> None:
    assert task_of(header(bert(pooling=None))) == "embedding"
