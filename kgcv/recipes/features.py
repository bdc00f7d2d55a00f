"""Makes the table of features that training and predicting read, and tells how it came about."""

from __future__ import annotations

from kgcv.config.schema import Config
from kgcv.config.table_steps import ROWS
from kgcv.data.tables.features import FeatureReport, load_features
from kgcv.data.tables.rows import needed_columns
from kgcv.errors import ConfigError, DataError, listed
from kgcv.events import Message, Reporter, StopCheck


def make_features(config: Config, reporter: Reporter, should_stop: StopCheck) -> FeatureReport:
    """Build the table of `config`, unless the cache has it.

    Args:
        config: a config with `data.kind: table`.
        reporter: hears about progress, and of joins that leave rows without a partner.
        should_stop: asked between two steps.

    Raises:
        ConfigError: the config is of images.
        DataError: a file or a step is not as it must be, or no step makes a column that the network is to see.
        StopRequested: a signal asked for an end; nothing was written.
    """
    if config.data.kind != "table":
        raise ConfigError(["data.kind: features are made of tables; this config has images"])
    needed = needed_columns(config)
    _, report = load_features(config, reporter, should_stop, columns=needed)
    if missing := sorted(needed - set(report.columns)):
        raise DataError(
            f"{ROWS} has no {listed(map(repr, missing))} after the steps; it has {listed(report.columns, 60)}"
        )
    for number, step in enumerate(report.steps):
        if step.unmatched:
            share = f"{step.unmatched} of {step.num_rows} rows of {step.table}"
            text = f"features.{number} (join): {share} have no partner; their new cells are missing"
            reporter.report(Message(text, level="warning"))
    return report
