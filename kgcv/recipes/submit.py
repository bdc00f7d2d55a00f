"""Checks a submission against the sample file before it costs one of the day's uploads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kgcv.config.load import load_config
from kgcv.config.schema import Config
from kgcv.data.predictions import read_predictions
from kgcv.errors import ConfigError, DataError
from kgcv.files import hash_file
from kgcv.recipes.decision import decided_threshold
from kgcv.submission import Submission, build_submission, check_file, write_submission


@dataclass(frozen=True, slots=True)
class SubmitResult:
    """A submission that fits the sample file."""

    path: Path
    num_rows: int
    columns: tuple[str, ...]
    format: str
    sha256: str
    competition: str | None = None
    """The competition's name, where the run's config has one."""


def submit_check(run_or_file: Path, output: Path | None = None, sample: Path | None = None) -> SubmitResult:
    """Build the submission of a run, or check a submission file; the sample file decides.

    A run's submission goes to `output` (default `submission.csv.gz` in the run folder). A file is only
    checked, unless `output` is given; then it is written there in the sample's order.

    Args:
        run_or_file: A run folder with test predictions, or a `.csv` or `.csv.gz` file.
        output: Where to write.
        sample: The sample file; a run knows its own from its config.

    Raises:
        DataError: no test predictions, or anything that `kgcv.submission` refuses.
        ConfigError: no sample file is named.
    """
    competition = None
    if run_or_file.is_dir():
        config = load_config(run_or_file / "config.yaml")
        competition = config.competition
        submission = _build_from_run(run_or_file, config, sample)
        path = output or run_or_file / "submission.csv.gz"
        write_submission(path, submission)
    else:
        if sample is None:
            raise ConfigError([f"{run_or_file}: a file is checked against a sample file; name it with --sample"])
        submission = check_file(run_or_file, sample)
        path = output or run_or_file
        if output is not None:
            write_submission(output, submission)
    digest = hash_file(path)
    return SubmitResult(path, len(submission.rows), submission.header, submission.format, digest, competition)


def _build_from_run(run: Path, config: Config, sample: Path | None) -> Submission:
    if sample is None:
        if config.data.sample_submission is None:
            raise ConfigError([f"{run / 'config.yaml'}: data.sample_submission is not set; name it with --sample"])
        sample = Path(config.data.root) / config.data.sample_submission
    predictions = read_predictions(_find_test_predictions(run))
    threshold = decided_threshold(run, config) if predictions.task == "multi" else 0.0
    return build_submission(predictions, sample, config.submission, threshold)


def _find_test_predictions(run: Path) -> Path:
    """The predictions over all folds, or else those of the first."""
    for path in (run / "test.npz", run / "fold0" / "test.npz"):
        if path.is_file():
            return path
    raise DataError(f"{run}: holds no test predictions; make them with: kgcv tta {run} --split test")
