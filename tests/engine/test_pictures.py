"""Sizes of pictures, by bytes made by hand after their specifications."""

import struct
import zlib

import pytest

from domov.engine.pictures import MOST_PIXELS, check_picture, size_of
from domov.errors import BadRequest
from domov.types import Media


def png(width: int, height: int) -> bytes:
    """A whole and valid one, if nobody reads its pixels."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(b"\0" * 99))]
    chunks = [struct.pack(">I", len(x)) + kind + x + struct.pack(">I", zlib.crc32(kind + x)) for kind, x in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def jpeg(width: int, height: int) -> bytes:
    app = b"\xff\xe0" + struct.pack(">H", 16) + b"JFIF\0" + b"\0" * 9
    return b"\xff\xd8" + app + b"\xff\xff\xc2" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\0" * 3


def bmp(width: int, height: int) -> bytes:
    return b"BM" + b"\0" * 12 + struct.pack("<Iii", 40, width, height)


KINDS = [
    png(640, 480),
    jpeg(640, 480),
    bmp(640, -480),  # from the top down
    b"BM" + b"\0" * 12 + struct.pack("<IHH", 12, 640, 480),
    b"GIF89a" + struct.pack("<HH", 640, 480),
]


@pytest.mark.parametrize("content", KINDS)
def test_the_size_is_told_by_the_first_bytes(content: bytes) -> None:
    assert size_of(content) == (640, 480)
    check_picture(Media("image", content, "image/x"))


@pytest.mark.parametrize(
    "content", [png(30_000, 30_000), png(2**31, 2**31), jpeg(65_535, 65_535), bmp(2**31 - 1, 2**31 - 1)]
)
def test_a_small_file_that_says_it_is_huge_is_refused(content: bytes) -> None:
    with pytest.raises(BadRequest, match="pixels"):
        check_picture(Media("image", content, "image/x"))


def test_the_largest_one_is_taken() -> None:
    check_picture(Media("image", png(10_000, MOST_PIXELS // 10_000), "image/png"))
    with pytest.raises(BadRequest):
        check_picture(Media("image", png(10_000, MOST_PIXELS // 10_000 + 1), "image/png"))


@pytest.mark.parametrize(
    "content", [b"", b"GIF", b"BM", b"\xff\xd8", b"\xff\xd8\xff", b"RIFF1234WEBP", b"<svg/>", png(0, 5)]
)
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(BadRequest):
        check_picture(Media("image", content, "image/x"))


@pytest.mark.parametrize("content", KINDS)
def test_a_picture_cut_anywhere_is_refused_or_understood(content: bytes) -> None:
    for end in range(len(content)):
        try:
            check_picture(Media("image", content[:end], "image/x"))
        except BadRequest:
            continue


def test_a_jpeg_of_markers_alone_ends() -> None:
    with pytest.raises(BadRequest):
        check_picture(Media("image", b"\xff\xd8" + b"\xff\xd0" * 100_000, "image/jpeg"))
