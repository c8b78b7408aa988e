"""Changes in JSON with comments and trailing commas that touch nothing else: all other bytes stay as they are.

A file is read into nodes that know where they stand in the text; a change is text cut out or put in. Pure. The
grammar is that of VS Code's and Zed's settings: JSON, `//` and `/* */`, a comma after the last member.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

DEEPEST = 200
_BLANK = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_WORD = re.compile(r"-?[A-Za-z0-9.+\-]+")
_INDENT = re.compile(r"^([ \t]+)\S", re.MULTILINE)


class NotJson(ValueError):
    """The text is no JSON; the message says in which line."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it stands: text[start:end]."""

    value: Any
    start: int
    end: int
    members: Mapping[str, "Node"] = field(default_factory=dict)  # of an object
    items: Sequence["Node"] = ()  # of a list
    comma: bool = False  # whether one stands after the last member or item


def parse(text: str) -> Any:
    """The value of the text; an empty one is an empty object. Raises NotJson."""
    return _root(text).value


def put(text: str, path: Sequence[str], value: Any) -> str:
    """The text with the value at this path of keys; objects on the way are made where they are missing.

    Raises NotJson for a text that is none, or where something else than an object stands on the way.
    """
    node = _root(text)
    text = text if text.strip() else "{}\n"
    for depth, key in enumerate(path):
        if not isinstance(node.value, dict):
            raise NotJson(f"{'.'.join(path[:depth]) or 'the whole'} is not an object")
        if key not in node.members:
            made = value
            for inner in reversed(path[depth + 1 :]):
                made = {inner: made}
            return _with_member(text, node, f"{json.dumps(key, ensure_ascii=False)}: ", made)
        node = node.members[key]
    return text if node.value == value else _replaced(text, node, value)


def put_item(text: str, value: Mapping[str, Any], *, mine: Callable[[Any], bool]) -> str:
    """The text, a list, with the value in place of the first item that is `mine`, or as its last. Raises NotJson."""
    text = text if text.strip() else "[]\n"
    node = _root(text)
    if not isinstance(node.value, list):
        raise NotJson("the whole is not a list")
    for item in node.items:
        if mine(item.value):
            return text if item.value == value else _replaced(text, item, value)
    return _with_member(text, node, "", value)


def _replaced(text: str, node: Node, value: Any) -> str:
    line = text[text.rfind("\n", 0, node.start) + 1 : node.start]
    indent = line[: len(line) - len(line.lstrip())]
    return text[: node.start] + _rendered(value, text, indent) + text[node.end :]


def _with_member(text: str, node: Node, key: str, value: Any) -> str:
    """A member or an item more, after the last."""
    inner = [*node.members.values(), *node.items]
    close = node.end - 1
    if inner and not node.comma:
        last = inner[-1].end
        text, close = text[:last] + "," + text[last:], close + 1
    before = text[:close].rstrip(" \t\n")
    if inner and "\n" not in text[node.start : close]:
        tail = text[len(before) : close]
        return f"{before} {key}{json.dumps(value, ensure_ascii=False)}{tail}{text[close:]}"
    line = text[text.rfind("\n", 0, node.start) + 1 : node.start]
    outer = line[: len(line) - len(line.lstrip())]
    indent = _own_indent(text, inner) if inner else None
    indent = outer + _unit(text) if indent is None else indent
    after = "," if node.comma else ""
    return f"{before}\n{indent}{key}{_rendered(value, text, indent)}{after}\n{outer}{text[close:]}"


def _own_indent(text: str, inner: Sequence[Node]) -> str | None:
    """What stands before the last member on its line, if it is the first there."""
    line = text[text.rfind("\n", 0, inner[-1].start) + 1 : inner[-1].start]
    indent = line[: len(line) - len(line.lstrip())]
    return indent if line.strip() == "" or re.fullmatch(r'\s*"(?:[^"\\]|\\.)*"\s*:\s*', line) else None


def _rendered(value: Any, text: str, indent: str) -> str:
    return json.dumps(value, indent=_unit(text), ensure_ascii=False).replace("\n", f"\n{indent}")


def _unit(text: str) -> str:
    """One step of indentation, as the file has it."""
    found = _INDENT.search(text)
    return found[1] if found else "  "


def _root(text: str) -> Node:
    start = _skip(text, 0)
    if start == len(text):
        return Node({}, 0, 2)
    node = _value(text, start, 0)
    if (rest := _skip(text, node.end)) != len(text):
        raise _wrong(text, rest)
    return node


def _value(text: str, at: int, depth: int) -> Node:
    if depth > DEEPEST:
        raise NotJson(f"more than {DEEPEST} levels deep")
    if text[at : at + 1] == "{":
        return _object(text, at, depth)
    if text[at : at + 1] == "[":
        return _list(text, at, depth)
    found = (_STRING if text[at : at + 1] == '"' else _WORD).match(text, at)
    if found is None:
        raise _wrong(text, at)
    try:
        return Node(json.loads(found[0]), at, found.end())
    except ValueError as error:
        raise _wrong(text, at) from error


def _object(text: str, at: int, depth: int) -> Node:
    members: dict[str, Node] = {}
    here, comma, first = _skip(text, at + 1), False, True
    while text[here : here + 1] != "}":
        if not (first or comma) or (found := _STRING.match(text, here)) is None:
            raise _wrong(text, here)
        key, colon = _value(text, here, depth).value, _skip(text, found.end())
        if text[colon : colon + 1] != ":":
            raise _wrong(text, colon)
        members.pop(key, None)  # the last of two with one name is the one that counts
        members[key] = _value(text, _skip(text, colon + 1), depth + 1)
        here, comma = _after(text, members[key].end)
        first = False
    return Node({k: node.value for k, node in members.items()}, at, here + 1, members, comma=comma)


def _list(text: str, at: int, depth: int) -> Node:
    items: list[Node] = []
    here, comma = _skip(text, at + 1), False
    while text[here : here + 1] != "]":
        if items and not comma:
            raise _wrong(text, here)
        items.append(_value(text, here, depth + 1))
        here, comma = _after(text, items[-1].end)
    return Node([node.value for node in items], at, here + 1, items=items, comma=comma)


def _after(text: str, at: int) -> tuple[int, bool]:
    """Where the next thing starts, and whether a comma came before it."""
    here = _skip(text, at)
    return (_skip(text, here + 1), True) if text[here : here + 1] == "," else (here, False)


def _skip(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _wrong(text: str, at: int) -> NotJson:
    line = text.count("\n", 0, at) + 1
    shown = text[at : at + 20].split("\n")[0]
    return NotJson(f"line {line}: not JSON at {shown!r}" if shown else f"line {line}: it ends too early")
