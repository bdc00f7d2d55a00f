"""Numbers, durations and counts as people read them."""

from __future__ import annotations

import math


def format_seconds(seconds: float) -> str:
    """A duration in at most two units: `5.1s`, `1m23s`, `2h05m`."""
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def format_number(number: float | None) -> str:
    """A loss or a score: four decimals, or four digits where decimals mean little; a dash for none."""
    if number is None:
        return "-"
    return f"{number:.4f}" if abs(number) < 1000 else f"{number:.4g}"


def format_defined(number: float) -> str:
    """As `format_number`; a dash for NaN, where nothing defines the number."""
    return format_number(None if math.isnan(number) else number)


def format_share(share: float) -> str:
    """A share with three decimals; a dash for NaN."""
    return "-" if math.isnan(share) else f"{share:.3f}"


def format_bytes(size: int) -> str:
    """`0.4 MB`."""
    return f"{size / 1e6:.1f} MB"


def shorten(text: str, length: int) -> str:
    """`text`, its end cut off where it is longer than `length`, for names beside a drawing."""
    return text if len(text) <= length else f"{text[: length - 1]}…"
