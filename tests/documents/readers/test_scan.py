"""Scans: what is told without text recognition, and where it is installed what it makes of a page."""

import importlib.util
import io
import os
from pathlib import Path

import pytest

from domov.documents.failures import Scanned
from domov.documents.library import Documents
from domov.documents.readers.scan import lines_of
from domov.documents.reading import Reader, scan_reader
from tests.documents import files

RECOGNISES = importlib.util.find_spec("rapidocr") is not None
FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
WORDS = (
    "Smlouva o údržbě topení",
    "Údržbu topení provádí pan Novák, telefon 777 123 456.",
    "The key is in the cellar.",
)


def test_pieces_become_lines_and_gaps_paragraphs() -> None:
    pieces = [
        (100.0, 300.0, 30.0, "right"),
        (104.0, 10.0, 30.0, "left"),
        (145.0, 10.0, 30.0, "next"),
        (300.0, 10.0, 30.0, "far"),
    ]
    assert lines_of(pieces) == ["left right", "next", "", "far"]


async def test_without_text_recognition_the_reason_says_what_to_install() -> None:
    reader = Reader()
    with pytest.raises(Scanned, match=r"domov\[ocr\]"):
        await reader.read("pdf", files.pdf("", ""), "scan.pdf")
    await reader.close()


def scan() -> bytes:
    """A PDF of one picture."""
    from PIL import Image, ImageDraw, ImageFont

    page = Image.new("RGB", (1240, 600), "white")
    font = ImageFont.truetype(str(FONT), 32)
    for number, line in enumerate(WORDS):
        ImageDraw.Draw(page).text((90, 80 + 150 * number), line, fill="black", font=font)
    content = io.BytesIO()
    page.save(content, "PDF", resolution=150)
    return content.getvalue()


@pytest.mark.skipif(not (RECOGNISES and FONT.exists()), reason="not run: text recognition is an extra")
async def test_a_scan_is_recognised_inside_the_walls(documents: Documents, tmp_path: Path) -> None:
    reader = scan_reader()
    assert reader is not None
    documents.indexer.scans = reader
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "contract.pdf").write_bytes(scan())
    documents.add([os.fspath(tmp_path / "scans")], "scans")
    await documents.refresh()
    (status,) = documents.status()
    assert status.counts.read == 1, status.failures
    (hit, *_) = await documents.search("údržba topení")
    assert "Novák, telefon 777 123 456" in hit.text and "cellar" in hit.text and hit.page == 1
