"""EPUB: the chapters in reading order, each as the HTML that it is. Source: EPUB 3.3, packages and containers."""

import posixpath
from urllib.parse import unquote

from domov.documents.archives import Archive, attribute, local
from domov.documents.blocks import Outline, Parsed
from domov.documents.encodings import decode
from domov.documents.failures import Unreadable
from domov.documents.readers import html


def read(content: bytes, name: str) -> Parsed:
    archive = Archive(content)
    if "META-INF/encryption.xml" in archive.names and b"EncryptedData" in archive.read("META-INF/encryption.xml"):
        raise Unreadable("encrypted: it has copy protection")
    container = archive.xml("META-INF/container.xml")
    book = next((attribute(e, "full-path") for e in container.iter() if local(e.tag) == "rootfile"), "")
    package = archive.xml(book)
    items = {attribute(e, "id"): attribute(e, "href") for e in package.iter() if local(e.tag) == "item"}
    outline = Outline()
    chapters = [items.get(attribute(e, "idref"), "") for e in package.iter() if local(e.tag) == "itemref"]
    for number, chapter in enumerate(filter(None, chapters), 1):
        part = posixpath.normpath(posixpath.join(posixpath.dirname(book), unquote(chapter)))
        if part in archive.names:
            outline.page = number
            outline.heading(1, "")
            html.read_text(decode(archive.read(part), declared=True), outline)
    values = {local(e.tag): e.text or "" for e in package.iter()}
    return outline.parsed(
        title=values.get("title", ""), author=values.get("creator", ""), date=values.get("date", "")[:10]
    )
