"""What no client should send, on every route that there is: never a 500, never a hang, and a sentence that says why."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.api.conftest import LITTLE, Server
from tests.conftest import STARTER

LONGEST_SECONDS = 10
DEEP = 1000
Body = dict[str, Any]

WRONG: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    2**31,
    2**63,
    10**400,
    1e308,
    "",
    "\0",
    "../../etc/passwd",
    "{% for x in range(10**9) %}{% endfor %}",
    "x" * 70_000,
    [],
    [[]],
    [None],
    ["", 1],
    {},
    {"": {}},
    {"$ref": "#"},
)
# As bytes: what Python's own JSON does not write.
WRONG_BYTES = (
    b"NaN",
    b"-Infinity",
    b"1e999",
    b'"\\ud800"',
    b'"\\udfff\\ud800x"',
    b'"\xff\xfe"',
    b'"\xed\xa0\x80"',
    b"[" * DEEP + b"]" * DEEP,
    b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    b'"unended',
    b"01",
    b"tru",
)
NEED_NO_BODY = ("generate/check", "abort", "last_logprobs", "data/list", "json_to_grammar")
WHOLE_BODIES = (b"", b"{", b"null", b"[]", b"3", b'""', b"NaN", b"\xff", b"{}", b"[" * DEEP, b'{"a":' * DEEP, b"{}{}")


class Routes:
    """Every route of the server, and a body that each of them understands, made of its schema."""

    def __init__(self, document: Body) -> None:
        self.schemas, self.paths = document["components"]["schemas"], document["paths"]

    def all(self) -> Iterator[tuple[str, str]]:
        for path, operations in self.paths.items():
            for method in operations:
                yield method.upper(), path

    def with_bodies(self) -> Iterator[tuple[str, str, Body]]:
        for method, path in self.all():
            if (schema := self._schema_of(method, path)) is not None:
                yield method, path, self._resolved(schema)

    def _schema_of(self, method: str, path: str) -> Body | None:
        content: Body = self.paths[path][method.lower()].get("requestBody", {}).get("content", {})
        schema: Body | None = content.get("application/json", {}).get("schema")
        return schema

    def _resolved(self, schema: Body) -> Body:
        return self.schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema

    def example(self, schema: Body, name: str = "") -> Any:
        """A small value of the schema: what must be there and nothing else."""
        schema = self._resolved(schema)
        if name in ("model", "name", "source"):
            return LITTLE
        for choice in ("anyOf", "oneOf"):
            if choice in schema:
                return self.example(schema[choice][0], name)
        if "const" in schema or "enum" in schema:
            return schema.get("const", schema.get("enum", [None])[0])
        kind = schema.get("type", "object")
        if kind == "object":
            fields = schema.get("properties", {})
            return {key: self.example(fields[key], key) for key in schema.get("required", ())}
        if kind == "array":
            return [self.example(schema["items"], name)] * schema.get("minItems", 0)
        return {"string": "x", "integer": 1, "number": 1.0, "boolean": False}.get(kind)


@pytest.fixture(scope="module")
def routes(fake: Server) -> Routes:
    return Routes(httpx2.get(f"{fake.url}/openapi.json").json())


@pytest.fixture(scope="module")
def client(fake: Server) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=fake.url, timeout=LONGEST_SECONDS) as client:
        yield client


def send(client: httpx2.Client, method: str, path: str, body: bytes) -> httpx2.Response:
    path = path.replace("{digest}", "sha256:" + "0" * 64).replace("{name}", LITTLE)
    answer = client.request(method, path, content=body, headers={"Content-Type": "application/json"})
    shown = f"{method} {path} with {body[:100]!r}: {answer.status_code} {answer.text[:200]}"
    assert answer.status_code < 500 or "retry-after" in answer.headers or answer.status_code == 501, shown
    if answer.status_code >= 400 and method != "HEAD":
        assert len(sentence(answer)) > 5, shown
    return answer


def sentence(answer: httpx2.Response) -> str:
    table = answer.json()
    error = table["detail"]["msg"] if "detail" in table else table["error"]
    return str(error if isinstance(error, str) else error["message"])


def harmless(path: str) -> bool:
    """Whether the model is still there afterwards, nothing is fetched, and the answer has an end."""
    asked_elsewhere = ("pull", "download", "/api/domov/search", "/api/domov/variants")
    return not any(word in path for word in ("delete", *asked_elsewhere)) and not path.endswith("/events")


def whole(path: str) -> bool:
    """Whether it names nothing that has to be there first."""
    return harmless(path) and ("{" not in path or path.endswith("{digest}"))


def test_every_route_with_a_body_understands_its_smallest_one(routes: Routes, client: httpx2.Client) -> None:
    """Otherwise what follows would test nothing."""
    understood = 0
    for method, path, schema in routes.with_bodies():
        if whole(path):
            answer = send(client, method, path, json.dumps(routes.example(schema)).encode())
            understood += answer.status_code < 300
    # the others want what has to be there first: a login, an invitation, a file
    assert understood > 0.5 * len([path for _, path, _ in routes.with_bodies() if whole(path)])


def test_bodies_that_are_none_are_refused_in_a_sentence(routes: Routes, client: httpx2.Client) -> None:
    for method, path, schema in routes.with_bodies():
        for body in WHOLE_BODIES:
            needs_none = path.endswith(NEED_NO_BODY) and body in (b"", b"null", b"{}")
            needs_none = needs_none or (body == b"{}" and not schema.get("required"))
            assert send(client, method, path, body).status_code >= 400 or needs_none, (path, body)


def test_a_wrong_value_in_any_field_is_no_500(routes: Routes, client: httpx2.Client) -> None:
    for method, path, schema in routes.with_bodies():
        if harmless(path):
            example = routes.example(schema)
            for field in schema.get("properties", {}):
                for value in WRONG:
                    send(client, method, path, json.dumps(example | {field: value}).encode())


def test_what_json_does_not_have_is_refused_in_any_field(routes: Routes, client: httpx2.Client) -> None:
    for method, path, schema in routes.with_bodies():
        if harmless(path):
            example = routes.example(schema)
            for field in schema.get("properties", {}):
                rest = {key: value for key, value in example.items() if key != field}
                for value in WRONG_BYTES:
                    body = json.dumps({**rest, field: "@@"}).encode().replace(b'"@@"', value)
                    assert send(client, method, path, body).status_code == 400, (path, body[:200])


def test_a_field_that_is_needed_is_named_where_it_is_missing(routes: Routes, client: httpx2.Client) -> None:
    for method, path, schema in routes.with_bodies():
        example = routes.example(schema)
        for field in schema.get("required", ()):
            body = {key: value for key, value in example.items() if key != field}
            answer = send(client, method, path, json.dumps(body).encode())
            assert answer.status_code == 400 and field in sentence(answer), (path, answer.text)


def test_queries_that_make_no_sense_are_no_500(routes: Routes, client: httpx2.Client) -> None:
    for method, path in filter(lambda route: harmless(route[1]), routes.all()):
        names = [p["name"] for p in routes.paths[path][method.lower()].get("parameters", ()) if p["in"] == "query"]
        for name in names:
            for value in ("", "-1", "NaN", "1e999", "%00", "%ff", "x" * 5000, "%ed%a0%80", "9" * 400, "../.."):
                send(client, method, f"{path}?{name}={value}", b"")


@pytest.mark.parametrize(
    "name", ["%2e%2e", "../../etc/passwd", "%2e%2e%2f", "%00", "%ff", "a" * 5000, "nosuch:1b", "💥", "%ed%a0%80"]
)
def test_names_in_paths_that_are_none_are_no_500(routes: Routes, client: httpx2.Client, name: str) -> None:
    for method, path in routes.all():
        if "{" in path:
            start = path.partition("{")[0]
            assert 400 <= send(client, method, f"{start}{name}", b"").status_code < 500


def test_every_method_on_every_path_is_no_500(routes: Routes, client: httpx2.Client) -> None:
    for path in routes.paths:
        for method in ("PUT", "PATCH", "OPTIONS", "TRACE", "HEAD", "DELETE", "GET"):
            if harmless(path):
                send(client, method, path, b"")


CHATS: dict[str, Body] = {
    "/v1/chat/completions": {},
    "/api/chat": {"stream": False},
    "/v1/messages": {"max_tokens": 10},
}
MESSAGES = [{"role": "user", "content": "hello"}]


def chat(client: httpx2.Client, path: str, **fields: Any) -> httpx2.Response:
    body = {"model": LITTLE, "messages": MESSAGES, **CHATS[path], **fields}
    return send(client, "POST", path, json.dumps(body).encode())


@pytest.mark.parametrize("path", CHATS)
def test_an_unknown_model_is_a_404_with_near_names(client: httpx2.Client, path: str) -> None:
    answer = chat(client, path, model="litle:1m")
    assert answer.status_code == 404
    assert LITTLE in sentence(answer)


@pytest.mark.parametrize("path", CHATS)
@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "\\\\host\\x", "", "x" * 200, "a b", "a\nb"])
def test_a_tool_named_like_a_path_is_refused(client: httpx2.Client, path: str, name: str) -> None:
    parameters = {"type": "object", "properties": {}}
    tool: Body = {"type": "function", "function": {"name": name, "parameters": parameters}}
    if path == "/v1/messages":
        tool = {"name": name, "input_schema": parameters}
    assert chat(client, path, tools=[tool]).status_code == 400


@pytest.mark.parametrize("path", CHATS)
def test_an_address_of_a_picture_is_not_fetched(client: httpx2.Client, path: str) -> None:
    address = "http://169.254.169.254/latest/meta-data"
    content: Any = [{"type": "image_url", "image_url": {"url": address}}]
    message: Body = {"role": "user", "content": content}
    if path == "/v1/messages":
        message["content"] = [{"type": "image", "source": {"type": "url", "url": address}}]
    if path == "/api/chat":
        message = {"role": "user", "content": "what is it?", "images": [address]}
    assert chat(client, path, messages=[message]).status_code == 400


@pytest.mark.parametrize("n", [0, -1, 129, 10**9, 2**64])
def test_a_huge_n_is_refused(client: httpx2.Client, n: int) -> None:
    assert chat(client, "/v1/chat/completions", n=n).status_code == 400


def test_a_number_that_no_double_holds_is_refused_by_its_name(client: httpx2.Client) -> None:
    answer = chat(client, "/v1/chat/completions", repeat_last_n=10**30)
    assert answer.status_code == 400 and "repeat_last_n" in sentence(answer)


def test_a_mark_at_the_start_of_json_is_no_fault(client: httpx2.Client) -> None:
    body = b"\xef\xbb\xbf" + json.dumps({"model": LITTLE, "messages": MESSAGES}).encode()
    assert send(client, "POST", "/v1/chat/completions", body).status_code == 200


CYCLES: list[Body] = [
    {"$ref": "#"},
    {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
    {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "string"}]}}},
    {"type": "object", "properties": {"x": {"$ref": "#"}}, "required": ["x"]},
    {"$ref": "file:///etc/passwd"},
]


def hold(server: Server, **form: Any) -> httpx2.Response:
    body = {"model": STARTER, "messages": MESSAGES, "max_tokens": 3, **form}
    return httpx2.post(f"{server.url}/v1/chat/completions", json=body, timeout=60)


def schema_of(schema: Body) -> Body:
    return {"response_format": {"type": "json_schema", "json_schema": {"schema": schema}}}


def test_a_schema_with_a_cycle_is_refused(server: Server) -> None:
    for schema in CYCLES:
        assert hold(server, **schema_of(schema)).status_code == 400, schema


def test_a_grammar_that_would_end_the_worker_is_refused(server: Server) -> None:
    assert hold(server, grammar="root ::= " + "(" * 100_000).status_code == 400


def test_the_server_lives_on(client: httpx2.Client) -> None:
    body = {"model": LITTLE, "messages": [{"role": "user", "content": "still here"}]}
    start = time.monotonic()
    answer = send(client, "POST", "/v1/chat/completions", json.dumps(body).encode())
    assert answer.json()["choices"][0]["message"]["content"] == "still here"
    assert time.monotonic() - start < LONGEST_SECONDS
