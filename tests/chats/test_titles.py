import pytest

from domov.chats.titles import first_words, made


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("Proč je obloha modrá?", "Proč je obloha modrá?"),
        ("\n\n# **Heading**\nmore", "Heading"),
        ("word " * 30, "word word word word word word word word word word word…"),
        ("x" * 100, "x" * 59 + "…"),
        ("", ""),
        ("```\n", ""),
    ],
)
def test_a_title_is_the_first_words_of_the_first_line(question: str, title: str) -> None:
    assert first_words(question) == title
    assert len(title) <= 60


@pytest.mark.parametrize(
    "answer", ['"Modrá obloha"', "Title: Modrá obloha", "  Modrá obloha.\nIt is…", "**Modrá obloha**"]
)
def test_of_a_models_answer_the_title_is_left(answer: str) -> None:
    assert made(answer) == "Modrá obloha"
