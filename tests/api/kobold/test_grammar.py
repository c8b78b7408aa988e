"""JSON schemas as grammars: by hand, and held by the real engine."""

import json
from typing import Any

import httpx2
import jsonschema_rs
import pytest

from domov.api.kobold.grammar import BASE, MOST_DEPTH, grammar_of
from domov.errors import BadRequest
from tests.api.conftest import Server

NODE = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 6},
        "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
    },
    "required": ["name", "next"],
    "additionalProperties": False,
}


def own_rules(schema: dict[str, Any]) -> list[str]:
    return [line for line in grammar_of(schema).splitlines() if line.partition(" ")[0] not in BASE]


def test_small_schemas_by_hand() -> None:
    assert own_rules({"type": "integer"}) == ["root ::= integer"]
    assert own_rules({}) == ["root ::= value"]
    assert own_rules({"enum": ['a"\n', 1, None]})[0] == r'r0 ::= "\"a\\\"\\n\"" | "1" | "null"'
    assert own_rules({"type": "string", "maxLength": 3})[0] == r'r0 ::= "\"" char{0,3} "\""'
    assert own_rules({"items": {"type": "null"}, "minItems": 2})[0] == 'r0 ::= "[" ws null ws ("," ws null ws){1,} "]"'
    assert own_rules({"type": "array", "maxItems": 0})[0] == 'r0 ::= "[" ws "]"'
    assert own_rules({"const": "\ud800"})[0] == r'r0 ::= "\"\\ud800\""'


def test_what_is_not_required_may_be_left_out() -> None:
    schema = {"properties": {"a": {"type": "null"}, "b": {"type": "null"}}, "required": ["b"]}
    assert own_rules(schema) == [
        r'r0 ::= "\"b\"" ws ":" ws null ws',
        r'r1 ::= "\"a\"" ws ":" ws null ws "," ws r0',
        'r2 ::= "," ws r0',
        'r3 ::= "{" ws (r1 | r0) "}"',
        "root ::= r3",
    ]


def test_a_reference_to_itself_ends() -> None:
    rules = own_rules({"$ref": "#/$defs/node", "$defs": {"node": NODE}})
    assert sum(line.startswith("ref") for line in rules) == 1 and len(rules) < 12


def deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "null"}
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"type": 7},
        {"type": []},
        {"pattern": "a+"},
        {"type": "integer", "minimum": 3},
        {"not": {}},
        {"$ref": "#/nowhere"},
        {"$ref": "http://example.org/schema"},
        {"$ref": "#"},
        {"$ref": "#/a", "a": {"$ref": "#/a"}},
        {"enum": []},
        {"anyOf": {}},
        {"anyOf": [7]},
        {"properties": []},
        {"properties": {"a": {}}, "required": ["b"]},
        {"minItems": -1},
        {"minItems": 10**9},
        {"minItems": 3, "maxItems": 2},
        {"maxLength": "long"},
        deep(MOST_DEPTH + 1),
    ],
    ids=lambda schema: json.dumps(schema)[:40],
)
def test_what_a_grammar_cant_hold_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        grammar_of(schema)


HELD = [
    {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 3},
    {"type": ["boolean", "null"]},
    {"prefixItems": [{"const": 'kůň "🏠"\\'}, {"enum": [1, 2.5, True]}], "type": "array"},
    {"$ref": "#/$defs/node", "$defs": {"node": NODE}},
    {
        "type": "object",
        "properties": {"a": {"type": "boolean"}, "b": {"type": "string", "maxLength": 4}, "c": {"type": "integer"}},
        "required": ["b"],
        "additionalProperties": False,
    },
]


@pytest.mark.parametrize("schema", HELD, ids=lambda schema: json.dumps(schema)[:40])
def test_the_engine_writes_what_the_schema_allows(able: Server, schema: dict[str, Any]) -> None:
    told = httpx2.post(f"{able.url}/api/extra/json_to_grammar", json={"schema": schema}).json()
    assert told["success"] is True
    for seed in (1, 2):
        body = {"model": "plain", "prompt": "As JSON: ", "grammar": told["result"], "max_length": 120}
        body |= {"sampler_seed": seed, "logit_bias": {"\n": -20, " ": -5}}
        (result,) = httpx2.post(f"{able.url}/api/v1/generate", json=body, timeout=60).json()["results"]
        if result["finish_reason"] == "stop":
            jsonschema_rs.validate(schema, json.loads(result["text"]))
        else:
            assert "next" in json.dumps(schema)  # a chain without an end


def test_a_schema_may_be_the_body_itself_and_a_wrong_one_is_a_sentence(able: Server) -> None:
    url = f"{able.url}/api/extra/json_to_grammar"
    assert httpx2.post(url, json={"type": "null"}).json() == {"result": grammar_of({"type": "null"}), "success": True}
    assert httpx2.post(url, json={"type": "x"}).json()["detail"]["type"] == "bad_input"
    assert httpx2.post(url, json=[1]).status_code == 400
