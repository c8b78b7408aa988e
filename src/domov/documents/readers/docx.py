"""Word's documents: headings by their styles, paragraphs, tables, notes. Source: ECMA-376, WordprocessingML.

Pages are not in the file; where Word has noted the breaks of its last layout, they are counted.
"""

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from domov.documents.archives import Archive, attribute, local
from domov.documents.blocks import Outline, Parsed

MOST_LEVEL = 9


def read(content: bytes, name: str) -> Parsed:
    archive = Archive(content)
    body = archive.xml("word/document.xml")
    reader = _Reader(_heading_levels(archive))
    for element in body:
        reader.take(element)
    reader.outline.page = None
    for part, title in (
        ("word/footnotes.xml", "Notes"),
        ("word/endnotes.xml", "Notes"),
        ("word/comments.xml", "Comments"),
    ):
        notes = archive.optional_xml(part)
        words = (
            "\n".join(filter(None, (paragraph_text(p).strip() for p in paragraphs(notes)))) if notes is not None else ""
        )
        if words:
            reader.outline.heading(1, title)
            reader.outline.add(words)
    title, author, date = properties(archive)
    return reader.outline.parsed(title=title, author=author, date=date)


def properties(archive: Archive) -> tuple[str, str, str]:
    """Title, author and date of any of office's documents."""
    core = archive.optional_xml("docProps/core.xml")
    values = {local(e.tag): (e.text or "") for e in core} if core is not None else {}
    return values.get("title", ""), values.get("creator", ""), values.get("modified", values.get("created", ""))[:10]


def paragraphs(root: Element) -> Iterator[Element]:
    return (e for e in root.iter() if local(e.tag) == "p")


def paragraph_text(paragraph: Element) -> str:
    """Its words; deleted text of tracked changes is not among them."""
    parts = []
    for element in paragraph.iter():
        tag = local(element.tag)
        if tag == "t":
            parts.append(element.text or "")
        elif tag == "tab":
            parts.append("\t")
        elif tag in ("br", "cr"):
            parts.append("\n")
    return "".join(parts)


def _heading_levels(archive: Archive) -> dict[str, int]:
    """The level of each style that makes headings, by the style's id."""
    styles = archive.optional_xml("word/styles.xml")
    levels: dict[str, int] = {}
    for style in styles if styles is not None else ():
        names = {local(e.tag): attribute(e, "val") for e in style.iter()}
        if found := re.fullmatch(r"(?:heading|nadpis) (\d)", names.get("name", "").lower()):
            levels[attribute(style, "styleId")] = int(found[1])
        elif names.get("name", "").lower() == "title":
            levels[attribute(style, "styleId")] = 1
        elif names.get("outlineLvl", "").isdigit() and int(names["outlineLvl"]) < MOST_LEVEL:
            levels[attribute(style, "styleId")] = int(names["outlineLvl"]) + 1
    return levels


class _Reader:
    def __init__(self, levels: dict[str, int]) -> None:
        self.outline, self._levels = Outline(page=1), levels

    def take(self, element: Element) -> None:
        tag = local(element.tag)
        if tag == "p":
            self._paragraph(element)
        elif tag == "tbl":
            rows = [[" ".join(paragraph_text(c).split()) for c in r if local(c.tag) == "tc"] for r in _rows(element)]
            self.outline.add("\n".join(" | ".join(row) for row in rows if any(row)), kind="table")
        elif tag in ("body", "sdt", "sdtContent", "ins", "smartTag", "customXml"):
            for child in element:
                self.take(child)

    def _paragraph(self, paragraph: Element) -> None:
        style, level, listed = "", 0, False
        for e in paragraph.iter():
            tag = local(e.tag)
            style = attribute(e, "val") if tag == "pStyle" else style
            listed = listed or tag == "numPr"
            if tag == "outlineLvl" and attribute(e, "val").isdigit():
                level = int(attribute(e, "val")) + 1
            if tag == "lastRenderedPageBreak" or (tag == "br" and attribute(e, "type") == "page"):
                self.outline.page = (self.outline.page or 1) + 1
        level = self._levels.get(style, level)
        text = paragraph_text(paragraph)
        if 0 < level <= MOST_LEVEL:
            self.outline.heading(level, text)
        else:
            self.outline.add(f"- {text}" if listed and text.strip() else text)


def _rows(table: Element) -> Iterator[Element]:
    return (e for e in table if local(e.tag) == "tr")
