"""Excel's sheets as tables: the first row of each is its head; formulas as the values that they had when saved."""

import datetime
import io
import zipfile
from typing import Any

from domov.documents.archives import Archive
from domov.documents.blocks import Block, Parsed
from domov.documents.failures import Unreadable
from domov.documents.readers.docx import properties
from domov.documents.readers.tables import table_blocks

MOST_ROWS = 200_000
MOST_COLUMNS = 500


def read(content: bytes, name: str) -> Parsed:
    archive = Archive(content)
    for part in archive.names:  # openpyxl unpacks without a limit of its own
        archive.read(part)
    import openpyxl

    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        blocks = [block for number, sheet in enumerate(book.worksheets, 1) for block in _sheet(sheet, number)]
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError, IndexError, SyntaxError) as error:
        raise Unreadable("damaged: its sheets can't be read") from error
    title, author, date = properties(archive)
    return Parsed(tuple(blocks), title, author, date)


def _sheet(sheet: Any, number: int) -> list[Block]:
    rows = []
    for index, row in enumerate(sheet.iter_rows(values_only=True, max_col=MOST_COLUMNS), 1):
        if index > MOST_ROWS:
            break
        cells = [_words(value) for value in row]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            rows.append((index, cells))
    return table_blocks(rows, titles=(sheet.title,), page=number)


def _words(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ").removesuffix(" 00:00:00")
    return (
        f"{value:g}"
        if isinstance(value, float) and abs(value) < 1e15 and value == int(value)
        else " ".join(str(value).split())
    )
