"""Texts compared without regard to case and diacritics, each character in its place. Pure."""

import unicodedata


def folded(text: str) -> str:
    """As many characters as the text has, each without its marks: `Kotelň` as `koteln`."""
    return text.lower() if text.isascii() else "".join(map(_folded, text))


def _folded(character: str) -> str:
    base = unicodedata.normalize("NFD", character)[:1].lower()
    return base if len(base) == 1 else character
