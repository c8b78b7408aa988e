"""What a chat from documents refuses, before any model is asked."""

from pathlib import Path
from typing import Any, cast

import pytest

from domov import app, config
from domov.api.openai import chat, documents
from domov.engine.fake import FakeEngine
from domov.errors import BadRequest

QUESTION = [{"role": "user", "content": "Who maintains the heating?"}]
TOOL = {"type": "function", "function": {"name": "send"}}


async def answer(home: Path, **fields: Any) -> None:
    domov = app.App(config.load({"DOMOV_HOME": str(home)}))
    body = chat.ChatBody(**{"model": "m", "messages": QUESTION, "documents": True, **fields})
    await documents.answer(domov, body, cast(Any, FakeEngine()), chat.Stream("id", 0, "m", False))


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [TOOL]},
        {"n": 2},
        {"grammar": "root ::= x"},
        {"response_format": {"type": "json_object"}},
        {"messages": [*QUESTION, {"role": "assistant", "content": "x"}]},
    ],
)
async def test_what_would_undo_the_quoting_is_refused(tmp_path: Path, fields: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match="documents"):
        await answer(tmp_path, **fields)
