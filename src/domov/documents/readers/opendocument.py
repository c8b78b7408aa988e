"""OpenDocument's texts, sheets and slides. Source: OASIS OpenDocument 1.3, content.xml."""

from xml.etree.ElementTree import Element

from domov.documents.archives import Archive, attribute, local, parse_xml
from domov.documents.blocks import Outline, Parsed
from domov.documents.failures import Unreadable
from domov.documents.readers.tables import table_blocks

MOST_REPEATS = 1000  # of a cell or row: empty ones up to the edge of the sheet are told as repeats


def read(content: bytes, name: str) -> Parsed:
    if name.lower().endswith(".fodt"):
        root = parse_xml(content)
        meta: Element | None = root
    else:
        archive = Archive(content)
        if b"encryption-data" in (
            archive.read("META-INF/manifest.xml") if "META-INF/manifest.xml" in archive.names else b""
        ):
            raise Unreadable("encrypted")
        root, meta = archive.xml("content.xml"), archive.optional_xml("meta.xml")
    outline = Outline()
    for body in (e for e in root.iter() if local(e.tag) == "body"):
        _walk(body, outline)
    values = {local(e.tag): e.text or "" for e in meta.iter()} if meta is not None else {}
    return outline.parsed(
        title=values.get("title", ""), author=values.get("creator", ""), date=values.get("date", "")[:10]
    )


def _walk(element: Element, outline: Outline) -> None:
    for child in element:
        tag = local(child.tag)
        if tag == "h":
            level = attribute(child, "outline-level")
            outline.heading(int(level) if level.isdigit() else 1, text_of(child))
        elif tag == "p":
            outline.add(text_of(child))
        elif tag == "list-item":
            outline.add("- " + " ".join(text_of(child).split()))
        elif tag == "table":
            rows = list(enumerate(_rows(child), 1))
            titles = (*outline.titles, *filter(None, [attribute(child, "name")]))
            outline.blocks += table_blocks([row for row in rows if any(row[1])], titles=titles, page=outline.page)
        elif tag == "page" and local(element.tag) == "presentation":
            outline.page = (outline.page or 0) + 1
            outline.heading(1, attribute(child, "name") or f"Slide {outline.page}")
            _walk(child, outline)
        elif tag not in ("tracked-changes", "annotation", "sequence-decls", "forms"):
            _walk(child, outline)


def text_of(element: Element) -> str:
    """Its words, with what stands for spaces, tabs and line ends."""
    parts = [element.text or ""]
    for child in element:
        tag = local(child.tag)
        if tag == "s":
            count = attribute(child, "c")
            parts.append(" " * (min(int(count), 80) if count.isdigit() else 1))
        elif tag in ("tab", "line-break"):
            parts.append("\t" if tag == "tab" else "\n")
        elif tag not in ("annotation", "deletion"):
            parts.append(text_of(child))
            parts.append("\n" if tag in ("p", "h") else "")
        parts.append(child.tail or "")
    return "".join(parts)


def _rows(table: Element) -> list[list[str]]:
    return [_cells(row) for row in table.iter() if local(row.tag) == "table-row"]


def _cells(row: Element) -> list[str]:
    cells: list[str] = []
    for cell in row:
        if local(cell.tag) in ("table-cell", "covered-table-cell"):
            repeats, text = attribute(cell, "number-columns-repeated"), " ".join(text_of(cell).split())
            count = min(int(repeats), MOST_REPEATS) if repeats.isdigit() else 1
            cells += [text] * (count if text or count < 20 else 0)
    return cells
