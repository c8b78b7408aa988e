"""The table of what smaller models lose, and the verdict on `shrink`."""

from benchmarks.smaller import Row, as_markdown, shares


def row(how: str, divergence: float) -> Row:
    return Row(how, 105_500_000, 1.05, divergence, divergence - 0.01, divergence + 0.01, 0.4, 0.87, 3.0)


def test_shrink_must_leave_at_most_nine_tenths() -> None:
    rows = [row("Q4_K_M", 0.1), row("shrink to Q4_K_M's size", 0.08), row("Q3_K_M", 0.1)]
    assert shares(rows) == "at Q4_K_M's size: 0.80 of its divergence (ok)"
    assert shares([row("Q3_K_M", 0.1), row("shrink to Q3_K_M's size", 0.095)]).endswith("(MISSED)")


def test_healing_must_bring_back_half() -> None:
    rows = [row("without 4 layers", 0.6), row("without 4 layers, healed", 0.3)]
    assert shares(rows) == "without 4 layers: 50 % healed (ok)"
    more = [row("without 4 layers, healed", 0.4), row("without 4 layers, trained on the words alone", 0.5)]
    assert "33 % healed (MISSED)" in shares([rows[0], *more]) and "0.400 after its parent, 0.500" in shares(more)


def test_a_row_tells_size_loss_and_interval() -> None:
    assert "| Q4_K_M | 105.5 | +5.0 % | 0.1000 ± 0.0100 | 0.400 | 87.0 % |" in as_markdown([row("Q4_K_M", 0.1)])
