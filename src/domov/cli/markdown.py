"""Markdown that is rendered while it is still being written.

Finished blocks are printed once and stay; only the block that is growing is drawn again and again.
"""

import re

from rich.console import Console, Group
from rich.live import Live
from rich.markdown import Markdown
from rich.text import Text

_FENCE = re.compile(r"^\s*(```|~~~)", re.MULTILINE)


def split_finished(text: str) -> tuple[str, str]:
    """The blocks that can't change any more, and the rest. A blank line ends a block, but not inside code."""
    end = len(text)
    while (end := text.rfind("\n\n", 0, end)) >= 0:
        if len(_FENCE.findall(text[:end])) % 2 == 0:
            return text[:end], text[end:].lstrip("\n")
    return "", text


class Rendered:
    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._live = Live(console=self._console, transient=True, refresh_per_second=12, vertical_overflow="crop")
        self._growing, self._reasoning, self._printed = "", "", False
        self._live.start()

    def text(self, text: str) -> None:
        self._keep_reasoning()
        finished, self._growing = split_finished(self._growing + text)
        if finished:
            self._print(Markdown(finished))
        self._live.update(self._tail())

    def reasoning(self, text: str) -> None:
        self._reasoning += text
        self._live.update(Text(self._reasoning, style="dim"))

    def end(self) -> None:
        self._keep_reasoning()
        self._live.update("")
        self._live.stop()
        if self._growing.strip():
            self._print(Markdown(self._growing))
        self._growing = ""

    def _keep_reasoning(self) -> None:
        if self._reasoning:
            self._print(Text(self._reasoning.strip(), style="dim italic"))
            self._reasoning = ""

    def _tail(self) -> Group:
        """The growing block: its last lines, if it is longer than the screen."""
        lines = self._growing.splitlines()[-max(4, self._console.height - 4) :]
        return Group("" if self._printed else Text(), Markdown("\n".join(lines)))

    def _print(self, what: Markdown | Text) -> None:
        if self._printed:
            self._console.print()
        self._console.print(what)
        self._printed = True
