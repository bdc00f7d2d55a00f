"""Curves for TensorBoard, in the run folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgcv.events import RunStarted

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class TensorBoardCurves:
    """Event files in `tensorboard/fold<i>/` of the run folder: one run of TensorBoard's for each fold."""

    def __init__(self) -> None:
        self._writer: SummaryWriter | None = None

    def start(self, event: RunStarted) -> str:
        """Open a new file for the fold; points after the step that training goes on from are hidden, and made anew."""
        from torch.utils.tensorboard import SummaryWriter

        self.close()
        folder = event.folder / "tensorboard"
        purge = event.done_steps + 1 if event.done_steps else None
        self._writer = SummaryWriter(str(folder / f"fold{event.fold}"), purge_step=purge)
        return f"tensorboard --logdir {folder}"

    def write(self, step: int, values: dict[str, float]) -> None:
        """Add a point to each curve; TensorBoard's thread writes it within two minutes."""
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
