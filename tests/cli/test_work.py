"""Long work as a command shows it, and what is asked before it."""

from collections.abc import AsyncGenerator

import pytest

from domov.cli.work import agree, follow, work_text
from domov.errors import Refused
from domov.optimize.progress import Progress, Warned


def test_progress_in_words() -> None:
    assert (
        work_text(Progress("quantizing", 50_000_000, 200_000_000), 2.0) == "quantizing  25 %  50 MB of 200 MB  6 s left"
    )
    assert work_text(Progress("reading", 512, 2048, "tokens"), 0.5) == "reading  25 %  512 of 2048 tokens"
    assert work_text(Progress("checking"), 9.0) == "checking ..."


async def test_work_gives_what_it_ends_with_and_tells_what_one_should_know(capsys: pytest.CaptureFixture[str]) -> None:
    async def steps() -> AsyncGenerator[object, None]:
        yield Progress("first", 1, 2)
        yield Warned("something to know")
        yield "result"

    assert await follow(steps()) == "result"
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "first ...\nnote: something to know\n")


def test_where_nobody_can_be_asked_it_is_refused() -> None:  # pytest gives tests no terminal
    agree([], yes=False)
    agree(["a doubt"], yes=True)
    with pytest.raises(Refused, match="a doubt") as caught:
        agree(["a doubt"], yes=False)
    assert "--yes" in caught.value.hint
