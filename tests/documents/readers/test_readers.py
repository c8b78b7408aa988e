"""What each reader sees in a file of its kind: words, headings, places."""

import datetime
import json

import pytest

from domov.documents.blocks import Block, Parsed
from domov.documents.failures import Unreadable
from domov.documents.kinds import READERS, kind_of
from domov.documents.reader import read
from tests.documents import files


def blocks(kind: str, content: bytes | str, name: str = "file") -> list[Block]:
    return list(parsed(kind, content, name).blocks)


def parsed(kind: str, content: bytes | str, name: str = "file") -> Parsed:
    return read(kind, content.encode() if isinstance(content, str) else content, name)


def seen(kind: str, content: bytes | str, name: str = "file") -> list[tuple[tuple[str, ...], str]]:
    return [(block.titles, block.text) for block in blocks(kind, content, name)]


def test_plain_text_is_paragraphs_with_their_lines() -> None:
    found = blocks("text", "první\nřádek\n\n\ndruhý\n")
    assert [(b.text, b.line, b.last_line) for b in found] == [("první\nřádek", 1, 2), ("druhý", 5, 5)]


def test_markdown_has_headings_code_and_tables() -> None:
    text = "# Dům\nÚvod\n\n## Topení\nkotel\n```sh\n# no heading\n```\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    text += "\nVoda\n----\nventil"
    found = blocks("markdown", text)
    assert [(b.titles, b.kind, b.line) for b in found] == [
        (("Dům",), "text", 2),
        (("Dům", "Topení"), "text", 5),
        (("Dům", "Topení"), "code", 6),
        (("Dům", "Topení"), "table", 9),
        (("Dům", "Voda"), "text", 15),
    ]
    assert parsed("markdown", text).title == "Dům"


def test_markdowns_front_matter_is_its_title_and_no_text() -> None:
    found = parsed("markdown", "---\ntitle: 'Smlouva'\ntags: x\n---\ntext")
    assert (found.title, [b.text for b in found.blocks], found.blocks[0].line) == ("Smlouva", ["text"], 5)


def test_rst_has_titles_by_adornments_and_literal_blocks() -> None:
    text = "=====\nTitle\n=====\n\nIntro::\n\n    code\n\nPart\n----\nwords"
    found = blocks("rst", text)
    assert [(b.titles, b.kind, b.text.strip()) for b in found] == [
        (("Title",), "text", "Intro::"),
        (("Title",), "code", "code"),
        (("Title", "Part"), "text", "words"),
    ]


def test_html_is_what_is_read_of_a_page() -> None:
    text = (
        "<html><head><meta charset=utf-8><title>Byt</title><style>p{}</style></head><body><nav>menu</nav><h1>Byt</h1>"
        "<p>první <b>slovo</b></p><script>alert(1)</script><ul><li>jedna<li>dvě</ul>"
        "<table><tr><th>a<th>b<tr><td>1<td>2</table><pre>x\n y</pre><h2>Konec</h2>text"
    )
    assert seen("html", text) == [
        (("Byt",), "první slovo"),
        (("Byt",), "- jedna"),
        (("Byt",), "- dvě"),
        (("Byt",), "a | b\n1 | 2"),
        (("Byt",), "x\n y"),
        (("Byt", "Konec"), "text"),
    ]
    assert parsed("html", text).title == "Byt"


def test_html_in_the_encoding_that_it_tells() -> None:
    page = '<meta http-equiv=Content-Type content="text/html; charset=windows-1250"><p>Žluťoučký kůň'.encode("cp1250")
    assert seen("html", page) == [((), "Žluťoučký kůň")]


def test_pdf_has_pages() -> None:
    found = blocks("pdf", files.pdf("first words", "", "third words"))
    assert [(b.page, b.text) for b in found] == [(1, "first words"), (3, "third words")]


def test_docx_has_styles_tables_notes_and_properties() -> None:
    table = f"<w:tbl><w:tr><w:tc>{files.paragraph('a')}</w:tc><w:tc>{files.paragraph('b')}</w:tc></w:tr></w:tbl>"
    body = files.paragraph("Dům", "Nadpis1") + files.paragraph("Topení", "Nadpis2") + files.paragraph("kotel") + table
    notes = f"<w:footnotes {files.W}>{files.paragraph('poznámka')}</w:footnotes>"
    document = files.docx(body, **{"word/footnotes.xml": notes})
    assert seen("docx", document) == [
        (("Dům", "Topení"), "kotel"),
        (("Dům", "Topení"), "a | b"),
        (("Notes",), "poznámka"),
    ]
    found = parsed("docx", document)
    assert (found.title, found.author, found.date) == ("Domovní řád", "Eva Nováková", "2026-03-01")


def test_slides_come_in_the_order_of_the_presentation() -> None:
    found = blocks("pptx", files.pptx("Druhý|b", "První|a"))
    assert [(b.page, b.titles, b.text) for b in found] == [(1, ("První",), "a"), (2, ("Druhý",), "b")]


def test_sheets_are_tables_under_their_heads() -> None:
    rows: list[list[object]] = [["jméno", "den", "cena"], ["Eva", datetime.date(2026, 1, 31), 12.0]]
    found = blocks("xlsx", files.xlsx(Lidé=rows, Prázdný=[]))
    assert [(b.titles, b.kind, b.text) for b in found] == [
        (("Lidé",), "table", "jméno | den | cena\nEva | 2026-01-31 | 12")
    ]


def test_opendocument_has_headings_lists_and_tables() -> None:
    body = (
        '<text:h text:outline-level="1">Dům</text:h><text:p>dvě<text:s text:c="2"/>slova</text:p>'
        "<text:list><text:list-item><text:p>položka</text:p></text:list-item></text:list>"
        "<table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell></table:table-row></table:table>"
    )
    assert seen("opendocument", files.odt(body), "file.odt") == [
        (("Dům",), "dvě  slova"),
        (("Dům",), "- položka"),
        (("Dům",), "a"),
    ]


def test_epub_has_chapters_in_reading_order() -> None:
    book = files.epub("<h1>Jedna</h1><p>a</p>", "<p>b</p>")
    found = blocks("epub", book)
    assert [(b.page, b.titles, b.text) for b in found] == [(1, ("Jedna",), "a"), (2, (), "b")]
    assert parsed("epub", book).title == "Babička"


def test_mail_tells_its_headers_and_its_text_in_its_encoding() -> None:
    mail = (
        b"From: =?utf-8?q?Eva_Nov=C3=A1kov=C3=A1?= <eva@example.org>\nTo: b@example.org\n"
        b"Subject: =?utf-8?q?Topen=C3=AD?=\n"
        b"Date: Sun, 01 Mar 2026 10:00:00 +0100\nContent-Type: text/plain; charset=iso-8859-2\n\np\xf8\xedli\xb9\n"
    )
    found = parsed("mail", mail)
    assert (found.title, found.date) == ("Topení", "2026-03-01")
    assert "Eva Nováková" in found.blocks[0].text and found.blocks[1].text == "příliš"


def test_csv_keeps_its_head_and_tells_rows() -> None:
    (block,) = blocks("csv", "jméno;věk\nEva;31\nJan;29\n", "a.csv")
    assert (block.text, block.line, block.last_line) == ("jméno | věk\nEva | 31\nJan | 29", 2, 3)


def test_json_is_told_by_paths() -> None:
    assert seen("json", json.dumps([{"a": {"b": 1}}, {"c": ["x"]}]), "a.json") == [((), "a.b: 1"), ((), "c.0: x")]
    assert [b.line for b in blocks("json", '{"a": 1}\n\n{"a": 2}\n', "a.jsonl")] == [1, 3]
    cells = {
        "cells": [{"cell_type": "markdown", "source": ["# T\n", "text"]}, {"cell_type": "code", "source": "x = 1"}]
    }
    assert seen("json", json.dumps(cells), "a.ipynb") == [(("T",), "text"), (("T",), "x = 1")]


def test_code_is_divided_at_definitions() -> None:
    text = "import os\n\n@decorated\ndef first():\n    pass\n\nclass House:\n    def heat(self):\n        pass\n"
    found = blocks("code", text, "a.py")
    assert [(b.titles, b.line) for b in found] == [((), 1), (("first",), 3), (("House",), 7), (("House.heat",), 8)]
    assert [b.titles for b in blocks("code", "fn main() {\n}\n\nstruct Dum {\n}\n", "a.rs")] == [("main",), ("Dum",)]


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize(
    "content", [b"", b"\0" * 100, b"PK\x03\x04" + b"x" * 50, b"%PDF-1.4", b"<a><b>", b"\xff\xfe\x00"]
)
def test_what_is_no_such_file_is_unreadable_or_empty(kind: str, content: bytes) -> None:
    try:
        read(kind, content, f"file{READERS[kind][1][0]}")
    except Unreadable as error:
        assert error.reason


@pytest.mark.parametrize(
    ("kind", "content", "reason"),
    [
        ("pdf", files.pdf("x", password=True), "password"),
        ("pdf", files.pdf("", ""), "scan"),
        ("docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"0" * 600, "encrypted"),
        ("docx", files.zipped({"word/document.xml": "<a"}), "damaged"),
        ("docx", files.zipped({"a": "b"}), "no word/document.xml"),
        ("docx", files.zipped({"word/document.xml": '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'}), "document type"),
        ("epub", files.zipped({"META-INF/encryption.xml": "<EncryptedData/>"}), "protection"),
        ("json", "[" * 100_000, "no JSON"),
        ("text", b"\x7fELF\0\0\0\0" * 100, "no text"),
    ],
)
def test_why_a_file_is_not_read(kind: str, content: bytes | str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        parsed(kind, content)


def test_a_zip_bomb_is_not_unpacked() -> None:
    bomb = files.zipped({"word/document.xml": b"<a>" + b"0" * (80 << 20)})
    assert len(bomb) < 1 << 20
    with pytest.raises(Unreadable, match="too large"):
        parsed("docx", bomb)


def test_kinds_are_told_by_names() -> None:
    assert [kind_of(n) for n in ("A.PDF", "b.md", "Makefile", "c.exe", "README")] == [
        "pdf",
        "markdown",
        "code",
        None,
        "text",
    ]
