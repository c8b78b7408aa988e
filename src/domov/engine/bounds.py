"""Grammars and schemas that native code can take: bounded in what makes it recurse or multiply.

llama.cpp reads nested brackets by recursion, so that 100,000 of them end the worker (SIGSEGV), and holds every token of
the vocabulary against every alternative that is open: 2,000 of them cost seconds a token (docs/log.md). Pure.
"""

import re
from typing import Any

from domov.errors import BadRequest

MOST_ALTERNATIVES = 1000  # of a grammar, or of all lists of a schema
MOST_RULES = 2000
MOST_LEVELS = 200
MOST_PROPERTIES = 500  # of one object
MOST_PATTERN_CHARACTERS = 2000
# What holds brackets that open nothing: texts, classes of characters, remarks.
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|#[^\n]*', re.DOTALL)


def check_grammar(grammar: str) -> None:
    """Raises BadRequest, which says what there is too much of."""
    bare = _QUOTED.sub("", grammar)
    _at_most("alternatives", bare.count("|"), MOST_ALTERNATIVES, what="the grammar")
    _at_most("rules", bare.count("::="), MOST_RULES, what="the grammar")
    _at_most("nested brackets", levels_of(bare), MOST_LEVELS, what="the grammar")


def levels_of(text: str) -> int:
    """How deep its round brackets are nested."""
    deepest = level = 0
    for bracket in re.findall(r"[()]", text):
        level += 1 if bracket == "(" else -1
        deepest = max(deepest, level)
    return deepest


def check_schema(schema: Any, *, what: str) -> None:
    """what: it is a schema of. Raises BadRequest, which says what there is too much of."""
    alternatives = references = 0
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += part
        if not isinstance(part, dict):
            continue
        waiting += part.values()
        alternatives += sum(len(part[key]) for key in ("enum", "anyOf", "oneOf") if isinstance(part.get(key), list))
        references += "$ref" in part
        if isinstance(properties := part.get("properties"), dict):
            _at_most("properties in one object", len(properties), MOST_PROPERTIES, what=what)
        if not isinstance(part.get("required", []), list | dict | bool):  # a property may have the name, too
            raise BadRequest(f"{what} has a required that is no list", hint="it lists names of properties")
        if isinstance(pattern := part.get("pattern"), str):
            _check_closed(pattern, what=what)
            _at_most("characters in one pattern", len(pattern), MOST_PATTERN_CHARACTERS, what=what)
            _at_most("nested brackets in one pattern", levels_of(pattern), MOST_LEVELS, what=what)
    _at_most("alternatives", alternatives, MOST_ALTERNATIVES, what=what)
    _at_most("references", references, MOST_RULES, what=what)


def _check_closed(pattern: str, *, what: str) -> None:
    """Raises BadRequest: what llguidance can't read, llama-server leaves out in silence."""
    bare = re.sub(r"\\.|\[(?:\\.|[^\]\\])*\]", "", pattern, flags=re.DOTALL)
    level = 0
    for bracket in re.findall(r"[()\[\\]", bare):
        level += {"(": 1, ")": -1}.get(bracket, 2**31)
        if level < 0:
            break
    if level:
        raise BadRequest(f"{what} has a pattern whose brackets don't match: {ascii(pattern[:100])[1:-1]}")


def _at_most(things: str, count: int, most: int, *, what: str) -> None:
    if count > most:
        raise BadRequest(f"{what} has {count} {things}", hint=f"at most {most} can be held")
