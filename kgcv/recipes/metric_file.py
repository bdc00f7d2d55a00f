"""A competition's own metric: the Python file that Kaggle publishes, called with the table that would be submitted."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import io
import math
import numbers
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from kgcv.config.schema import Config, SubmissionConfig, Task
from kgcv.data.predictions import Predictions
from kgcv.errors import ConfigError, DataError, listed
from kgcv.scoring.metrics import THRESHOLD, beats
from kgcv.submission.build import fill_table
from kgcv.submission.formats import DECIDED, find_format, submission_settings
from kgcv.submission.table import csv_bytes, read_sample

if TYPE_CHECKING:
    import pandas as pd

PARAMETERS = ("solution", "submission", "row_id_column_name")
"""What Kaggle calls a metric's `score` with; it may have others that have defaults."""


@dataclass(frozen=True, slots=True)
class ScoreFile:
    """A Python file with `score(solution, submission, row_id_column_name) -> float`."""

    path: Path
    function: Callable[..., object]

    @classmethod
    def load(cls, path: Path) -> ScoreFile:
        """Run the file and take its `score`. It may import files beside it.

        Raises:
            ConfigError: no such file, what it raised, no function `score`, or one that takes other things.
        """
        try:
            source = path.read_bytes()
        except OSError as error:
            raise ConfigError([f"train.metric_file: {path}: cannot be read: {error.strerror}"]) from error
        # Under a name of its own, for what the file defines to find its module; and leaving no __pycache__ behind.
        module = ModuleType(f"kgcv_metric_file_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]}")
        module.__file__ = str(path)
        sys.modules[module.__name__] = module
        try:
            with _beside(path):
                exec(compile(source, str(path), "exec"), module.__dict__)
        except (Exception, SystemExit) as error:
            raise ConfigError([f"train.metric_file: {path}: {_told(error, path)}"]) from error
        function = getattr(module, "score", None)
        if not callable(function):
            raise ConfigError([f"train.metric_file: {path}: has no function score({', '.join(PARAMETERS)})"])
        _require_parameters(path, function)
        return cls(path, function)

    def call(self, solution: pd.DataFrame, submission: pd.DataFrame, row_id_column_name: str) -> float:
        """What the file makes of the two tables, which it may change.

        Raises:
            DataError: what it raised, or an answer that is no finite number.
        """
        arguments = dict(zip(PARAMETERS, (solution, submission, row_id_column_name), strict=True))
        try:
            with _beside(self.path):
                score = self.function(**arguments)
        except (Exception, SystemExit) as error:
            raise DataError(f"{self.path}: score raised {_told(error, self.path)}") from error
        if not isinstance(score, numbers.Real) or not math.isfinite(score):
            answer = score if isinstance(score, float) else f"something of type {type(score).__name__}"
            raise DataError(f"{self.path}: score gave {answer}, which is no finite number")
        return float(score)


@dataclass(frozen=True, slots=True)
class SubmissionForm:
    """How predictions become the table that Kaggle reads."""

    header: tuple[str, ...]
    form: str
    config: SubmissionConfig
    class_names: tuple[str, ...]
    task: Task

    @classmethod
    def read(cls, config: Config, task: Task, class_names: Sequence[str]) -> SubmissionForm:
        """The form that the sample file asks for.

        Raises:
            SubmissionError: the sample file cannot be read.
            ConfigError: it does not tell the form.
        """
        assert config.data.sample_submission is not None, "config/rules.py demands it"
        sample = read_sample(Path(config.data.root) / config.data.sample_submission)
        settings = submission_settings(config)
        nothing = Predictions((), tuple(class_names), np.empty((0, len(class_names)), dtype=np.float32), task)
        form = find_format(sample, nothing, settings)
        return cls(sample.header, form, settings, tuple(class_names), task)

    def content(self, ids: Sequence[str], values: np.ndarray, decisions: np.ndarray | None) -> bytes:
        """The CSV file that these predictions would be submitted as, in the order of `ids`."""
        predictions = Predictions(tuple(ids), self.class_names, values, self.task)
        return csv_bytes(fill_table(self.header, predictions, self.form, self.config, decisions))

    def frame(self, ids: Sequence[str], values: np.ndarray, decisions: np.ndarray | None) -> pd.DataFrame:
        """What pandas reads from `content`, so that types are as on Kaggle: an empty set of tags is NaN."""
        import pandas as pd

        return pd.read_csv(io.BytesIO(self.content(ids, values, decisions)))

    def truth(self, ids: Sequence[str], targets: np.ndarray) -> pd.DataFrame:
        """The true labels as if they were predicted without doubt: 1 and 0, class names, tags, or the numbers."""
        values = targets.astype(np.float32)
        if targets.ndim == 1:
            values = np.eye(len(self.class_names), dtype=np.float32)[targets]
        return self.frame(ids, values, values > 0)


@dataclass(frozen=True, slots=True)
class FileMetric:
    """The metric of `train.metric_file`; a Scorer."""

    name: str
    greater_is_better: bool
    file: ScoreFile
    form: SubmissionForm
    threshold: float
    """Where the form wants tags: those above it are given, unless they were decided elsewhere."""

    @classmethod
    def load(cls, path: Path, config: Config, task: Task, class_names: Sequence[str]) -> FileMetric:
        """The metric in the file `path`.

        Args:
            path: a Python file; it runs.
            config: its metric_direction, sample file, submission and decision.threshold count.
            task: the task.
            class_names: the classes, or the columns of numbers.

        Raises:
            ConfigError: as `ScoreFile.load` and `SubmissionForm.read`.
            SubmissionError: as `SubmissionForm.read`.
        """
        threshold = THRESHOLD if config.decision.threshold is None else config.decision.threshold
        form = SubmissionForm.read(config, task, class_names)
        return cls(path.name, config.train.metric_direction == "maximize", ScoreFile.load(path), form, threshold)

    @property
    def scores_tags(self) -> bool:
        """Whether the file scores tags given, so that a decision rule changes the score."""
        return self.form.form in DECIDED

    def score(self, targets: np.ndarray, values: np.ndarray, ids: Sequence[str] = ()) -> float:
        """The file's score of `values`, with tags above the threshold where tags are asked for.

        Args:
            targets: `(N,)` class numbers or `(N, C)`, as for `kgcv.scoring.metrics`.
            values: `(N, C)` probabilities or numbers.
            ids: of the N samples; the file may read them.

        Raises:
            DataError: what the file raised, or an answer that is no finite number.
        """
        return self._score(targets, values, values > self.threshold, ids)

    def score_decisions(self, targets: np.ndarray, decisions: np.ndarray, ids: Sequence[str] = ()) -> float:
        """The file's score of `(N, C)` bool tags that were decided elsewhere; else as `score`.

        Raises:
            ConfigError: the sample file asks for no tags.
            DataError: as `score`.
        """
        if not self.scores_tags:
            raise ConfigError([f"train.metric_file: {self.name} scores {self.form.form}, not decisions"])
        return self._score(targets, decisions.astype(np.float32), decisions, ids)

    def is_better(self, score: float, best: float | None) -> bool:
        """Whether `score` is strictly better than `best`; anything but NaN beats None or NaN."""
        return beats(score, best, greater_is_better=self.greater_is_better)

    def _score(self, targets: np.ndarray, values: np.ndarray, decisions: np.ndarray, ids: Sequence[str]) -> float:
        solution, submission = self.form.truth(ids, targets), self.form.frame(ids, values, decisions)
        return self.file.call(solution, submission, self.form.header[0])


def _require_parameters(path: Path, function: Callable[..., object]) -> None:
    known = inspect.signature(function).parameters.values()
    given = {parameter.name for parameter in known if parameter.kind in _BY_NAME}
    takes_any = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in known)
    if not takes_any and (missing := [name for name in PARAMETERS if name not in given]):
        raise ConfigError([f"train.metric_file: {path}: score does not take {listed(missing)}"])
    demanded = [
        parameter.name
        for parameter in known
        if parameter.name not in PARAMETERS and parameter.kind not in _ANY and parameter.default is parameter.empty
    ]
    if demanded:
        text = f"score wants {listed(demanded)}, too, of which nothing is known; give defaults in the file"
        raise ConfigError([f"train.metric_file: {path}: {text}"])


_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_ANY = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[None]:
    """Run a file's code: it finds files beside it (last of all), and what it prints goes to stderr."""
    folder = str(path.resolve().parent)
    is_new = folder not in sys.path
    if is_new:
        sys.path.append(folder)
    try:
        # Stdout is for results.
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        if is_new:
            sys.path.remove(folder)


def _told(error: BaseException, path: Path) -> str:
    """One line: the kind of error, its text, and the line of the file where it arose."""
    text = " ".join(str(error).split())
    frames = traceback.extract_tb(error.__traceback__)
    line = next((frame.lineno for frame in reversed(frames) if frame.filename == str(path)), None)
    where = f" (line {line})" if line is not None else ""
    return f"{type(error).__name__}: {text}{where}" if text else f"{type(error).__name__}{where}"
