"""The decision of a run: which threshold turns its probabilities into tags."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np

from kgcv.config.schema import Config
from kgcv.errors import DataError
from kgcv.files import read_json, write_json
from kgcv.scoring.thresholds import fit_threshold


def note_threshold(run: Path, config: Config, targets: np.ndarray, values: np.ndarray) -> None:
    """Fit the threshold on validation predictions and keep it in `thresholds.json`, if the config asks for one.

    Args:
        run: the run folder.
        config: `decision.thresholds` says whether.
        targets: `(N, C)` of 0 and 1 (task `multi`); other tasks have no threshold.
        values: `(N, C)` float32 probabilities.
    """
    if config.decision.thresholds == "global" and targets.ndim == 2:
        fitted = fit_threshold(targets, values, config.decision.threshold)
        write_json(run / "thresholds.json", {"rule": "global", "fitted_on": "valid", **asdict(fitted)})


def decided_threshold(run: Path, config: Config) -> float:
    """The threshold for a run's submission: the config's, or the one fitted on its validation predictions.

    Raises:
        DataError: it should have been fitted and was not.
    """
    if config.decision.thresholds == "fixed":
        return config.decision.threshold
    file = run / "thresholds.json"
    if not file.is_file():
        raise DataError(f"{file}: is not there; fit it with: kgcv tta {run} --split valid")
    return float(read_json(file)["threshold"])
