"""How large a picture is when it is unpacked, told by its first bytes, before native code makes room for it.

A PNG of a few hundred bytes can say that it is 30,000 pixels wide and high: 2.7 GB. Pure. Sources: PNG 11.2.2, GIF89a
18, JPEG (T.81) B.2.2, BITMAPINFOHEADER; llama.cpp reads these four kinds and a few that nobody sends (stb_image.h).
"""

import struct

from domov.errors import BadRequest
from domov.types import Media

MOST_PIXELS = 100_000_000  # 300 MB, and more than any camera that people carry
FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # JPEG's markers that tell the size


def check_picture(picture: Media) -> None:
    """Raises BadRequest for one that is of no known kind, damaged at its start, or too large."""
    try:
        width, height = size_of(picture.content)
    except (struct.error, ValueError, IndexError) as error:
        raise BadRequest("an image is not a PNG, JPEG, GIF or BMP, or is damaged") from error
    if not 0 < width * height <= MOST_PIXELS:
        raise BadRequest(
            f"an image is {width} x {height} pixels", hint=f"send one of at most {MOST_PIXELS // 1_000_000} megapixels"
        )


def size_of(content: bytes) -> tuple[int, int]:
    """Width and height in pixels. Raises ValueError, struct.error or IndexError for what is no picture."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        width, height = struct.unpack_from(">II", content, 16)
    elif content.startswith((b"GIF87a", b"GIF89a")):
        width, height = struct.unpack_from("<HH", content, 6)
    elif content.startswith(b"BM"):
        old = struct.unpack_from("<I", content, 14)[0] == 12
        width, height = struct.unpack_from("<HH" if old else "<ii", content, 18)
    elif content.startswith(b"\xff\xd8"):
        return _size_of_jpeg(content)
    else:
        raise ValueError("no known kind of picture")
    return abs(width), abs(height)


def _size_of_jpeg(content: bytes) -> tuple[int, int]:
    place = 2
    while content[place] == 0xFF:
        marker = content[place + 1]
        if marker in FRAMES:
            height, width = struct.unpack_from(">HH", content, place + 5)
            return width, height
        alone = marker == 0xFF or 0xD0 <= marker <= 0xD7  # padding, or a marker without a segment
        place += 1 if marker == 0xFF else 2 if alone else 2 + struct.unpack_from(">H", content, place + 2)[0]
    raise ValueError("a JPEG without a frame")
