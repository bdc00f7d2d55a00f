"""Targets of which the network learns the logarithm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kgcv.data.columns import raise_problems


def require_logarithms(targets: np.ndarray, ids: Sequence[str]) -> None:
    """See to it that every target has a logarithm.

    Args:
        targets: `(N, C)` float32.
        ids: of the N rows, for the message.

    Raises:
        DataError: targets are 0 or less.
    """
    strays = [ids[int(row)] for row in np.flatnonzero(targets.min(axis=1) <= 0)]
    what = "rows whose target is 0 or less, which has no logarithm (rows.keep_where leaves rows out)"
    raise_problems("target.log", {what: strays})
