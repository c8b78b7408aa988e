"""Which files a folder wants left out: `.gitignore` and `.domovignore` in any folder. Pure but for reading those.

Source: gitignore(5): the last pattern that fits decides, `!` takes back, `/` binds to the folder, `**` crosses folders.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

FILES = (".gitignore", ".domovignore")
MOST_BYTES = 1 << 18
# Folders full of files that nobody wrote.
NEVER = frozenset(("node_modules", "__pycache__", "site-packages", "venv", "$RECYCLE.BIN", "System Volume Information"))


@dataclass(frozen=True, slots=True)
class Rule:
    pattern: re.Pattern[str]
    folders_only: bool
    takes_back: bool


def rules_of(text: str) -> list[Rule]:
    return [rule for line in text.splitlines()[:10_000] if (rule := _rule(line))]


def ignored(path: str, *, is_folder: bool, rules: Sequence[Rule]) -> bool | None:
    """What the rules of a folder say of a path below it (with /); None if nothing."""
    for rule in reversed(rules):
        if (is_folder or not rule.folders_only) and rule.pattern.fullmatch(path):
            return not rule.takes_back
    return None


def _rule(line: str) -> Rule | None:
    text = re.sub(r"(?<!\\)\s+$", "", line)
    if not text or text.startswith("#") or len(text) > 500:
        return None
    takes_back = text.startswith("!")
    text = text[1:] if takes_back else text.removeprefix("\\")
    folders_only = text.endswith("/")
    text = text.rstrip("/")
    bound = "/" in text
    text = text.lstrip("/")
    if not text:
        return None
    source = ("" if bound else "(?:.*/)?") + _regex(text)
    try:
        return Rule(re.compile(source, re.DOTALL), folders_only, takes_back)
    except re.error:
        return None


def _regex(glob: str) -> str:
    parts, at = [], 0
    for found in re.finditer(r"\*\*/|/\*\*$|\*+|\?|\[!?\]?[^\]]*\]|\\.", glob):
        parts.append(re.escape(glob[at : found.start()]))
        parts.append(_piece(found[0]))
        at = found.end()
    return "".join(parts) + re.escape(glob[at:])


def _piece(text: str) -> str:
    if text in ("**/", "/**"):
        return "(?:.*/)?" if text == "**/" else "/.*"
    if text.startswith("*"):
        return "[^/]*"
    if text == "?":
        return "[^/]"
    if text.startswith("["):
        inside = text[1:-1].replace("\\", r"\\").replace("[", r"\[")
        return f"[^{inside[1:]}]" if inside.startswith("!") else f"[{inside}]"
    return re.escape(text[1:])
