"""Vectors of texts that may be too long: cut, where a dialect's clients expect that."""

from collections.abc import Sequence

from domov.engine.scheduler import Scheduled
from domov.errors import ContextOverflow
from domov.types import Embeddings

Text = str | tuple[int, ...]  # or token numbers


async def embedded(engine: Scheduled, texts: Sequence[Text], *, truncate: bool) -> Embeddings:
    """Raises ContextOverflow for a text that is too long and may not be cut."""
    if not texts:
        return Embeddings((), 0)
    try:
        return await engine.embed(texts)
    except ContextOverflow as error:
        if not truncate:
            raise
        return await engine.embed([await _cut(engine, text, error.context_tokens) for text in texts])


async def _cut(engine: Scheduled, text: Text, most_tokens: int) -> tuple[int, ...]:
    """The tokens of a text, those at its end left out but for the last one, which the model may wait for."""
    tokens = await engine.tokenize(text, special=True, first=True) if isinstance(text, str) else text
    return tokens if len(tokens) <= most_tokens else (*tokens[: most_tokens - 1], tokens[-1])
