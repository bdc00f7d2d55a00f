"""What comes of hostile inputs, counted."""

from __future__ import annotations

import resource
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

MEMORY, SECONDS = 3 << 30, 10.0


@dataclass(slots=True)
class Tally:
    """What came of one part."""

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def try_one(self, name: str, action: Callable[[], object], path: Path | None = None) -> None:
        """Note how `action` ends; an error has to name `path`, if there is one."""
        from kgcv.errors import KgcvError

        began = time.process_time()
        try:
            action()
            outcome = "taken"
        except KgcvError as error:
            outcome = "refused"
            if path is not None and path.name not in str(error):
                self.faults.append(f"{name}: does not name the file: {error}")
        except BaseException:
            outcome = "wrong"
            self.faults.append(f"{name}: {traceback.format_exc(limit=-3)}")
        if time.process_time() - began > SECONDS:
            self.faults.append(f"{name}: took {time.process_time() - began:.1f} s")
        self.outcomes[outcome] += 1


def limit_memory() -> None:
    mapped = next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmSize" in line)
    resource.setrlimit(resource.RLIMIT_AS, (int(mapped.split()[1]) * 1024 + MEMORY, resource.RLIM_INFINITY))
