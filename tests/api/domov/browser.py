"""A browser without a window: keeps cookies as they are set, and sends the page's token with what changes something."""

from dataclasses import dataclass, field
from typing import Any

import orjson

from domov.access.keys import Grant
from domov.access.people import Role, User
from domov.access.sessions import page_token
from tests.api.guarded import Guarded
from tests.asgi import Answer, call

ORIGIN = "http://localhost:36668"


@dataclass
class Browser:
    guarded: Guarded
    cookies: dict[str, str] = field(default_factory=dict)
    token: str = ""
    origin: str = ORIGIN

    async def ask(self, method: str, path: str, body: Any = None, *more: tuple[str, str], **options: Any) -> Answer:
        content = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        headers = [("host", "localhost:36668"), *more]
        if content:
            headers += [("content-length", str(len(content)))]
            if not any(name == "content-type" for name, _ in more):
                headers += [("content-type", "application/json")]
        if method != "GET":
            headers += [("origin", self.origin), ("x-domov-token", self.token)]
        if self.cookies:
            headers += [("cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))]
        answer = await call(self.guarded.guard, method, path, *headers, body=content, **options)
        self._keep(answer)
        return answer

    def _keep(self, answer: Answer) -> None:
        for line in answer.cookies:
            name, _, value = line.split(";")[0].partition("=")
            self.cookies.pop(name, None)
            if "Max-Age=0" not in line:
                self.cookies[name] = value

    async def log_in(self, name: str, password: str, code: str = "", **options: Any) -> Answer:
        answer = await self.ask(
            "POST", "/api/domov/session", {"name": name, "password": password, "code": code}, **options
        )
        if answer.status == 200:
            self.token = answer.json.get("token", "")
        return answer

    def enter(self, user: User) -> "Browser":
        """Logged in, without a password being computed."""
        access = self.guarded.domov.access
        opened = access.accounts.open(user, address="127.0.0.1", agent="Browser")
        self.cookies, self.token = {"domov-36668": opened.secret}, page_token(opened.secret.encode())
        return self


def person(guarded: Guarded, name: str, role: Role = "user", *, grant: Grant | None = None) -> Browser:
    """Somebody with an account who has logged in; grant: of a group of their own."""
    people = guarded.domov.access.people
    groups = [people.add_group(grant).id] if grant else []
    return Browser(guarded).enter(people.add(name, role, groups=groups))
