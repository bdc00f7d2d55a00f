"""The learning-rate finder on a stage of a config."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from kgcv.config.schema import Config
from kgcv.data.watch import Watch
from kgcv.engine.lr_finder import LrCurve, LrFinder, LrSuggestions, Sweep, suggest
from kgcv.errors import ConfigError
from kgcv.events import Reporter, StopCheck
from kgcv.files import write_text
from kgcv.recipes.dataset import split_dataset
from kgcv.recipes.workbench import set_up


@dataclass(frozen=True, slots=True)
class LrFindResult:
    """A curve and what to read from it."""

    curve: LrCurve
    suggestions: LrSuggestions
    csv_file: Path


def find_learning_rate(
    config: Config, stage: int, csv_file: Path, sweep: Sweep, reporter: Reporter, should_stop: StopCheck
) -> LrFindResult:
    """Sweep the learning rate of `stage`, from the config's starting weights, and write the curve to `csv_file`.

    Raises:
        ConfigError: there is no such stage, or the curve has too few points.
        StopRequested: a signal arrived; nothing was written.
    """
    if stage >= len(config.stages):
        raise ConfigError([f"--stage {stage}: the config has stages 0 to {len(config.stages) - 1}"])
    dataset = split_dataset(config, Watch(reporter, should_stop, config.train.workers))
    bench = set_up(config, dataset, 0, reporter, should_stop)
    plan, samples = bench.plan(stage, bench.fitting_batch_size(stage)), bench.samples()
    finder = LrFinder(bench.model, bench.objective(), config.train, plan, bench.runtime, reporter, should_stop)
    curve = finder.run(bench.stage_inputs(plan), samples, sweep)
    write_text(csv_file, _as_csv(curve))
    return LrFindResult(curve, suggest(curve), csv_file)


def _as_csv(curve: LrCurve) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["step", "lr", "loss", "smoothed_loss"])
    columns = (curve.lrs.tolist(), curve.losses.tolist(), curve.smoothed.tolist())
    rows.writerows((step, *values) for step, values in enumerate(zip(*columns, strict=True)))
    return text.getvalue()
