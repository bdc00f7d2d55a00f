"""How long a call to Kaggle may take, and how often it is repeated."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, slots=True)
class Patience:
    """Limits in seconds. The numbers are choices: a dead line is told within three minutes, a hiccup is sat out."""

    connect_seconds: float = 10.0
    """For a connection to stand, and for each block of an upload to leave."""
    read_seconds: float = 40.0
    """Of silence, until an answer counts as missing."""
    attempts: int = 4
    """Of one call, with the first."""
    first_delay: float = 1.0
    """Before the second attempt; doubled for each one more."""
    longest_delay: float = 60.0
    """A server that asks for more is not waited for."""
    sleep: Callable[[float], None] = time.sleep
    """May raise, to end the waiting."""

    @property
    def timeout(self) -> tuple[float, float]:
        """Connecting and reading, as `requests` takes it."""
        return self.connect_seconds, self.read_seconds

    def delay(self, attempt: int, retry_after: str | None = None) -> float | None:
        """Seconds to wait after failed attempt `attempt` (from 1); None to give up.

        Args:
            attempt: Number of the attempt that failed.
            retry_after: The answer's header: seconds or an HTTP date. The longer of it and the own delay counts, as
                Kaggle has been seen to refuse again after the time it asked for.
        """
        if attempt >= self.attempts:
            return None
        delay = max(self.first_delay * 2 ** (attempt - 1), seconds_asked(retry_after) or 0.0)
        return delay if delay <= self.longest_delay else None


def seconds_asked(retry_after: str | None) -> float | None:
    """What a Retry-After header asks for, in seconds from now, at least 0; None where it says nothing usable."""
    if retry_after is None:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            date = parsedate_to_datetime(retry_after)
        except ValueError:
            return None
        seconds = (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return None if math.isnan(seconds) else max(0.0, seconds)
