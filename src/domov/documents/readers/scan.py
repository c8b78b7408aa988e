"""Scanned PDFs, page by page as a picture, through text recognition: RapidOCR with the models in its wheel, an extra.

Nothing is fetched: this process reaches no network, and models that are not in the wheel are not used. Lines come from
top to bottom, which is wrong for pages in columns.
"""

import importlib
import math
from typing import Any

from domov.documents.blocks import Outline, Parsed
from domov.documents.failures import Unreadable
from domov.documents.readers.pdf import opened, paragraphs_of

LIBRARIES = ("numpy", "cv2", "onnxruntime", "rapidocr")
MOST_PAGES = 1000
DOTS_PER_INCH = 200
MOST_PIXELS = 12_000_000  # A3 at 200 dots per inch has 8 million
LEAST_SCORE = 0.5  # of a line, by the model itself
# One thread: walls hold for the thread that puts them up, and a second one would be there before them.
PARAMETERS = {
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    "Global.log_level": "error",
}
_engines: list[Any] = []  # the one that this process has loaded


def prepare() -> None:
    """Imports what reading needs, before the walls are up."""
    for library in LIBRARIES:
        importlib.import_module(library)
    importlib.import_module("cv2").setNumThreads(1)


def read(content: bytes, name: str) -> Parsed:
    pdf = opened(content)
    if len(pdf) > MOST_PAGES:
        raise Unreadable(f"a scan of {len(pdf)} pages: up to {MOST_PAGES} are recognised")
    outline = Outline()
    for index in range(len(pdf)):
        outline.page = index + 1
        for paragraph in paragraphs_of("\n".join(_lines(_picture(pdf[index])))):
            outline.add(paragraph)
    if not outline.blocks:
        raise Unreadable(f"no text was recognised on its {len(pdf)} pages")
    return outline.parsed(title=pdf.get_metadata_dict().get("Title", ""))


def _picture(page: Any) -> Any:
    width, height = page.get_size()  # in points of 1/72 inch
    scale = DOTS_PER_INCH / 72
    scale = min(scale, math.sqrt(MOST_PIXELS / max(1.0, width * height)))
    bitmap = page.render(scale=scale)
    picture = bitmap.to_numpy()[:, :, :3].copy()
    bitmap.close()
    page.close()
    return picture


def _lines(picture: Any) -> list[str]:
    """The lines of a picture; what stands side by side is one of them."""
    if not _engines:
        _engines.append(importlib.import_module("rapidocr").RapidOCR(params=PARAMETERS))
    found = _engines[0](picture)
    if found.txts is None:
        return []
    pieces = [
        (float(box[:, 1].mean()), float(box[:, 0].min()), float(box[:, 1].max() - box[:, 1].min()), text)
        for box, text, score in zip(found.boxes, found.txts, found.scores, strict=True)
        if score >= LEAST_SCORE
    ]
    return lines_of(pieces)


def lines_of(pieces: list[tuple[float, float, float, str]]) -> list[str]:
    """Pieces (middle, left, height, text) as lines from top to bottom, an empty one where there is a gap."""
    rows: list[list[tuple[float, float, float, str]]] = []
    for piece in sorted(pieces):
        if rows and piece[0] - rows[-1][0][0] < 0.5 * rows[-1][0][2]:
            rows[-1].append(piece)
        else:
            rows.append([piece])
    lines: list[str] = []
    for before, row in zip([None, *rows], rows, strict=False):
        if before and row[0][0] - before[0][0] > 2.2 * before[0][2]:
            lines.append("")
        lines.append(" ".join(text for _, _, _, text in sorted(row, key=lambda piece: piece[1])))
    return lines
