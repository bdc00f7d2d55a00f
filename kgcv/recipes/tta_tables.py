"""The validation or test rows of a run, and the answers to them that rules give."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from kgcv.config.schema import Config
from kgcv.data.tables.features import load_features
from kgcv.data.tables.rows import known_answers, needed_columns, test_rows, train_rows
from kgcv.data.watch import Watch
from kgcv.engine.inputs import Inputs
from kgcv.files import hash_json
from kgcv.model.checkpoint import Geometry
from kgcv.recipes.trained_model import TrainedModel
from kgcv.recipes.tta_samples import Opened, Part


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a part."""

    ids: tuple[str, ...]
    """Of all rows."""
    frame: pd.DataFrame
    signature: str
    known: np.ndarray | None

    def open(self, geometry: Geometry | None) -> Opened:
        """The rows; they have no sizes."""
        return Opened(self._inputs, self.signature, known=self.known)

    def _inputs(self, trained: TrainedModel) -> Inputs:
        return trained.table_inputs(self.frame)


def open_rows(config: Config, part: Part, watch: Watch) -> Rows:
    """The rows of a part; those to predict with the answers that the rules in `rows.predict` give.

    Raises:
        DataError: a table, a step or a rule does not fit.
        StopRequested: a signal arrived.
    """
    table, report = load_features(config, watch.reporter, watch.should_stop, needed_columns(config))
    rows = test_rows(table, config) if part == "test" else train_rows(table, config)
    rules = config.rows.predict if part == "test" else ()
    known = known_answers(rows.frame, rules) if rules else None
    signature = hash_json([report.path, [asdict(rule) for rule in rules]])
    return Rows(rows.samples.ids, rows.frame, signature, known)
