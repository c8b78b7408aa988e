"""Texts as each family of models wants them."""

import math
from collections.abc import Sequence

import pytest

from domov.documents.embedding import Embedder, prefixes_of
from domov.engine.fake import FakeEngine
from domov.errors import ContextOverflow
from domov.types import Embeddings


class Witness(FakeEngine):
    """Keeps what it was asked, and takes no more than so many characters at once."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most, self.asked = most, list[str]()

    async def embed(self, texts: Sequence[str | tuple[int, ...]]) -> Embeddings:
        if any(len(text) > self.most for text in texts):
            raise ContextOverflow(prompt_tokens=max(map(len, texts)), context_tokens=self.most)
        self.asked += [text for text in texts if isinstance(text, str)]
        return await super().embed(texts)


@pytest.mark.parametrize(
    ("model", "query", "passage"),
    [
        ("e5-small:latest", "query: ", "passage: "),
        ("hf.co/intfloat/multilingual-E5-large", "query: ", "passage: "),
        ("nomic-embed-text", "search_query: ", "search_document: "),
        ("bge-m3:latest", "", ""),
    ],
)
def test_each_family_has_its_prefixes(model: str, query: str, passage: str) -> None:
    assert (prefixes_of(model).query, prefixes_of(model).passage) == (query, passage)


async def test_texts_are_normalised_and_prefixed() -> None:
    engine = Witness(100)
    await Embedder(engine, "e5", "d").query(" ﬁrma Teplo™ ")
    await Embedder(engine, "e5", "d").passages(["", "x"])
    assert engine.asked == ["query: firma TeploTM", "passage: .", "passage: x"]


async def test_a_text_that_is_too_long_is_the_mean_of_its_parts() -> None:
    engine = Witness(40)
    long, short = await Embedder(engine, "e5", "d").passages(["word " * 20, "short"])
    assert "passage: short" in engine.asked and all(len(text) <= 40 for text in engine.asked)
    assert math.isclose(math.hypot(*long), 1.0) and len(short) == len(long)


async def test_every_text_has_one_vector_in_its_place() -> None:
    texts = [f"text {n}" for n in range(20)]
    embedder = Embedder(FakeEngine(), "e5", "d")
    assert await embedder.passages(texts) == [(await embedder.passages([text]))[0] for text in texts]
