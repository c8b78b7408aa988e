"""What of grammars and schemas native code is not given: each of these cost a worker its life, or seconds a token."""

from typing import Any

import pytest

from domov.engine.bounds import MOST_ALTERNATIVES, MOST_LEVELS, MOST_PROPERTIES, check_grammar, check_schema, levels_of
from domov.engine.traits import Traits
from domov.engine.wire_chat import chat_fields
from domov.engine.wire_completion import completion_fields
from domov.errors import BadRequest
from domov.types import ChatRequest, CompletionRequest, Message, Tool

TOO_MANY = list(range(MOST_ALTERNATIVES + 1))
CHAIN: dict[str, Any] = {f"a{n}": {"$ref": f"#/$defs/a{n + 1}"} for n in range(3000)}
BOMBS: list[dict[str, Any]] = [
    {"enum": TOO_MANY},
    {"type": "array", "items": {"anyOf": [{"const": n} for n in TOO_MANY]}},
    {"anyOf": [{"enum": TOO_MANY[:600]}, {"enum": TOO_MANY[:600]}]},
    {"$ref": "#/$defs/a0", "$defs": CHAIN},
    {"properties": {f"p{n}": {} for n in range(MOST_PROPERTIES + 1)}},
    {"type": "string", "pattern": "^" + "(" * 1000 + ")" * 1000 + "$"},
    {"type": "string", "pattern": "^" + "a" * 3000 + "$"},
    {"type": "string", "pattern": "(("},
    {"type": "string", "pattern": "a)("},
    {"type": "string", "pattern": "(a)[b"},
    {"type": "object", "required": "x"},
]
GRAMMARS = [
    "root ::= " + "(" * 100_000,
    'root ::= "a"' + ' | "a"' * (MOST_ALTERNATIVES + 1),
    "root ::= a0\n" + "".join(f"a{n} ::= a{n + 1}\n" for n in range(3000)),
]


@pytest.mark.parametrize("schema", BOMBS)
def test_a_schema_that_is_too_much_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match="^it has"):
        check_schema(schema, what="it")


@pytest.mark.parametrize("grammar", GRAMMARS)
def test_a_grammar_that_is_too_much_is_refused(grammar: str) -> None:
    with pytest.raises(BadRequest, match="^the grammar has"):
        check_grammar(grammar)


def test_what_people_use_is_taken() -> None:
    check_grammar('root ::= "(((" item* # (((\nitem ::= [()|] | "a\\"|(" ("b" | "c")?\n')
    check_schema({"type": "object", "properties": {"x": {"enum": TOO_MANY[1:]}, "y": {"$ref": "#"}}}, what="it")
    check_schema({"pattern": r"\(a[)]", "properties": {"required": {"type": "string"}}, "required": ["a"]}, what="it")
    check_schema({"enum": 3, "properties": 4, "pattern": 5, "anyOf": None}, what="it")  # the engine says what it thinks


def test_brackets_side_by_side_are_one_level() -> None:
    assert levels_of("(a)" * 1000) == 1
    assert levels_of("(" * MOST_LEVELS + ")" * MOST_LEVELS) == MOST_LEVELS
    assert levels_of(")))((") == 0


@pytest.mark.parametrize("schema", BOMBS)
def test_every_way_of_a_schema_into_the_engine_is_guarded(schema: dict[str, Any]) -> None:
    said = (Message("user", "x"),)
    traits = Traits(1024)
    with pytest.raises(BadRequest):
        chat_fields(ChatRequest("m", said, json_schema=schema), traits)
    with pytest.raises(BadRequest):
        chat_fields(ChatRequest("m", said, tools=(Tool("f", "", schema),)), traits)
    with pytest.raises(BadRequest):
        completion_fields(CompletionRequest("m", "x", json_schema=schema), traits)


@pytest.mark.parametrize("grammar", GRAMMARS)
def test_every_way_of_a_grammar_into_the_engine_is_guarded(grammar: str) -> None:
    with pytest.raises(BadRequest):
        chat_fields(ChatRequest("m", (Message("user", "x"),), grammar=grammar), Traits(1024))
    with pytest.raises(BadRequest):
        completion_fields(CompletionRequest("m", "x", grammar=grammar), Traits(1024))
