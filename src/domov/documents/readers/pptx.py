"""PowerPoint's slides in order: title, texts, tables and the speaker's notes of each. Source: ECMA-376."""

import posixpath
import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from domov.documents.archives import Archive, attribute, local
from domov.documents.blocks import Outline, Parsed
from domov.documents.readers.docx import paragraph_text, paragraphs, properties


def read(content: bytes, name: str) -> Parsed:
    archive = Archive(content)
    outline = Outline()
    for number, part in enumerate(_slides(archive), 1):
        outline.page = number
        _slide(archive.xml(part), outline)
        for target in _related(archive, part).values():
            if "/notesSlides/" in target and (notes := archive.optional_xml(target)) is not None:
                outline.add("\n".join(_texts(_shapes(notes))))
    title, author, date = properties(archive)
    return outline.parsed(title=title, author=author, date=date)


def _slides(archive: Archive) -> list[str]:
    """The parts with the slides, in the order of the presentation."""
    parts = _related(archive, "ppt/presentation.xml")
    order = [attribute_of_relation(e) for e in archive.xml("ppt/presentation.xml").iter() if local(e.tag) == "sldId"]
    found = [parts[key] for key in order if key in parts]
    return found or sorted(
        (n for n in archive.names if re.fullmatch(r"ppt/slides/slide\d+\.xml", n)),
        key=lambda n: int(re.sub(r"\D", "", n)),
    )


def attribute_of_relation(element: Element) -> str:
    return next((v for k, v in element.attrib.items() if k.endswith("relationships}id")), "")


def _related(archive: Archive, part: str) -> dict[str, str]:
    """The parts that a part refers to, by the ids that it uses."""
    folder, file = posixpath.split(part)
    relations = archive.optional_xml(f"{folder}/_rels/{file}.rels")
    found = {}
    for e in relations if relations is not None else ():
        target = attribute(e, "Target")
        found[attribute(e, "Id")] = (
            target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"{folder}/{target}")
        )
    return found


def _slide(slide: Element, outline: Outline) -> None:
    shapes = list(_shapes(slide))
    titles = [shape for shape in shapes if _placeholder(shape) in ("title", "ctrTitle")]
    outline.heading(1, " ".join(_texts(iter(titles))) or f"Slide {outline.page}")
    outline.add("\n".join(_texts(shape for shape in shapes if shape not in titles)))
    for table in (e for e in slide.iter() if local(e.tag) == "tbl"):
        rows = [[paragraph_text(c).strip() for c in r if local(c.tag) == "tc"] for r in table if local(r.tag) == "tr"]
        outline.add("\n".join(" | ".join(row) for row in rows if any(row)), kind="table")


def _shapes(slide: Element) -> Iterator[Element]:
    return (e for e in slide.iter() if local(e.tag) == "sp")


def _placeholder(shape: Element) -> str:
    return next((attribute(e, "type") for e in shape.iter() if local(e.tag) == "ph"), "")


def _texts(shapes: Iterator[Element]) -> list[str]:
    kept = (shape for shape in shapes if _placeholder(shape) not in ("sldNum", "dt", "ftr", "sldImg"))
    return [text for shape in kept for p in paragraphs(shape) if (text := paragraph_text(p).strip())]
