from domov.hardware.bandwidth import measure_bandwidth


def test_memory_is_read_by_all_threads_at_a_speed_that_can_be() -> None:
    found = measure_bandwidth(2, part_bytes=4_000_000, rounds=3)
    assert 1e8 < found.bytes_per_second < 1e14
    assert (found.threads, found.source) == (2, "measured with 2 threads")
