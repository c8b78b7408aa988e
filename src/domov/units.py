"""Numbers as people read them. Sizes are decimal, as disks and hubs count: 1 kB is 1000 bytes."""


def human_bytes(count: float) -> str:
    """`98_362_432` as `98.4 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 999.5:  # 999.5 would be rounded to 1e+03
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def human_count(count: float) -> str:
    """`134_515_008` as `135M`, the way models are named."""
    for unit, size in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= 0.9995 * size:
            return f"{count / size:.3g}{unit}"
    return f"{count:.0f}"


def human_seconds(seconds: float) -> str:
    """`0.42 s`, `1 min 05 s`, `2 h 03 min`."""
    if seconds < 59.5:
        return f"{round(seconds, 3):.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
