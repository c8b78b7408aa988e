"""Tables and records: CSV by rows, JSON by entries, notebooks by cells."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

from domov.documents.blocks import Block, Outline, Parsed
from domov.documents.failures import Unreadable
from domov.documents.readers import markdown
from domov.documents.readers.plain import text_of

ROWS_A_BLOCK = 30
MOST_ROWS = 200_000
MOST_CELL = 2000
MOST_DEPTH = 100


def read_csv(content: bytes, name: str) -> Parsed:
    text = text_of(content)
    csv.field_size_limit(1 << 20)
    try:
        dialect: Any = csv.Sniffer().sniff(text[:10_000], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel_tab if name.lower().endswith(".tsv") else csv.excel
    rows: list[tuple[int, list[str]]] = []
    reader = csv.reader(io.StringIO(text, newline=""), dialect)
    try:
        for row in reader:
            if any(row) and len(rows) < MOST_ROWS:
                rows.append((reader.line_num, [" ".join(cell.split())[:MOST_CELL] for cell in row]))
    except csv.Error as error:
        raise Unreadable(f"no table: line {reader.line_num} can't be read") from error
    return Parsed(tuple(table_blocks(rows)))


def table_blocks(
    rows: Sequence[tuple[int, Sequence[str]]], *, titles: tuple[str, ...] = (), page: int | None = None
) -> list[Block]:
    """Parts of a table, each under the table's head; `rows` are with their numbers, the head first."""
    if not rows:
        return []
    head, body = " | ".join(rows[0][1]), rows[1:] or rows
    blocks = []
    for start in range(0, len(body), ROWS_A_BLOCK):
        part = body[start : start + ROWS_A_BLOCK]
        lines = [head, *(" | ".join(cells) for _, cells in part)] if len(rows) > 1 else [head]
        blocks.append(Block("\n".join(lines), "table", titles, page, part[0][0], part[-1][0]))
    return blocks


def read_json(content: bytes, name: str) -> Parsed:
    text, lower = text_of(content), name.lower()
    if lower.endswith((".jsonl", ".ndjson")):
        blocks = [
            Block(_told(_loaded(line)), line=n, last_line=n)
            for n, line in enumerate(text.split("\n"), 1)
            if line.strip()
        ]
        return Parsed(tuple(blocks[:MOST_ROWS]))
    value = _loaded(text)
    if lower.endswith(".ipynb") and isinstance(value, dict) and isinstance(value.get("cells"), list):
        return _notebook(value["cells"])
    entries = (
        value if isinstance(value, list) else [{k: v} for k, v in value.items()] if isinstance(value, dict) else [value]
    )
    return Parsed(tuple(Block(told) for entry in entries[:MOST_ROWS] if (told := _told(entry))))


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable("it is no JSON") from error


def _told(value: Any) -> str:
    return "\n".join(f"{path}: {leaf}" if path else leaf for path, leaf in _leaves(value, "", 0))


def _leaves(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    """Every value with the path to it, `address.city: Praha`."""
    if isinstance(value, dict | list) and depth < MOST_DEPTH:
        pairs = value.items() if isinstance(value, dict) else ((str(n), v) for n, v in enumerate(value))
        for key, child in pairs:
            yield from _leaves(child, f"{path}.{key}" if path else str(key), depth + 1)
    elif value is not None:
        yield path, str(value)


def _notebook(cells: list[Any]) -> Parsed:
    outline = Outline()
    for number, cell in enumerate(cells, 1):
        source = cell.get("source", "") if isinstance(cell, dict) else ""
        text = "".join(map(str, source)) if isinstance(source, list) else str(source)
        outline.page = number
        if isinstance(cell, dict) and cell.get("cell_type") == "markdown":
            for block in markdown.read_text(text).blocks:
                for level, title in enumerate(block.titles, 1):
                    outline.heading(level, title)
                outline.add(block.text, kind=block.kind)
        else:
            outline.add(text, kind="code")
    return outline.parsed()
