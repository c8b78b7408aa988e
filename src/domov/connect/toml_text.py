"""Changes in TOML that keep comments, order and everything else of the file. Pure, over tomlkit."""

import tomllib
from collections.abc import Mapping
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError


class NotToml(ValueError):
    """The text is no TOML, or none that can be changed here; the message says where."""


def put(text: str, settings: Mapping[str, Any], tables: Mapping[tuple[str, ...], Mapping[str, Any]]) -> str:
    """The text with these keys at the top level, and these keys in tables; other keys of the tables stay.

    A value of None takes a key out of its table. Raises NotToml.
    """
    wanted = _parsed(text)
    try:
        document = tomlkit.parse(text)
        for key, value in settings.items():
            document[key] = wanted[key] = value
        for path, values in tables.items():
            table, plain = _table(document, path), _plain_table(wanted, path)
            for key, value in values.items():
                if value is None:
                    table.pop(key, None), plain.pop(key, None)
                else:
                    table[key] = plain[key] = value
    except (TOMLKitError, TypeError, KeyError) as error:
        raise NotToml(str(error)) from error
    after = tomlkit.dumps(document)
    if _parsed(after) != wanted:
        raise NotToml("it is written in a way that can't be added to without touching the rest")
    return after


def _table(document: Any, path: tuple[str, ...]) -> Any:
    """The table at a path, made where it is missing; tables on the way are not written out."""
    here = document
    for depth, key in enumerate(path):
        if key not in here:
            here[key] = tomlkit.table(is_super_table=depth < len(path) - 1)
        here = here[key]
    return here


def _plain_table(value: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    for key in path:
        value = value.setdefault(key, {})
    return value


def _parsed(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise NotToml(str(error)) from error
