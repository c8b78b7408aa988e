import io

from rich.console import Console

from domov.cli.markdown import Rendered, split_finished

TEXT = "# Title\n\nA *word*.\n\n```python\na = 1\n\nb = 2\n```\n\n- one\n- two\n"


def test_a_blank_line_ends_a_block_but_not_inside_code() -> None:
    assert split_finished("one\n\ntwo") == ("one", "two")
    assert split_finished("```\na\n\nb") == ("", "```\na\n\nb")
    assert split_finished("```\na\n\nb\n```\n\nend") == ("```\na\n\nb\n```", "end")
    assert split_finished("one") == ("", "one")


def test_nothing_is_lost_however_the_text_is_cut() -> None:
    shown = []
    for size in (1, 3, 1000):
        screen = io.StringIO()
        rendered = Rendered(Console(file=screen, width=60, force_terminal=False))
        for start in range(0, len(TEXT), size):
            rendered.text(TEXT[start : start + size])
        rendered.end()
        shown.append([line.strip() for line in screen.getvalue().splitlines() if line.strip()])
    assert shown[0] == shown[1] == shown[2]
    for part in ("Title", "A word.", "a = 1", "b = 2", "one", "two"):
        assert any(part in line for line in shown[0])
