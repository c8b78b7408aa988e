"""What the models of a server elsewhere can do, asked of it through the one door, as Ollama's API tells it.

Source: Ollama's docs/api.md, /api/tags and /api/show; Domov tells the same. A model without any ability ranks: Ollama
has none of those.
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from domov.connect.roles import Able
from domov.errors import Broken
from domov.outbound import Outbound, check_status, read_body

REASON = "see which models a tool can be pointed at"
MOST_BYTES = 16 << 20  # a template or a vocabulary may be long
MOST_MODELS = 100
USUAL_CONTEXT_TOKENS = 4096
_UNITS = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}


async def able_models(outbound: Outbound, url: str, *, token: str | None) -> list[Able]:
    """Raises DomovError where the server can't be asked, or does not speak so."""
    async with outbound.get(f"{url}/api/tags", reason=REASON, token=token) as response:
        check_status(response, wanted="its list of models")
        listed = _read(await read_body(response, most_bytes=MOST_BYTES, wanted="its list of models"))
    found = []
    for row in listed.get("models", [])[:MOST_MODELS]:
        name = str(row["model"])
        body = orjson.dumps({"model": name})
        async with outbound.post(f"{url}/api/show", body=body, reason=REASON, token=token) as response:
            check_status(response, wanted=name)
            found.append(able(name, _read(await read_body(response, most_bytes=MOST_BYTES, wanted=name))))
    return found


def able(name: str, shown: Mapping[str, Any]) -> Able:
    """One model, from what /api/show tells. Whose marks a gap has is not told there."""
    can = shown.get("capabilities") or []
    details, metadata = shown.get("details") or {}, shown.get("model_info") or {}
    trained = metadata.get(f"{metadata.get('general.architecture')}.context_length")
    told = re.search(r"^num_ctx\s+(\d+)", str(shown.get("parameters") or ""), re.MULTILINE)
    context = int(told[1]) if told else min(USUAL_CONTEXT_TOKENS, int(trained or USUAL_CONTEXT_TOKENS))
    return Able(
        name,
        "embedding" if "embedding" in can else "chat" if "completion" in can else "reranking",
        parameters_of(str(details.get("parameter_size") or "")),
        context,
        chats="completion" in can and bool(shown.get("template")),
        family="told" if "insert" in can else "",
        sees="vision" in can,
        thinks="thinking" in can,
    )


def parameters_of(text: str) -> int:
    """`1.5B` as a number; 0 for anything else."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMBT])", text.strip().upper())
    return int(float(found[1]) * _UNITS[found[2]]) if found else 0


def _read(content: bytes) -> dict[str, Any]:
    try:
        table = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Broken("it does not answer as a server of models does") from error
    if not isinstance(table, dict):
        raise Broken("it does not answer as a server of models does")
    return table
