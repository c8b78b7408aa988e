"""Which encoding a text file is in: what it says itself, UTF-8 where it is valid, else the likeliest of Europe's.

Czech files are in Windows-1250 or ISO 8859-2, which differ in a few letters: the one in which they make words wins.
"""

import codecs
import re

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
CANDIDATES = ("cp1250", "iso8859-2", "cp1252")
SAMPLE_BYTES = 1 << 16
# Letters of Czech, Slovak and Polish, and of western Europe, within words. Without ń, which is where ñ is.
LETTERS = {
    "cp1250": "áčďéěíňóřšťúůýžĺľŕôäąćęłśźż",
    "iso8859-2": "áčďéěíňóřšťúůýžĺľŕôäąćęłśźż",
    "cp1252": "àâäçèéêëîïôöùûüßñáíóúæøå",
}
_DECLARED = re.compile(rb"""(?:charset|encoding)\s*[=:]\s*["']?([A-Za-z0-9_.:\-]{2,40})""", re.IGNORECASE)


def decode(content: bytes, *, declared: bool = False) -> str:
    """The text of a file, its line ends as \\n. What is not text at all becomes replacement characters.

    declared  whether the file may name its encoding itself, as HTML does
    """
    text = content.decode(encoding_of(content, declared=declared), "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def encoding_of(content: bytes, *, declared: bool = False) -> str:
    for mark, name in MARKS:
        if content.startswith(mark):
            return name
    if declared and (found := _DECLARED.search(content[:4096])) and (known := _known(found[1].decode("ascii"))):
        return known
    if wide := _wide(content[:SAMPLE_BYTES]):
        return wide
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start > SAMPLE_BYTES or error.start >= len(content) - 4:  # damaged far inside, or cut at its end
            return "utf-8"
        return max(CANDIDATES, key=lambda name: _score(content[:SAMPLE_BYTES], name))
    return "utf-8"


def is_text(content: bytes) -> bool:
    """Whether the bytes are some text at all: no zero bytes outside UTF-16 and 32, few control characters."""
    sample = content[:SAMPLE_BYTES]
    if encoding_of(sample).startswith(("utf-16", "utf-32")):
        return True
    controls = sum(byte < 32 and byte not in (9, 10, 11, 12, 13, 27) for byte in sample)
    return controls * 200 <= len(sample)


def _known(name: str) -> str | None:
    try:
        return codecs.lookup(name).name if name.lower() not in ("utf-16", "unicode") else None
    except LookupError:
        return None


def _wide(sample: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of most texts is zero."""
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if half >= 2 and odd > 0.4 * half and even < 0.1 * half:
        return "utf-16-le"
    if half >= 2 and even > 0.4 * half and odd < 0.1 * half:
        return "utf-16-be"
    return None


def _score(sample: bytes, name: str) -> int:
    """How many letters of that part of the world stand next to letters, less what can't stand in a text."""
    text, letters = sample.decode(name, "replace"), LETTERS[name]
    score = 0
    for before, letter, after in zip(f" {text}", text, f"{text[1:]} ", strict=False):
        if letter.lower() in letters and letter > "\x7f":
            score += 2 if before.isalpha() or after.isalpha() else 0
        elif letter > "\x7f":
            inside = before.isalpha() and after.isalpha()
            score -= 4 if letter == "\ufffd" or "\x80" <= letter <= "\x9f" else 3 if inside else 0
    return score
