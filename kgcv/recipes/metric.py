"""The competition's metric: one of kgcv's by name, or the competition's own file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kgcv.config.schema import Config, Task
from kgcv.recipes.metric_file import FileMetric
from kgcv.scoring.metrics import Scorer, find_metric


def load_metric(config: Config, task: Task, class_names: Sequence[str]) -> Scorer:
    """What `train.metric` or `train.metric_file` names.

    Raises:
        ConfigError: there is no such metric, it fits neither the task nor the classes, or the file is no metric.
        SubmissionError: the sample file, which shows the table that a metric file scores, cannot be read.
    """
    if config.train.metric_file is not None:
        return FileMetric.load(Path(config.train.metric_file), config, task, class_names)
    return find_metric(config.train.metric, task, config.decision.threshold, class_names)
