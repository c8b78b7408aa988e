import re

from hypothesis import given, settings
from hypothesis import strategies as st

from domov.units import human_bytes, human_count, human_seconds


def test_bytes_are_decimal() -> None:
    assert [human_bytes(n) for n in (0, 999, 1000, 98_362_432, 18_556_689_568, 2_500_000_000_000)] == [
        "0 B",
        "999 B",
        "1 kB",
        "98.4 MB",
        "18.6 GB",
        "2.5 TB",
    ]


def test_counts_are_as_models_are_named() -> None:
    assert [human_count(n) for n in (950, 134_515_008, 8_190_735_360)] == ["950", "135M", "8.19B"]


def test_times_grow_coarser() -> None:
    assert [human_seconds(s) for s in (0.42, 9.5, 42, 65, 7380)] == [
        "0.42 s",
        "9.5 s",
        "42 s",
        "1 min 05 s",
        "2 h 03 min",
    ]


def test_what_is_rounded_up_to_a_thousand_is_one_of_the_next_unit() -> None:
    assert [human_bytes(n) for n in (999_499, 999_600, 999_999_999)] == ["999 kB", "1 MB", "1 GB"]
    assert [human_count(n) for n in (999_400, 999_600, 999_999_999)] == ["999k", "1M", "1B"]
    assert [human_seconds(s) for s in (59.4, 59.6, 3599.4, 3599.6)] == [
        "59 s",
        "1 min 00 s",
        "59 min 59 s",
        "1 h 00 min",
    ]


@settings(deadline=None, derandomize=True)
@given(st.floats(0, 9e14))
def test_no_number_is_ever_written_as_a_power_of_ten(number: float) -> None:
    for text in (human_bytes(number), human_count(number), human_seconds(number)):
        assert re.fullmatch(r"[0-9]+(\.[0-9]+)?( ?[kMGTB]?B?| s| min [0-9]{2} s| h [0-9]{2} min)", text)
