"""Memory of this process, as Linux tells it."""

from __future__ import annotations

from pathlib import Path


def memory(kind: str) -> float:
    """MB of `RssAnon` (this process's own), `VmRSS` (mapped files included) or `VmHWM` (the most that VmRSS was)."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields[kind].split()[0]) / 1e3
