"""PDF through PDFium: the text of each page under the bookmarks that lead to it. A scan has no text: that is told."""

import re
from typing import Any

from domov.documents.blocks import Outline, Parsed
from domov.documents.failures import Scanned, Unreadable

MOST_PAGES = 20_000
PASSWORD, FORMAT = 4, 3  # FPDF_ERR_PASSWORD, FPDF_ERR_FORMAT of fpdfview.h


def opened(content: bytes) -> Any:
    """PDFium's document. Raises Unreadable."""
    import pypdfium2

    try:
        return pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        locked = getattr(error, "err_code", None) == PASSWORD
        raise Unreadable("encrypted: it wants a password" if locked else "damaged: PDFium can't open it") from error


def read(content: bytes, name: str) -> Parsed:
    pdf = opened(content)
    if len(pdf) > MOST_PAGES:
        raise Unreadable(f"it has {len(pdf)} pages")
    outline = Outline()
    bookmarks = _bookmarks(pdf)
    for index in range(len(pdf)):
        for level, title in bookmarks.get(index, ()):
            outline.heading(level, title)
        outline.page = index + 1
        text = _page_text(pdf, index)
        for paragraph in paragraphs_of(text):
            outline.add(paragraph)
    if not outline.blocks:
        raise Scanned(
            f"no text on its {len(pdf)} pages: a scan, which needs text recognition (pip install 'domov[ocr]')"
        )
    about = pdf.get_metadata_dict()
    return outline.parsed(title=about.get("Title", ""), author=about.get("Author", ""), date=_date(about))


def _page_text(pdf: Any, index: int) -> str:
    import pypdfium2

    try:
        page = pdf[index]
        text = page.get_textpage()
        words = str(text.get_text_bounded())
        text.close()
        page.close()
    except pypdfium2.PdfiumError:  # one bad page costs that page
        return ""
    return words.replace("\r\n", "\n").replace("\r", "\n").replace("\ufffe", "-")


def paragraphs_of(text: str) -> list[str]:
    """A page's lines as paragraphs: at empty lines, and after a line that ends a sentence well before the margin."""
    lines = [line.rstrip() for line in text.split("\n")]
    width = max(map(len, lines), default=0)
    found: list[str] = []
    run: list[str] = []
    for line in lines:
        if line.strip():
            run.append(line)
        if run and (not line.strip() or (len(line) < 0.75 * width and re.search(r"[.!?:]$", line))):
            found.append(_joined(run))
            run = []
    return [*found, _joined(run)] if run else found


def _joined(lines: list[str]) -> str:
    """Lines as they are, but words that were divided at their ends made whole."""
    return re.sub(r"(\w)[-\u00ad]\n(?=[^\W\d_])", r"\1", "\n".join(lines))


def _bookmarks(pdf: Any) -> dict[int, list[tuple[int, str]]]:
    import pypdfium2

    found: dict[int, list[tuple[int, str]]] = {}
    try:
        for mark in pdf.get_toc(max_depth=6):
            target = mark.get_dest()
            page = target.get_index() if target else None
            if page is not None:
                found.setdefault(page, []).append((mark.level + 1, mark.get_title()))
    except (pypdfium2.PdfiumError, ValueError, RecursionError):
        return {}
    return found


def _date(about: dict[str, str]) -> str:
    found = re.match(r"D:(\d{4})(\d\d)(\d\d)", about.get("ModDate") or about.get("CreationDate") or "")
    return "-".join(found.groups()) if found else ""
