"""POST /v1/embeddings and /v1/rerank.

Sources: OpenAI's API reference, embeddings; Jina's and Cohere's rerank, whose answers have `results`, and vLLM's and
Voyage's, whose answers have `data`: both are given.
"""

import base64
import struct
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from domov.api.openai.fields import Int31
from domov.api.values import shortened
from domov.types import Embeddings, Ranking

IGNORED = frozenset(("user",))
MOST_TEXTS = 2048  # OpenAI's limit
Tokens = Annotated[list[Int31], Field(min_length=1)]


class EmbeddingBody(BaseModel):
    model_config = ConfigDict(extra="allow", allow_inf_nan=False)
    model: str
    input: (
        str
        | Tokens
        | Annotated[list[str], Field(min_length=1, max_length=MOST_TEXTS)]
        | Annotated[list[Tokens], Field(min_length=1, max_length=MOST_TEXTS)]
    )
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Annotated[int, Field(ge=1, lt=2**20)] | None = None


def texts_of(body: EmbeddingBody) -> list[str | tuple[int, ...]]:
    if isinstance(body.input, str):
        return [body.input]
    if all(isinstance(part, int) for part in body.input):
        return [tuple(part for part in body.input if isinstance(part, int))]
    return [part if isinstance(part, str) else tuple(part) for part in body.input if not isinstance(part, int)]


def embeddings_table(made: Embeddings, body: EmbeddingBody, *, model: str) -> dict[str, Any]:
    rows = []
    for index, vector in enumerate(made.vectors):
        short = shortened(vector, body.dimensions) if body.dimensions else vector
        told: Any = list(short) if body.encoding_format == "float" else _base64(short)
        rows.append({"object": "embedding", "index": index, "embedding": told})
    usage = {"prompt_tokens": made.tokens, "total_tokens": made.tokens}
    return {"object": "list", "data": rows, "model": model, "usage": usage}


def _base64(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


class Document(BaseModel):
    text: str


class RerankBody(BaseModel):
    model_config = ConfigDict(extra="allow", allow_inf_nan=False)
    model: str
    query: Annotated[str, Field(min_length=1)]
    documents: Annotated[list[str | Document], Field(min_length=1, max_length=MOST_TEXTS)]
    top_n: Annotated[int, Field(ge=1)] | None = None
    return_documents: bool = False


def documents_of(body: RerankBody) -> list[str]:
    return [document if isinstance(document, str) else document.text for document in body.documents]


def ranking_table(ranking: Ranking, body: RerankBody, *, model: str) -> dict[str, Any]:
    """The nearest first."""
    texts, order = documents_of(body), sorted(range(len(ranking.scores)), key=lambda n: -ranking.scores[n])
    rows = [
        {"index": n, "relevance_score": ranking.scores[n]}
        | ({"document": {"text": texts[n]}} if body.return_documents else {})
        for n in order[: body.top_n]
    ]
    usage = {"prompt_tokens": ranking.tokens, "total_tokens": ranking.tokens}
    return {"object": "list", "model": model, "results": rows, "data": rows, "usage": usage}
