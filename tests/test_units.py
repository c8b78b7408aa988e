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
