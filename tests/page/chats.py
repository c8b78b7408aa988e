"""Chats for the page's tests: asked through the API, or written as they are to be shown."""

import time
from typing import Any

import httpx2

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

    def showing(self, answer: str, *, question: str = "Show me.") -> str:
        """A chat in which a model has said exactly this."""
        chat, message = self.ask(question)
        self._ask("PATCH", f"/chats/{chat}/messages/{message}", {"content": answer})
        return chat

    def change(self, chat: str, **fields: Any) -> None:
        self._ask("PATCH", f"/chats/{chat}", fields)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = httpx2.request(method, self.url + path, json=body, timeout=PATIENCE_SECONDS)
        found: dict[str, Any] = answer.raise_for_status().json()
        return found
