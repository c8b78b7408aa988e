"""Changes in YAML that touch nothing else: items at the front of a list, and plain settings. Pure.

The text is read by ruamel.yaml (YAML 1.2), which tells where everything stands; the change itself is lines put in
and taken out, so that comments, order and quotes of the rest stay. Afterwards the text is read again: what it says
must be the old with the change and nothing else.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

# Texts that need no quotes, whatever version of YAML reads them.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z_./-]*[A-Za-z0-9]")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


class NotYaml(ValueError):
    """The text is no YAML, or none that can be changed here; the message says where."""


def parse(text: str) -> Any:
    """The value of the text, None for an empty one. Raises NotYaml."""
    return _read(lambda yaml: yaml.load(text))


def put_items(text: str, key: str | None, items: Sequence[Mapping[str, Any]], *, mine: Callable[[Any], bool]) -> str:
    """The text with the items where those that are `mine` stood, or at the front of the list.

    key: of the list; None: the whole text is the list. Raises NotYaml.
    """
    before = parse(text)
    there = _list_in(before, key)
    own = [mine(item) for item in there]
    first = own.index(True) if True in own else 0
    others = [item for item, goes in zip(there, own, strict=True) if not goes]
    wanted: Any = [*others[:first], *items, *others[first:]]
    return _checked(_with_items(text, key, items, own), wanted if key is None else {**(before or {}), key: wanted})


def put_settings(text: str, settings: Mapping[str, str]) -> str:
    """The text, a mapping, with these keys at the top level set. Raises NotYaml."""
    before = parse(text) or {}
    if not isinstance(before, dict):
        raise NotYaml("it holds no settings, but something else")
    after = text
    for key, value in settings.items():
        after = _with_setting(after, key, value)
    return _checked(after, {**before, **settings})


def _checked(after: str, wanted: Any) -> str:
    try:
        if parse(after) == wanted:
            return after
    except NotYaml:
        pass
    raise NotYaml("it is written in a way that can't be added to without touching the rest")


def _list_in(value: Any, key: str | None) -> list[Any]:
    found = value.get(key) if key is not None and isinstance(value, dict) else value
    if found is None:
        return []
    if not isinstance(found, list):
        raise NotYaml(f"{key or 'the whole'} is not a list")
    return found


def _with_items(text: str, key: str | None, items: Sequence[Mapping[str, Any]], own: Sequence[bool]) -> str:
    """own: of each item that is there, whether it goes."""
    root = _compose(text)
    if key is None:
        return _in_list(text, root, items, own, line=0)
    for name, value in _members(root) if root is not None else ():
        if name.value == key:
            return _in_list(text, value, items, own, line=name.start_mark.line + 1)
    return _ended(text) + f"{key}:\n{rendered(items, 2)}"


def _in_list(
    text: str, node: Node | None, items: Sequence[Mapping[str, Any]], own: Sequence[bool], *, line: int
) -> str:
    """line: where the first item goes, if the list has none yet."""
    if isinstance(node, SequenceNode) and node.flow_style:
        return _in_brackets(text, node, items, own)
    lines = _ended(text).splitlines(keepends=True)
    if not isinstance(node, SequenceNode):  # nothing there yet
        return "".join([*lines[:line], rendered(items, 2 if line else 0), *lines[line:]])
    indent = int(node.start_mark.column)
    first = line or _dash(lines, node.value[0].start_mark.line, indent)
    for item, goes in reversed(list(zip(node.value, own, strict=True))):
        if goes:
            first = _dash(lines, item.start_mark.line, indent)
            del lines[first : _end(lines, first, indent)]
    return "".join([*lines[:first], rendered(items, indent), *lines[first:]])


def _in_brackets(text: str, node: SequenceNode, items: Sequence[Mapping[str, Any]], own: Sequence[bool]) -> str:
    """A list in one line, `[...]`: its other items stay as they are written."""
    kept = [item for item, goes in zip(node.value, own, strict=True) if not goes]
    parts = [text[item.start_mark.index : item.end_mark.index] for item in kept]
    first = list(own).index(True) if True in own else 0
    parts[first:first] = [json.dumps(item, ensure_ascii=False) for item in items]
    return f"{text[: node.start_mark.index]}[{', '.join(parts)}]{text[node.end_mark.index :]}"


def _dash(lines: Sequence[str], line: int, indent: int) -> int:
    """The line of the dash that begins the item at `line`: the same, or one above."""
    while line > 0 and lines[line][indent : indent + 1] != "-":
        line -= 1
    return line


def _end(lines: Sequence[str], start: int, indent: int) -> int:
    """The first line after the item, comments and empty lines after it left out."""
    end = start + 1
    for number in range(start + 1, len(lines)):
        content = lines[number].lstrip()
        if not content or content.startswith("#"):
            continue
        if len(lines[number]) - len(content) <= indent:
            break
        end = number + 1
    return end


def _with_setting(text: str, key: str, value: str) -> str:
    root = _compose(text)
    for name, node in _members(root) if root is not None else ():
        if name.value == key and isinstance(node, ScalarNode):
            start, end = node.start_mark.index, node.end_mark.index
            if start == end:  # nothing there: the mark is that of whatever comes next
                start = end = text.index(":", name.end_mark.index) + 1
            gap = " " if text[start - 1] == ":" else ""
            return text[:start] + gap + scalar(value) + text[end:]
    return f"{_ended(text)}{scalar(key)}: {scalar(value)}\n"


def _members(root: Node) -> Sequence[tuple[Node, Node]]:
    if not isinstance(root, MappingNode) or root.flow_style:
        raise NotYaml("it is not a mapping in lines of its own")
    return root.value  # type: ignore[no-any-return]


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"


def rendered(items: Sequence[Mapping[str, Any]], indent: int) -> str:
    """The items as lines of a list."""
    lines = []
    for item in items:
        inner = _mapping(item, indent + 2)
        lines.append(f"{' ' * indent}- {inner[0].lstrip()}")
        lines += inner[1:]
    return "".join(f"{line}\n" for line in lines)


def _mapping(value: Mapping[str, Any], indent: int) -> list[str]:
    lines = []
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            lines += [f"{' ' * indent}{scalar(key)}:", *_mapping(inner, indent + 2)]
        elif isinstance(inner, list):
            lines.append(f"{' ' * indent}{scalar(key)}: [{', '.join(map(scalar, inner))}]")
        else:
            lines.append(f"{' ' * indent}{scalar(key)}: {scalar(inner)}")
    return lines


def scalar(value: Any) -> str:
    """A text, number or truth as YAML; JSON's form is one of YAML's."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)


def _compose(text: str) -> Node | None:
    return _read(lambda yaml: yaml.compose(text))  # type: ignore[no-any-return]


def _read(read: Callable[[YAML], Any]) -> Any:
    try:
        return read(YAML(typ="safe", pure=True))
    except MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise NotYaml(f"{where}{error.problem}") from error
    except (YAMLError, RecursionError) as error:
        raise NotYaml(str(error).split("\n")[0] or "too deep") from error
