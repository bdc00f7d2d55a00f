"""Standard streams that are closed, as some daemons and schedulers start their programs."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def open_missing_streams() -> None:
    """Let what is missing of stdin, stdout and stderr lead nowhere.

    Otherwise the next files that are opened would take their numbers, and what is written to a terminal would end
    in them.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  open to the end
