"""Builds a run's submission, or checks a file, against the sample file before it costs one of the day's uploads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from kgcv.config.load import load_config
from kgcv.config.schema import Config
from kgcv.data.predictions import Predictions, read_predictions
from kgcv.errors import ConfigError, DataError, SubmissionError, listed
from kgcv.files import hash_file
from kgcv.submission.build import build_submission
from kgcv.submission.file_check import check_file
from kgcv.submission.formats import DECIDED, find_format, submission_settings
from kgcv.submission.table import Submission, read_sample, write_submission
from kgcv.submission.verify import verify_submission


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A submission that fits the sample file."""

    path: Path
    num_rows: int
    columns: tuple[str, ...]
    format: str
    sha256: str
    competition: str | None = None
    """The competition's name, where the run's config has one."""
    warnings: tuple[str, ...] = ()
    """What a person should know before uploading, a sentence each."""


def check_submission(
    run_or_file: Path, output: Path | None = None, sample: Path | None = None, despite_doubts: bool = False
) -> CheckResult:
    """Build the submission of a run or a blend, or check a submission file; the sample file decides.

    A run's submission goes to `output` (default `submission.csv.gz` in its folder); what was written is read back
    and compared with the predictions before it takes its name. A file is only checked, unless `output` is given; then
    it is written there in the sample's order.

    Args:
        run_or_file: A folder with test predictions and a config, or a `.csv` or `.csv.gz` file.
        output: Where to write.
        sample: The sample file; a run knows its own from its config.
        despite_doubts: Pass a file that looks wrong beside the sample file; the doubts become warnings.

    Raises:
        DataError: no test predictions, no decision rule where tags are asked for, or anything that
            `kgcv.submission` refuses; a file in doubt.
        ConfigError: no sample file is named, or it does not tell the form of the submission.
    """
    if run_or_file.is_dir():
        return _check_run(run_or_file, output or run_or_file / "submission.csv.gz", sample)
    if sample is None:
        how = "name it with --sample, or the competition with -c"
        raise ConfigError([f"{run_or_file}: a file is checked against a sample file; {how}"])
    return _check_file(run_or_file, output, sample, despite_doubts)


def _check_file(file: Path, output: Path | None, sample: Path, despite_doubts: bool) -> CheckResult:
    checked = check_file(file, sample)
    if checked.doubts and not despite_doubts:
        lines = [f"{file}: {doubt}" for doubt in checked.doubts]
        raise SubmissionError("\n".join([*lines, "if that is right all the same: --despite-doubts"]))
    if output is not None:
        write_submission(output, checked.table)
    return _describe(output or file, checked.table, warnings=(*checked.doubts, *checked.notes))


def _check_run(run: Path, path: Path, sample: Path | None) -> CheckResult:
    config = load_config(run / "config.yaml")
    wanted = read_sample(sample or _find_sample(run, config))
    settings = submission_settings(config)
    file = _find_test_predictions(run)
    predictions = read_predictions(file).checked(str(file))
    decisions = None
    form = find_format(wanted, predictions, settings)
    if form in DECIDED:
        from kgcv.recipes.decision import read_rule  # loads metrics, which probabilities need not wait for

        decisions = read_rule(run, predictions.class_names).decide(predictions.values)
    submission = build_submission(predictions, wanted, form, settings, decisions)
    verify = partial(
        verify_submission, predictions=predictions, sample=wanted, form=form, config=settings, decisions=decisions
    )
    write_submission(path, submission, verify)
    warnings = _empty_cells(predictions, decisions) if form in ("tags", "indices") else ()
    return _describe(path, submission, config.competition, warnings)


def _describe(
    path: Path, submission: Submission, competition: str | None = None, warnings: tuple[str, ...] = ()
) -> CheckResult:
    return CheckResult(
        path=path,
        num_rows=len(submission.ids),
        columns=submission.header,
        format=submission.format,
        sha256=hash_file(path),
        competition=competition,
        warnings=warnings,
    )


def _find_sample(run: Path, config: Config) -> Path:
    if config.data.sample_submission is None:
        raise ConfigError([f"{run / 'config.yaml'}: data.sample_submission is not set; name it with --sample"])
    return Path(config.data.root) / config.data.sample_submission


def _find_test_predictions(run: Path) -> Path:
    """Those of all folds together; where only one fold was trained, its own."""
    together = run / "test.npz"
    if together.is_file():
        return together
    folds = [folder for folder in run.glob("fold[0-9]*") if folder.is_dir()]
    if len(folds) == 1 and (folds[0] / "test.npz").is_file():
        return folds[0] / "test.npz"
    what = "test predictions" if len(folds) < 2 else f"mean of the test predictions of its {len(folds)} folds"
    raise DataError(f"{run}: holds no {what}; make them with: kgcv tta {run} --split test")


def _empty_cells(predictions: Predictions, decisions: np.ndarray | None) -> tuple[str, ...]:
    """An empty cell is what no tag looks like; a competition whose every image has a tag refuses it."""
    assert decisions is not None, "tags come from decisions"
    empty = [predictions.ids[row] for row in np.flatnonzero(~decisions.any(axis=1))]
    if not empty:
        return ()
    return (
        f"{len(empty)} of {len(decisions)} images have no tag ({listed(empty)}); their cells are empty, which Kaggle "
        "reads as missing; decision.never_empty: true gives each its most probable tag",
    )
