"""Deciding anew on a finished run: with other terms than it was trained with, or by the rule of another run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kgcv.config.load import load_config
from kgcv.errors import DataError
from kgcv.files import as_written, read_json
from kgcv.recipes.decision import DecideResult, copy_rule, decide_run
from kgcv.recipes.run_folder import RunFolder


def decide(run: Path, overrides: Sequence[str] = (), like: Path | None = None) -> DecideResult:
    """Fit the run's decision rule, with `overrides` put over its config, or take that of the run `like`.

    The config of the run stays as it is; `thresholds.json` says what was decided.

    Raises:
        ConfigError: the overrides are wrong, or see `decide_run`.
        DataError: the run's task needs no rule, or see `decide_run` and `copy_rule`.
        CheckpointError: `run` is no run folder.
    """
    result = copy_rule(run, like) if like is not None else _fit(run, overrides)
    if result is None:
        raise DataError(f"{run}: its task gives each sample one answer; decision rules are for task multi")
    return result


def decide_again(run: Path) -> None:
    """Fit the rule that was decided on last, overrides included, to new out-of-fold predictions.

    The rule of another run stays what it is.

    Raises:
        KgcvError: see `decide`.
    """
    file = RunFolder(run).thresholds_file
    like: str | None = None
    overrides: tuple[str, ...] = ()
    if file.is_file():
        with as_written(file):
            last = read_json(file)
            like, overrides = last.get("like"), tuple(map(str, last.get("overrides", ())))
    if like is None:
        _fit(run, overrides)


def _fit(run: Path, overrides: Sequence[str]) -> DecideResult | None:
    folder = RunFolder(run)
    config = load_config(folder.config_file, overrides) if overrides else folder.read_config()
    return decide_run(run, config, overrides)
