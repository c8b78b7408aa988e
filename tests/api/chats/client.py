"""Calls a server's chats as a page does."""

import json
from typing import Any

import httpx2

Table = dict[str, Any]


class Client:
    def __init__(self, url: str, model: str, **headers: str) -> None:
        self.model = model
        self.http = httpx2.Client(base_url=f"{url}/api/domov", timeout=60, headers=headers)

    def ask(self, method: str, path: str, body: Table | None = None, *, status: int = 200) -> Any:
        answer = self.http.request(method, path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def chat(self, **fields: Any) -> str:
        id: str = self.ask("POST", "/chats", {"model": self.model, **fields}, status=201)["id"]
        return id

    def begun(self, chat: str, content: str, parent: str | None = None, **more: Any) -> tuple[Table, list[Table]]:
        body = {"parent_id": parent, "content": content, **more}
        told = self.ask("POST", f"/chats/{chat}/messages", body, status=201)
        return told["question"], told["answers"]

    def said(self, chat: str, content: str, parent: str | None = None, **more: Any) -> tuple[Table, list[Table]]:
        """A question and its answers, when they are done."""
        question, answers = self.begun(chat, content, parent, **more)
        return question, [self.done(chat, answer["id"]) for answer in answers]

    def message(self, chat: str, id: str) -> Table:
        found: Table = next(m for m in self.ask("GET", f"/chats/{chat}")["messages"] if m["id"] == id)
        return found

    def done(self, chat: str, message: str) -> Table:
        last: Table = self.events(chat, message)[-1][1]
        return last

    def events(self, chat: str, message: str, after: int = 0) -> list[tuple[str, Table]]:
        text = self.http.get(f"/chats/{chat}/messages/{message}/events", params={"after": after}).text
        found = [block.split("\n") for block in text.split("\n\n") if block.startswith("event:")]
        return [(lines[0][7:], json.loads(lines[-1][6:])) for lines in found]

    def attached(self, name: str, content: bytes, *, status: int = 201, **query: Any) -> Any:
        answer = self.http.post("/attachments", files={"file": (name, content)}, params=query)
        assert answer.status_code == status, answer.text
        return answer.json()
