import pytest

from domov.hardware.machine import Gpu, Machine, described
from domov.sizing.advice import class_of, class_words, precision_words, upgrades


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8 GB RAM", None),
        ("16 GB RAM", "small"),
        ("64 GB RAM", "small"),
        ("8 GB GPU, 32 GB RAM", "small"),
        ("12 GB GPU, 32 GB RAM", "medium"),
        ("24 GB GPU, 64 GB RAM", "medium"),
        ("2x 24 GB GPU, 64 GB RAM", "large"),
        ("512 MB RAM", None),
    ],
)
def test_the_table_of_classes(text: str, expected: str | None) -> None:
    found = class_of(described(text))
    assert (found.name if found else None) == expected


def test_shared_memory_counts_in_part() -> None:
    apple = Machine("Apple M4", 10, 32 << 30, 30 << 30, (Gpu("MTL0", 24 << 30, 24 << 30, unified=True),))
    found = class_of(apple)
    assert found and found.name == "medium"


def test_every_machine_gets_words_that_a_beginner_understands() -> None:
    for text in ("512 MB RAM", "16 GB RAM", "8 GB GPU, 32 GB RAM", "2x 48 GB GPU, 256 GB RAM"):
        machine = described(text)
        assert class_words(machine).startswith("a machine for")
        assert "bit" in precision_words(machine)
        assert all(len(line) < 160 for line in upgrades(machine))
