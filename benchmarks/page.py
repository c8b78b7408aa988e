"""What a long answer costs the browser: `make bench-page`, or `python -m benchmarks.page`. Needs Chromium.

The page shows an answer of 10,000 words of Markdown while it comes, 250 a second, as from a fast model. Compared is
the processor time of the browser, all of its processes, for the last thousand with that for the first: a page that
reads or draws all anew for each word takes many times more at the end.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import psutil
from playwright.sync_api import Page, sync_playwright

from tests.api.conftest import serving
from tests.conftest import domov
from tests.hub import number_value, tiny_gguf
from tests.page.conftest import CHROMIUM

WORDS, SECONDS_EACH = 10_000, 0.004
FIRST, PART = 200, 1000  # the page loads its parts within the first words
MOST = 1.2
MODEL = "long:1b"
CONTEXT = 32_768
PACED = (
    "from domov.engine.fake import FakeEngine; "
    f"FakeEngine.__init__.__kwdefaults__['seconds_per_token'] = {SECONDS_EACH}; "
    "from domov.cli.main import main; main()"
)
SECTION = """## Chapter {n}

It was **cold** in the house, and the `boiler` said *nothing*. See [the book](https://example.org/{n}) for what it
means when all of the lamps are off and no water comes, which is what happened on that day in the valley.

- the first thing to look at is the fuse
- the second one is the **valve** behind the door
  - which turns to the left

| part | price |
| --- | --- |
| valve | {n} |
| lamp | 2 |

```python
def heat(room: str, degrees: float) -> bool:
    # the boiler number {n}
    return degrees > 20 and room != "cellar"
```

"""
SHOWN = "[...document.querySelectorAll('article .prose')].at(-1)?.textContent.length ?? 0"


def text_of(words: int) -> str:
    text, n = "", 0
    while len(text.split()) < words:
        n += 1
        text += SECTION.format(n=n)
    return text


def measure(page: Page, words: int) -> list[tuple[float, float]]:
    """Words that are shown, and seconds of processor time that the browser has taken until then."""
    processes = [one for one in psutil.Process().children(recursive=True) if "chrom" in one.name()]
    found: list[tuple[float, float]] = []
    end = time.monotonic() + 4 * words * SECONDS_EACH + 60
    while page.locator("article[data-status=done]").count() == 0:
        assert time.monotonic() < end, "the answer does not end"
        taken = sum(times.user + times.system for times in (one.cpu_times() for one in processes))
        found.append((float(page.evaluate(SHOWN)), taken))
        page.wait_for_timeout(200)
    whole = float(page.evaluate(SHOWN))
    return [(shown / whole * words, seconds) for shown, seconds in found if shown]


def seconds_until(word: float, found: Sequence[tuple[float, float]]) -> float:
    for (before, start), (after, end) in pairwise(found):
        if before <= word <= after and after > before:
            return start + (end - start) * (word - before) / (after - before)
    raise ValueError(f"word {word:.0f} was never seen")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("--words", type=int, default=WORDS)
    words = parser.parse_args().words
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = Path(folder)
        (home / "m.gguf").write_bytes(tiny_gguf({"llama.context_length": number_value(CONTEXT)}))
        assert domov(home, "pull", str(home / "m.gguf"), "--name", MODEL).returncode == 0
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        with serving(home, start=("-c", PACED), DOMOV_ENGINE="fake", DOMOV_CONTEXT_TOKENS=str(CONTEXT)) as server:
            page = browser.new_page()
            page.goto(server.url)
            page.wait_for_selector("main:not([aria-busy=true])")
            page.get_by_role("textbox").last.fill(text_of(words))
            page.keyboard.press("Enter")
            found = measure(page, words)
        browser.close()
    parts = [at for at in range(FIRST, words - PART, PART)] + [words - PART - FIRST]
    costs = [seconds_until(at + PART, found) - seconds_until(at, found) for at in parts]
    for at, cost in zip(parts, costs, strict=True):
        sys.stdout.write(f"words {at:>6,} to {at + PART:>6,}: {cost:.2f} s of processor time\n")
    ratio = costs[-1] / costs[0]
    good = ratio <= MOST
    sys.stdout.write(
        f"the last thousand beside the first: {ratio:.2f} (at most {MOST}): {'ok' if good else 'MISSED'}\n"
    )
    sys.exit(not good)


if __name__ == "__main__":
    main()
