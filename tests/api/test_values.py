"""Values that several dialects have, by hand arithmetic."""

import pytest

from domov.api.values import decoded, seconds_of, shortened
from domov.errors import BadRequest


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [(None, None), (300, 300), (-1, -1), ("-1", -1), ("300", 300), ("5m", 300), ("1h30m", 5400), ("1.5h", 5400)],
)
def test_durations_are_seconds(duration: float | str | None, seconds: float | None) -> None:
    assert seconds_of(duration) == seconds


@pytest.mark.parametrize("duration", ["soon", "", "5 m", "m", "1e9", "--1", "9" * 50])
def test_what_is_no_duration_is_refused(duration: str) -> None:
    with pytest.raises(BadRequest, match="no duration"):
        seconds_of(duration)


def test_longer_than_a_century_is_for_ever() -> None:
    assert seconds_of(1e300) == seconds_of("9000000h") == -1


def test_parts_of_durations_add_up() -> None:
    assert seconds_of("-1m1s500ms") == -61.5


@pytest.mark.parametrize("text", ["", "no base64!", "====", "a"])
def test_what_is_no_base64_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="images"):
        decoded(text, "images")


def test_a_shortened_vector_has_unit_length() -> None:
    assert shortened((0.6, 0.0, 0.8), 2) == (1.0, 0.0)
    assert shortened((0.0, 0.0), 1) == (0.0,)
