"""From images to probabilities or numbers: the one function behind validation, tta and predict-one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from kgcv.data.loader import BatchRequest
from kgcv.engine.device_memory import explained_memory
from kgcv.engine.inputs import Inputs, split_rows
from kgcv.engine.runtime import Runtime
from kgcv.engine.tta import PLAIN, AnyView, group_by_squares
from kgcv.errors import StopRequested
from kgcv.events import Reporter, Silent, StopCheck, TaskAdvanced, never_stop
from kgcv.model.heads import Objective
from kgcv.model.network import Network


@dataclass(frozen=True, slots=True)
class Predictor:
    """A model with everything it needs to predict."""

    model: Network
    objective: Objective
    inputs: Inputs
    batch_size: int
    runtime: Runtime
    reporter: Reporter = field(default_factory=Silent)
    """Hears one `TaskAdvanced` for each batch and view."""
    should_stop: StopCheck = never_stop

    @torch.inference_mode()
    def predict(
        self, rows: np.ndarray, views: Sequence[AnyView] = (PLAIN,), weights: Sequence[float] = (1.0,)
    ) -> np.ndarray:
        """The weighted mean over views of probabilities (or numbers) for the images `rows`, in their order.

        Views are added up as they come, so memory does not grow with them. Views of the same squares are computed
        from one reading. Several processes share the rows between them, and each gets all of the result.

        Args:
            rows: `(N,)` int64, rows of the inputs.
            views: one or more.
            weights: one a view, adding up to 1.

        Returns:
            `(N, C)` float32.

        Raises:
            StopRequested: a signal arrived between two batches.
            DataError: an image cannot be read.
            OutOfMemoryError: a batch does not fit into the device's memory.
        """
        self.model.eval()
        processes = self.runtime.processes
        total = np.zeros((len(rows), self.objective.num_classes), dtype=np.float32)
        mine = slice(processes.launch.rank, None, processes.launch.world_size)
        num_batches = len(split_rows(rows[:: processes.launch.world_size], self.batch_size))  # of the first, the most
        with explained_memory("while predicting", self.runtime.device, self.batch_size):
            for group in group_by_squares(views):
                chosen = [views[index] for index in group], [weights[index] for index in group]
                num_done = self._add_group(total[mine], rows[mine], *chosen)
                for _ in range(num_done, num_batches):
                    self._check_stop()  # with those that have one more
        processes.total(torch.from_numpy(total))  # each has its own rows, and zeros elsewhere
        return total

    def _add_group(
        self, total: np.ndarray, rows: np.ndarray, views: Sequence[AnyView], weights: Sequence[float]
    ) -> int:
        """Add the values of views that share their squares; the number of batches."""
        pieces = split_rows(rows, self.batch_size)
        requests = (BatchRequest(piece, views[0].changes(piece).offsets) for piece in pieces)
        start = 0
        for piece, batch in zip(pieces, self.inputs.read(requests), strict=True):
            self._check_stop()
            for view, weight in zip(views, weights, strict=True):
                ready = self.inputs.ready(batch, view.changes(piece))
                with self.runtime.autocast():
                    logits = self.inputs.logits(self.model, ready)
                total[start : start + len(piece)] += weight * self.objective.values(logits).cpu().numpy()
                self.reporter.report(TaskAdvanced(len(piece)))
            start += len(piece)
        return len(pieces)

    def _check_stop(self) -> None:
        """One of several processes may not leave while the others wait for its rows: they leave together."""
        (signal,) = self.runtime.processes.largest([self.should_stop() or 0])
        if signal:
            raise StopRequested(signal, "stopped while predicting; what was finished before is kept")
