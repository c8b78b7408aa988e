"""Vectors, rankings and tokens in llama-server's words. Pure.

Source: llama.cpp tools/server/README.md, POST /v1/embeddings, /v1/rerank, /tokenize, /detokenize.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from domov.engine.traits import Traits
from domov.engine.wire_sampling import token_in_range
from domov.errors import BadRequest, Broken
from domov.types import Embeddings, Ranking


def embedding_fields(texts: Sequence[str | tuple[int, ...]], traits: Traits) -> dict[str, Any]:
    """Raises BadRequest for no text, an empty one or a token that there is not."""
    if not texts or not all(texts):
        raise BadRequest("there is no text to embed" if not texts else "an empty text has no vector")
    return {"input": [_text(text, traits) for text in texts], "encoding_format": "float"}


def _text(text: str | tuple[int, ...], traits: Traits) -> str | list[int]:
    return text if isinstance(text, str) else [token_in_range(number, traits) for number in text]


def read_embeddings(answer: Mapping[str, Any]) -> Embeddings:
    try:
        rows = sorted(answer["data"], key=lambda row: int(row["index"]))
        return Embeddings(tuple(tuple(row["embedding"]) for row in rows), answer["usage"]["prompt_tokens"])
    except (KeyError, TypeError) as error:
        raise Broken("the worker answered without vectors") from error


def ranking_fields(query: str, documents: Sequence[str]) -> dict[str, Any]:
    if not query or not documents:
        raise BadRequest("a ranking needs a query" if not query else "there are no documents to rank")
    return {"query": query, "documents": list(documents)}


def read_ranking(answer: Mapping[str, Any], *, documents: int) -> Ranking:
    try:
        scores = {row["index"]: float(row["relevance_score"]) for row in answer["results"]}
        return Ranking(tuple(scores[index] for index in range(documents)), answer["usage"]["prompt_tokens"])
    except (KeyError, TypeError) as error:
        raise Broken("the worker answered without scores") from error


def token_fields(text: str, *, special: bool, first: bool = False) -> dict[str, Any]:
    """first: the text starts a prompt, so that the model's own first token, if it has one, comes before it."""
    return {"content": text, "parse_special": special, "add_special": first}


def text_fields(tokens: Sequence[int], traits: Traits) -> dict[str, Any]:
    return {"tokens": [token_in_range(number, traits) for number in tokens]}
