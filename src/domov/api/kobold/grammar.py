"""A JSON schema as a grammar in llama.cpp's form (GBNF): every text that the grammar makes keeps to the schema.

Properties come in the order of the schema. What a grammar of this size can't hold (numbers with bounds, patterns,
`not`, …) is refused and not left out. Sources: json-schema.org, draft 2020-12; llama.cpp grammars/README.md.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from domov.errors import BadRequest

MOST_DEPTH, MOST_RULES, MOST_COUNT = 64, 4000, 10_000
BASE = {
    "ws": r"[ \t\n]{0,20}",
    "char": r'[^"\\\x7F\x00-\x1F] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4})',
    "string": r'"\"" char* "\""',
    "integer": r'"-"? ("0" | [1-9] [0-9]{0,15})',
    "number": r'integer ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,3})?',
    "boolean": r'"true" | "false"',
    "null": '"null"',
    "array": '"[" ws (value ("," ws value)*)? "]"',
    "object": '"{" ws (member ("," ws member)*)? "}"',
    "member": 'string ws ":" ws value',
    "value": "(string | number | object | array | boolean | null) ws",
}
TYPES = ("string", "integer", "number", "boolean", "null", "array", "object")
# What a schema may say without changing which texts are right.
SILENT = frozenset(("title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"))
SILENT |= frozenset(("$schema", "$id", "$comment", "$defs", "definitions", "format", "strict", "name"))
HELD = frozenset(("type", "enum", "const", "anyOf", "oneOf", "$ref", "properties", "required", "additionalProperties"))
HELD |= frozenset(("items", "prefixItems", "minItems", "maxItems", "minLength", "maxLength"))


def grammar_of(schema: Mapping[str, Any]) -> str:
    """Raises BadRequest for what is no schema, or more than can be held."""
    made = _Grammar(schema)
    made.rules["root"] = made.rule(schema, depth=0)
    return "\n".join(f"{name} ::= {body}" for name, body in {**made.rules, **BASE}.items()) + "\n"


class _Grammar:
    def __init__(self, whole: Mapping[str, Any]) -> None:
        self._whole = whole
        self.rules: dict[str, str] = {}
        self._references: dict[str, str] = {}

    def rule(self, schema: Any, *, depth: int) -> str:
        """The name of a rule for a schema, added if there is none yet."""
        if schema is True or schema == {}:
            return "value"
        if not isinstance(schema, Mapping):
            raise BadRequest(f"not a JSON schema: {str(schema)[:60]}")
        if depth > MOST_DEPTH or len(self.rules) > MOST_RULES:
            raise BadRequest("the schema is too large for a grammar", hint="make it simpler")
        if "$ref" in schema:
            return self._referred(str(schema["$ref"]), depth)
        return self._add(self._body(schema, depth + 1))

    def _add(self, body: str) -> str:
        if body in BASE:
            return body
        name = f"r{len(self.rules)}"
        self.rules[name] = body
        return name

    def _referred(self, reference: str, depth: int) -> str:
        """A reference may lead back to where it stands: its rule has a name before it has a body."""
        if reference not in self._references:
            found = _lookup(self._whole, reference)
            if not isinstance(found, Mapping) or "$ref" in found:
                raise BadRequest(f"$ref leads to no schema: {reference[:60]}")
            name = self._references[reference] = f"ref{len(self._references)}"
            self.rules[name] = ""
            self.rules[name] = self._body(found, depth + 1)
        return self._references[reference]

    def _body(self, schema: Mapping[str, Any], depth: int) -> str:
        if unheld := sorted(set(schema) - HELD - SILENT):
            raise BadRequest(f"a grammar can't hold `{unheld[0]}`", hint="leave it out of the schema")
        if "const" in schema:
            return _literal(schema["const"])
        if "enum" in schema:
            return " | ".join(_literal(value) for value in _some(schema, "enum"))
        for either in ("anyOf", "oneOf"):
            if either in schema:
                return " | ".join(self.rule(part, depth=depth) for part in _some(schema, either))
        return self._typed(schema, depth)

    def _typed(self, schema: Mapping[str, Any], depth: int) -> str:
        kinds = schema.get("type", _implied(schema))
        if isinstance(kinds, list) and kinds:
            return " | ".join(self.rule({**schema, "type": kind}, depth=depth) for kind in kinds)
        if kinds == "object":
            return self._object(schema, depth)
        if kinds == "array":
            return self._array(schema, depth)
        if kinds == "string" and ("minLength" in schema or "maxLength" in schema):
            return rf'"\"" char{_count(schema, "minLength", "maxLength")} "\""'
        if kinds not in (*TYPES, "value"):
            raise BadRequest(f"no such type in JSON schemas: {str(kinds)[:40]}")
        return str(kinds)

    def _object(self, schema: Mapping[str, Any], depth: int) -> str:
        """One rule for each property, as the first of them and as a later one: what is not required may be left out."""
        properties = schema.get("properties", {})
        required = schema.get("required", [])
        if not isinstance(properties, Mapping) or not isinstance(required, list):
            raise BadRequest("properties is an object in JSON schemas, required a list")
        more = schema.get("additionalProperties", True) if not properties else schema.get("additionalProperties", False)
        if not properties and more in (True, {}) and not required:
            return "object"
        if missing := [name for name in required if name not in properties]:
            raise BadRequest(f"required names no property: {str(missing[0])[:60]}")
        first, later = "", ""
        if more is not False:
            member = f'string ws ":" ws {self.rule(more, depth=depth)} ws'
            first, later = f'({member} ("," ws {member})*)?', f'("," ws {member})*'
        for name in reversed(list(properties)):
            member = f'{_literal(name)} ws ":" ws {self.rule(properties[name], depth=depth)} ws'
            follows = self._add(f"{member} {later}".rstrip())
            if name in required:
                first, later = follows, f'"," ws {follows}'
            else:
                passed = self._add(later) if later else ""
                first = f"({follows} | {first})" if first else f"({follows})?"
                later = f'("," ws {follows} | {passed})' if passed else f'("," ws {follows})?'
        return f'"{{" ws {first} "}}"'

    def _array(self, schema: Mapping[str, Any], depth: int) -> str:
        if "prefixItems" in schema:
            if not {"minItems", "maxItems", "items"}.isdisjoint(schema):
                raise BadRequest("a grammar can't hold prefixItems together with items, minItems or maxItems")
            parts = [f"{self.rule(part, depth=depth)} ws" for part in _some(schema, "prefixItems")]
            return f'"[" ws {""" "," ws """.join(parts)} "]"'
        item = f"{self.rule(schema.get('items', True), depth=depth)} ws"
        least, most = _bounds(schema, "minItems", "maxItems")
        if most == 0:
            return '"[" ws "]"'
        rest = f'("," ws {item}){_times(max(0, least - 1), None if most is None else most - 1)}'
        return f'"[" ws {item} {rest} "]"' if least else f'"[" ws ({item} {rest})? "]"'


def _implied(schema: Mapping[str, Any]) -> str:
    """The type that a schema without one speaks of."""
    if not {"properties", "required", "additionalProperties"}.isdisjoint(schema):
        return "object"
    if not {"items", "prefixItems", "minItems", "maxItems"}.isdisjoint(schema):
        return "array"
    return "string" if not {"minLength", "maxLength"}.isdisjoint(schema) else "value"


def _lookup(whole: Mapping[str, Any], reference: str) -> Any:
    if not reference.startswith("#"):
        raise BadRequest(f"$ref leads out of the schema: {reference[:60]}", hint="only #/… is looked up")
    found: Any = whole
    for part in reference.removeprefix("#").split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _some(schema: Mapping[str, Any], key: str) -> Sequence[Any]:
    value = schema[key]
    if not isinstance(value, list) or not value or len(value) > MOST_RULES:
        raise BadRequest(f"{key} is no list of some length in JSON schemas")
    return value


def _literal(value: Any) -> str:
    """The JSON of a value, as a text in a grammar."""
    text = json.dumps(value, ensure_ascii=False)
    if not text.isprintable():
        text = json.dumps(value)  # with \u in the place of what can't be seen, or is no UTF-8
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _count(schema: Mapping[str, Any], least: str, most: str) -> str:
    return _times(*_bounds(schema, least, most))


def _times(least: int, most: int | None) -> str:
    return f"{{{least},{'' if most is None else most}}}"


def _bounds(schema: Mapping[str, Any], least: str, most: str) -> tuple[int, int | None]:
    low, high = schema.get(least, 0), schema.get(most)
    for name, value in ((least, low), (most, high)):
        if value is not None and (not isinstance(value, int) or not 0 <= value <= MOST_COUNT):
            raise BadRequest(f"{name} can't be {str(value)[:20]} here", hint=f"it goes from 0 to {MOST_COUNT}")
    if high is not None and high < low:
        raise BadRequest(f"{most} is less than {least}")
    return low, high
