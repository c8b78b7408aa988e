"""The description of the API is whole, and the page that shows it asks nothing of any other server."""

import re
from pathlib import Path
from typing import Any

import httpx2
import pytest

from domov.api.reference.document import operations
from tests.api.conftest import Server

PARTS = ("/docs", "/docs/page.css", "/docs/page.js")


@pytest.fixture(scope="module")
def document(fake: Server) -> dict[str, Any]:
    found: dict[str, Any] = httpx2.get(f"{fake.url}/openapi.json").json()
    return found


def test_every_route_has_words_a_dialect_an_answer_and_errors(document: dict[str, Any]) -> None:
    for route, operation in operations(document):
        assert operation["description"] and operation["tags"], route
        statuses = operation["responses"].keys()
        assert "422" not in statuses and {"400", "403", "404", "500"} <= statuses, route
        assert any(status[0] in "23" for status in statuses), route


def test_answers_of_models_have_a_schema(document: dict[str, Any]) -> None:
    for path in ("/v1/chat/completions", "/api/chat", "/v1/messages", "/v1/embeddings", "/api/tags"):
        (operation,) = document["paths"][path].values()
        name = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert len(document["components"]["schemas"][name]["properties"]) >= 1


def test_errors_are_described_in_the_words_of_their_dialect(document: dict[str, Any]) -> None:
    kinds = {"/v1/chat/completions": "OpenAIError", "/api/chat": "OllamaError", "/v1/messages": "AnthropicError"}
    for path, kind in kinds.items():
        schema = document["paths"][path]["post"]["responses"]["404"]["content"]["application/json"]["schema"]
        assert schema["$ref"].endswith(f".{kind}")


def test_every_reference_leads_to_a_schema(document: dict[str, Any]) -> None:
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', httpx2.Response(200, json=document).text))
    assert named <= document["components"]["schemas"].keys()


def test_every_field_of_a_request_is_explained(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    waiting = [
        operation["requestBody"]["content"]["application/json"]["schema"]
        for _, operation in operations(document)
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    ]
    seen: set[str] = set()
    unexplained = set()
    while waiting:
        for name in re.findall(r"#/components/schemas/([^']+)'", repr(waiting.pop())):
            if name not in seen:
                seen.add(name)
                fields = schemas[name].get("properties", {})
                unexplained |= {f"{name}.{field}" for field, told in fields.items() if not told.get("description")}
                waiting.append(schemas[name])
    assert sorted(unexplained) == []


@pytest.mark.parametrize("path", PARTS)
def test_the_page_comes_with_a_policy_that_forbids_other_servers(fake: Server, path: str) -> None:
    answer = httpx2.get(fake.url + path)
    assert answer.status_code == 200
    policy = dict(part.split(maxsplit=1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy.pop("default-src") == "'none'"
    assert set(policy.values()) <= {"'self'", "'none'"}


def test_the_page_names_no_other_server(fake: Server) -> None:
    for path in PARTS:
        text = httpx2.get(fake.url + path).text
        assert not re.search(r"(?:https?:)?//[a-z0-9]", re.sub(r"^//.*|\s// .*", "", text, flags=re.MULTILINE)), path
        assert not re.search(r"@import|\burl\(", text), path
    page = httpx2.get(f"{fake.url}/docs").text
    asked = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert asked and all(httpx2.get(fake.url + address).status_code == 200 for address in asked)


def test_the_page_has_no_script_or_style_of_its_own_that_the_policy_would_stop(fake: Server) -> None:
    page = httpx2.get(f"{fake.url}/docs").text
    assert not re.search(r"\son\w+=|\sstyle=|<style|<script(?![^>]*src=)", page)
    script = httpx2.get(f"{fake.url}/docs/page.js").text
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|eval\(|\.style\b|new Function", script)


def test_the_page_is_part_of_the_package() -> None:
    folder = Path(__file__).parents[2] / "src" / "domov" / "api" / "reference"
    sizes = [path.stat().st_size for path in folder.iterdir() if path.suffix in (".html", ".css", ".js", ".toml")]
    assert len(sizes) == 4 and sum(sizes) < 50_000
