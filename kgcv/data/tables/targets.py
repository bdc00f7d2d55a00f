"""The form in which a network learns numbers, and the way back to the numbers that are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kgcv.data.columns import raise_problems


@dataclass(frozen=True, slots=True)
class TargetForm:
    """What stands between the target and the network."""

    log: bool = False
    """The network learns the natural logarithm."""

    def learned(self, targets: np.ndarray, ids: Sequence[str]) -> np.ndarray:
        """What the network learns in place of `targets`, `(N, C)` float32.

        Args:
            targets: `(N, C)` float32.
            ids: of the rows, for the message.

        Raises:
            DataError: a target has no logarithm.
        """
        if not self.log:
            return targets
        lowest: list[float] = targets.min(axis=1).tolist()
        strays = [name for name, number in zip(ids, lowest, strict=True) if number <= 0]
        what = "rows whose target is 0 or less, which has no logarithm (rows.keep_where leaves rows out)"
        raise_problems("target.log", {what: strays})
        return np.asarray(np.log(targets))

    def answers(self, outputs: np.ndarray) -> np.ndarray:
        """The numbers that `(N, C)` float32 outputs of the network mean."""
        return np.asarray(np.exp(outputs)) if self.log else outputs
