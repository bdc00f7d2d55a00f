"""What there is to train on and to validate on, in one fold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Samples:
    """Which samples train, which validate, and what they are."""

    targets: np.ndarray
    """`(N,)` int64 or `(N, C)` float32, for all samples."""
    train_rows: np.ndarray
    """`(n,)` int64."""
    valid_rows: np.ndarray
    """Empty where a model is trained on all samples: its last weights are then the best."""
    class_names: tuple[str, ...]
    ids: tuple[str, ...]
    """Of all N samples."""
    soft_targets: np.ndarray | None = None
    """`(N, C)` float32, trained on instead of `targets`."""

    def taught(self, positions: np.ndarray) -> np.ndarray:
        """What is taught of the training samples at `positions` `(B,)`: `(B,)` int64 or `(B, C)` float32."""
        targets = self.targets if self.soft_targets is None else self.soft_targets
        taught: np.ndarray = targets[self.train_rows[positions]]
        return taught

    @property
    def valid_targets(self) -> np.ndarray:
        """What the validation samples are."""
        targets: np.ndarray = self.targets[self.valid_rows]
        return targets

    @property
    def valid_ids(self) -> list[str]:
        """The ids of the validation samples."""
        return [self.ids[row] for row in self.valid_rows]
