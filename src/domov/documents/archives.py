"""Zip files and the XML inside them, read as if somebody had made them to do harm.

A member is unpacked up to a limit whatever its header promises; XML with a document type is refused, as no office
program writes one and every trick with entities needs it.
"""

import io
import re
import zipfile
import zlib
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from domov.documents.failures import Unreadable

MOST_MEMBER_BYTES = 64 << 20
MOST_TOTAL_BYTES = 256 << 20
MOST_MEMBERS = 20_000
OLE_MARK = bytes.fromhex("d0cf11e0a1b11ae1")  # office's old container, which also wraps encrypted documents
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)


class Archive:
    """The members of a zip file. Raises Unreadable for whatever is wrong with it."""

    def __init__(self, content: bytes) -> None:
        if content.startswith(OLE_MARK):
            raise Unreadable("encrypted, or of a kind from before 2007")
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
            self.names = {info.filename: info for info in self._zip.infolist()}
        except DAMAGED as error:
            raise Unreadable("damaged: it is no zip file inside") from error
        if len(self.names) > MOST_MEMBERS:
            raise Unreadable(f"it holds {len(self.names)} parts")
        self._left = MOST_TOTAL_BYTES

    def read(self, name: str) -> bytes:
        info = self.names.get(name)
        if info is None:
            raise Unreadable(f"damaged: it has no {name[:80]}")
        if info.flag_bits & 1:
            raise Unreadable("encrypted")
        most = min(MOST_MEMBER_BYTES, self._left)
        try:
            with self._zip.open(info) as member:
                content = member.read(most + 1)
        except DAMAGED as error:
            raise Unreadable(f"damaged: {name[:80]}") from error
        if len(content) > most:
            raise Unreadable("unpacked it would be too large")
        self._left -= len(content)
        return content

    def xml(self, name: str) -> Element:
        return parse_xml(self.read(name))

    def optional_xml(self, name: str) -> Element | None:
        return self.xml(name) if name in self.names else None


def parse_xml(content: bytes) -> Element:
    if re.search(rb"<!\s*(DOCTYPE|ENTITY)", content) or b"<\0!\0D\0" in content or b"\0<\0!\0D" in content:
        raise Unreadable("its XML has a document type, which none of its kind has")
    try:
        return ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise Unreadable("damaged: its XML can't be read") from error


def local(tag: object) -> str:
    """The name of an element without its namespace."""
    return tag.rsplit("}", 1)[-1] if isinstance(tag, str) else ""


def attribute(element: Element, name: str) -> str:
    """An attribute by its name without a namespace; empty where there is none."""
    return next((value for key, value in element.attrib.items() if local(key) == name), "")
