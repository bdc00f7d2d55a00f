"""The folder of one fold: what training leaves in it, each file whole or absent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from kgcv.errors import CheckpointError
from kgcv.events import Message, Reporter
from kgcv.files import as_written, read_json, write_json, write_text
from kgcv.model.checkpoint import WeightsCard, read_state, save_state, save_weights
from kgcv.model.network import Network


@dataclass(frozen=True, slots=True)
class FoldFolder:
    """`runs/<name>/fold<i>`: states, best.safetensors, best.json, metrics.jsonl, predictions, encoding.json."""

    path: Path
    is_written: bool = True
    """False in all processes but the first, which writes for them."""

    @property
    def last_state(self) -> Path:
        """The state training goes on from."""
        return self.path / "last.pt"

    @property
    def previous_state(self) -> Path:
        """The state before, for the day that the last one is damaged."""
        return self.path / "previous.pt"

    @property
    def best_weights(self) -> Path:
        """The weights with the best validation score."""
        return self.path / "best.safetensors"

    @property
    def encoding(self) -> Path:
        """How the columns of a table become numbers in this fold."""
        return self.path / "encoding.json"

    @property
    def metrics(self) -> Path:
        """One JSON line an epoch; equal runs give equal bytes."""
        return self.path / "metrics.jsonl"

    def predictions(self, part: str) -> Path:
        """Predictions for `part` `valid` or `test`."""
        return self.path / f"{part}.npz"

    def write_state(self, state: dict[str, Any], history: list[dict[str, Any]]) -> None:
        """Write the metrics so far, then the state."""
        if not self.is_written:
            return
        write_text(self.metrics, "".join(json.dumps(line) + "\n" for line in history))
        save_state(self.last_state, state, self.previous_state)

    def read_state(self, reporter: Reporter) -> dict[str, Any] | None:
        """The last state; the one before, which is said, where the last is damaged; None where there is neither.

        Raises:
            CheckpointError: there is no state that can be read.
        """
        if not self.last_state.exists() and not self.previous_state.exists():
            return None
        try:
            return read_state(self.last_state)
        except CheckpointError as error:
            if not self.previous_state.exists():
                raise
            state = read_state(self.previous_state)
            reporter.report(Message(f"{error}; going on from the state before it", "warning"))
        # Not to become the state before the next one.
        if self.is_written:
            self.last_state.unlink(missing_ok=True)
        return state

    def write_best(self, weights: Mapping[str, Tensor], card: WeightsCard, scores: dict[str, float]) -> None:
        """Keep `weights`, a network's `state_dict`, as the best so far."""
        if not self.is_written:
            return
        save_weights(self.best_weights, weights, card)
        write_json(self.path / "best.json", {**asdict(card), "scores": scores})

    def read_best_scores(self) -> dict[str, float]:
        """The validation scores of the best weights, by metric."""
        file = self.path / "best.json"
        with as_written(file):
            return {str(name): float(score) for name, score in read_json(file)["scores"].items()}

    def write_stage(self, model: Network, card: WeightsCard) -> None:
        """Keep `model` as the weights at the end of its stage."""
        if not self.is_written:
            return
        save_weights(self.path / f"stage{card.stage}.safetensors", model.state_dict(), card)
