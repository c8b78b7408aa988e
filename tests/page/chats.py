"""Chats for the page's tests: asked through the API, or written as they are to be shown."""

import time
from typing import Any

import httpx2
import orjson

from tests.api.conftest import Server
from tests.conftest import STARTER

PATIENCE_SECONDS = 30


class Chats:
    def __init__(self, server: Server) -> None:
        self.url = f"{server.url}/api/domov"

    def ask(self, content: str, *, chat: str = "", parent: str | None = None, **chat_fields: Any) -> tuple[str, str]:
        """Asks, waits for the answer, and gives the ids of the chat and of the answer."""
        chat = chat or self._ask("POST", "/chats", {"model": STARTER, **chat_fields})["id"]
        asked = self._ask("POST", f"/chats/{chat}/messages", {"parent_id": parent, "content": content})
        answer = asked["answers"][0]["id"]
        self.wait(chat, answer)
        return chat, answer

    def wait(self, chat: str, message: str) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while self.message(chat, message)["status"] == "running":
            assert time.monotonic() < end, "the answer does not end"
            time.sleep(0.02)

    def message(self, chat: str, message: str) -> dict[str, Any]:
        messages = self._ask("GET", f"/chats/{chat}")["messages"]
        return next(one for one in messages if one["id"] == message)

    def showing(self, answer: str, *, question: str = "Show me.", chat: str = "") -> str:
        """A chat in which a model has said exactly this, at its end."""
        parent = self._ask("GET", f"/chats/{chat}")["current"] if chat else None
        chat, message = self.ask(question, chat=chat, parent=parent)
        self._ask("PATCH", f"/chats/{chat}/messages/{message}", {"content": answer})
        return chat

    def many(self, count: int, *, words: int = 40) -> str:
        """A chat of so many messages, taken in as a file."""
        text = "Words of an answer that is **neither** long nor `short`. " * (words // 10)
        chat, _ = self.ask("the first of many")
        whole = httpx2.get(f"{self.url}/chats/export", params={"id": chat, "format": "json"}).json()
        (kept,) = whole["chats"]
        question, answer = kept["messages"]
        kept["messages"] = [
            {**(answer if at % 2 else question), "id": f"m{at}", "parent_id": f"m{at - 1}" if at else None}
            | {"content": f"Message {at}. {text}"}
            for at in range(count)
        ]
        kept["current"], kept["title"] = f"m{count - 1}", f"{count} messages"
        files = {"file": ("chats.json", orjson.dumps(whole), "application/json")}
        taken = httpx2.post(f"{self.url}/chats/import", files=files, timeout=PATIENCE_SECONDS).raise_for_status().json()
        assert taken["imported"] == 1, taken
        found: str = self._ask("GET", f"/chats?query={count}+messages")["chats"][0]["id"]
        return found

    def change(self, chat: str, **fields: Any) -> None:
        self._ask("PATCH", f"/chats/{chat}", fields)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = httpx2.request(method, self.url + path, json=body, timeout=PATIENCE_SECONDS)
        found: dict[str, Any] = answer.raise_for_status().json()
        return found
