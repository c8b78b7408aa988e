"""Source code, divided where functions and classes begin: by Python's own syntax, elsewhere by the looks of lines."""

import ast
import re
import warnings
from collections.abc import Iterator

from domov.documents.blocks import Outline, Parsed
from domov.documents.readers.plain import paragraphs, text_of

# A definition at the start of a line, or a little indented inside a class or namespace.
DEFINITION = re.compile(
    r"^ {0,4}(?:(?:export|default|public|private|protected|internal|static|final|abstract|async|pub|unsafe|inline|"
    r"override|virtual|open|data|sealed|extern)\s+)*(?:def|func|fn|function|class|struct|enum|interface|trait|impl|module|namespace|"
    r"type|object|sub|proc|macro_rules!|CREATE\s+(?:TABLE|VIEW|FUNCTION|INDEX)|resource|message|service)\s+"
    r"([^\s({:<=;]+)|^(?:[A-Za-z_][\w\s*&:<>,]*?)\b([A-Za-z_]\w*)\s*\([^;]*\)\s*\{?\s*$|^\[([^\]]+)\]\s*$",
    re.IGNORECASE,
)


def read(content: bytes, name: str) -> Parsed:
    text = text_of(content)
    lines = text.split("\n")
    starts = _python(text) if name.lower().endswith((".py", ".pyi")) else None
    starts = list(_by_looks(lines)) if starts is None else starts
    outline = Outline()
    edges = [(1, ""), *starts, (len(lines) + 1, "")]
    for (first, title), (end, _) in zip(edges, edges[1:], strict=False):
        outline.heading(1, title)
        for number, run in paragraphs(lines[first - 1 : end - 1], first):
            outline.add("\n".join(run), kind="code", line=number, last_line=number + len(run) - 1)
    return outline.parsed()


def _python(text: str) -> list[tuple[int, str]] | None:
    """Where each function and class begins, decorators included; None for what is not valid Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    found = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.append((_start(node), node.name))
            if isinstance(node, ast.ClassDef):
                methods = (m for m in node.body if isinstance(m, ast.FunctionDef | ast.AsyncFunctionDef))
                found += [(_start(m), f"{node.name}.{m.name}") for m in methods]
    return found


def _start(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    return min([node.lineno, *(d.lineno for d in node.decorator_list)])


def _by_looks(lines: list[str]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines, 1):
        if len(line) < 300 and (found := DEFINITION.match(line)):
            yield number, next(filter(None, found.groups()), "")
