"""Rows a second that kgcv and fastai train on a table that fits in memory: same rows, network, optimizer and batches.

    OMP_NUM_THREADS=2 python -m tests.benchmarks.bench_tabular [--rows 80000] [--batch-size 256] [--rounds 3]

The table is drawn: 22 categories and 18 numbers, as many kinds of each as the Rossmann lesson has. The two take
turns; an epoch of each is timed from the first to the last step, without validation. With fastai its own loader and
learner are timed as its users run them, without a progress bar.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from kgcv.config.schema import (
    AugmentConfig,
    Config,
    DataConfig,
    ModelConfig,
    StageConfig,
    TrainConfig,
)
from kgcv.data.tables.encode import embedding_size
from kgcv.engine.fold_folder import FoldFolder
from kgcv.engine.inputs import TableInputs
from kgcv.engine.plan import plan_stage
from kgcv.engine.runtime import resolve_runtime
from kgcv.engine.samples import Samples
from kgcv.engine.trainer import Trainer
from kgcv.events import EpochDone, Recorder, never_stop
from kgcv.model.heads import Objective
from kgcv.model.losses import Criterion
from kgcv.model.tabular import TableShape, build_tabular
from kgcv.scoring.metrics import METRICS
from tests.benchmarks.fastai_timer import training_timer

KINDS = (101, 8, 4, 13, 32, 53, 5, 5, 4, 13, 4, 17, 26, 8, 27, 22, 7, 7, 4, 4, 9, 9)
"""Codes of each category, 0 included."""
NUM_NUMBERS = 18
EPOCHS = 2


def main() -> None:
    """Train by turns and print rows a second."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=80_000)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--hidden", type=int, nargs="+", default=[200, 100])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    codes, numbers, targets = draw_table(options.rows)
    rates: dict[str, list[float]] = {}
    for _ in range(options.rounds):
        for name, train in (("kgcv", train_kgcv), ("fastai", train_fastai)):
            rates.setdefault(name, []).append(train(codes, numbers, targets, options))
    medians = {name: statistics.median(each) for name, each in rates.items()}
    hidden = "-".join(map(str, options.hidden))
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads; {options.rows} rows, hidden {hidden}, "
        f"batches of {options.batch_size}, adamw; medians of {options.rounds}"
    )
    for name, rate in medians.items():
        print(f"{name:<8} {rate:>10,.0f} rows/s   {medians['kgcv'] / rate:>5.2f} times kgcv's time")


def draw_table(num_rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes `(N, K)` int64, numbers `(N, M)` float32 and targets `(N,)` float32 that depend on them."""
    random = np.random.default_rng(0)
    codes = np.stack([random.integers(0, kinds, num_rows) for kinds in KINDS], axis=1)
    numbers = random.normal(size=(num_rows, NUM_NUMBERS)).astype(np.float32)
    targets = 9 + codes[:, 0] / 100 + 0.1 * numbers[:, 0] + 0.1 * random.normal(size=num_rows)
    return codes, numbers, targets.astype(np.float32)


def train_kgcv(codes: np.ndarray, numbers: np.ndarray, targets: np.ndarray, options: argparse.Namespace) -> float:
    """Rows a second of kgcv's trainer."""
    config = Config(
        data=DataConfig(root=".", kind="table"),
        model=ModelConfig(name="embeddings", hidden=tuple(options.hidden), dropout=(0.001, 0.01, 0.01)),
        augment=AugmentConfig(),
        train=TrainConfig(batch_size=options.batch_size, optimizer="adamw", weight_decay=0.01, schedule="one_cycle"),
        stages=(StageConfig(lr=(1e-3,), cycle_len=EPOCHS),),
    )
    shape = TableShape(KINDS, tuple(embedding_size(kinds, "course") for kinds in KINDS), NUM_NUMBERS)
    model = build_tabular(shape, config.model, 1, None, seed=0)
    runtime = resolve_runtime(config.train, model)
    rows = np.arange(len(codes))
    samples = Samples(targets[:, None], rows, rows[:0], ("y",), tuple(map(str, rows)))
    inputs = TableInputs(torch.from_numpy(codes.astype(np.int32)), torch.from_numpy(numbers), runtime)
    recorder = Recorder()
    with tempfile.TemporaryDirectory() as folder:
        objective = Objective("regression", 1, criterion=Criterion("mse"))
        trainer = Trainer(
            model,
            objective,
            config.train,
            samples,
            (METRICS["rmse"],),
            runtime,
            FoldFolder(Path(folder)),
            recorder,
            never_stop,
        )
        trainer.fit(plan_stage(config, 0, len(rows), model.num_groups), inputs, inputs)
    return [event.samples_per_second for event in recorder.events if isinstance(event, EpochDone)][-1]


def train_fastai(codes: np.ndarray, numbers: np.ndarray, targets: np.ndarray, options: argparse.Namespace) -> float:
    """Rows a second of fastai's tabular learner."""
    from fastai.tabular.all import (  # type: ignore[import-not-found]
        Categorify,
        RegressionBlock,
        TabularPandas,
        tabular_config,
        tabular_learner,
    )

    categories, columns = [f"c{index}" for index in range(len(KINDS))], [f"n{index}" for index in range(NUM_NUMBERS)]
    frame = pd.concat([pd.DataFrame(codes, columns=categories), pd.DataFrame(numbers, columns=columns)], axis=1)
    frame["y"] = targets
    # A few rows more validate, or fastai has no epoch; only the training part is timed.
    rows = list(range(len(frame)))
    table = TabularPandas(
        frame, [Categorify], categories, columns, "y", y_block=RegressionBlock(), splits=(rows, rows[:2])
    )
    sizes = {name: embedding_size(kinds, "course") for name, kinds in zip(categories, KINDS, strict=True)}
    loaders = table.dataloaders(bs=options.batch_size, val_bs=2)
    config = tabular_config(ps=[0.01] * len(options.hidden), embed_p=0.001)
    timer = training_timer()
    learner = tabular_learner(loaders, layers=options.hidden, emb_szs=sizes, config=config, n_out=1, cbs=timer)
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(EPOCHS, 1e-3)
    return float(len(rows) // options.batch_size * options.batch_size / timer.seconds)


if __name__ == "__main__":
    main()
