import pytest

from domov.documents.encodings import decode, encoding_of, is_text

CZECH = "Příliš žluťoučký kůň úpěl ďábelské ódy. Šťastný člověk žije v Žďáru."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1250", "iso8859-2"])
def test_czech_is_read_in_every_encoding_that_it_comes_in(encoding: str) -> None:
    assert decode(CZECH.encode(encoding)) == CZECH


@pytest.mark.parametrize(
    "text", ["Où est l'hôtel? Ça marche, garçon à Noël.", "Straße über Köln, schöne Grüße", "Año mañana señor"]
)
def test_western_europe_is_not_taken_for_czech(text: str) -> None:
    assert decode(text.encode("cp1252")) == text


def test_plain_ascii_is_utf8_and_line_ends_are_one() -> None:
    assert encoding_of(b"a\r\nb") == "utf-8"
    assert decode(b"a\r\nb\rc") == "a\nb\nc"


def test_bytes_that_are_no_text_are_told() -> None:
    assert is_text(CZECH.encode("cp1250")) and is_text(CZECH.encode("utf-16")) and is_text(b"")
    assert not is_text(bytes(range(32)) * 100)
