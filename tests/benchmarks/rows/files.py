"""Submissions, from arrays in memory to a gzipped file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benchmarks.row import Row, timed

SIZES = {"gz-wide": (40_669, 17), "gz-long": (1_000_000, 1)}
"""Rows, and columns besides the ids."""


def _draw(num_rows: int, num_columns: int) -> tuple[tuple[str, ...], Any]:
    import numpy as np

    values = np.random.default_rng(0).beta(0.3, 1, (num_rows, num_columns)).astype(np.float32)
    return tuple(f"test_{index}" for index in range(num_rows)), values


def _kgcv(name: str, is_verified: bool) -> Callable[[Path], float]:
    def measure(folder: Path) -> float:
        from functools import partial

        from kgcv.config.schema import SubmissionConfig
        from kgcv.data.predictions import Predictions
        from kgcv.submission.build import build_submission
        from kgcv.submission.table import Submission, write_submission
        from kgcv.submission.verify import verify_submission

        ids, values = _draw(*SIZES[name])
        names = tuple(f"c{index}" for index in range(values.shape[1]))
        form, config = ("probabilities" if len(names) > 1 else "numbers"), SubmissionConfig()
        predictions = Predictions(ids, names, values, "multi" if len(names) > 1 else "regression")
        sample = Submission(("id", *names), (ids, *[("0",) * len(ids)] * len(names)), form)

        def work() -> None:
            table = build_submission(predictions, sample, form, config)
            verify = partial(verify_submission, predictions=predictions, sample=sample, form=form, config=config)
            if is_verified:
                write_submission(folder / f"{name}-kgcv.csv.gz", table, partial(verify, decisions=None))
            else:
                write_submission(folder / f"{name}-kgcv.csv.gz", table)

        return timed(work)

    return measure


def _pandas(name: str) -> Callable[[Path], float]:
    def measure(folder: Path) -> float:
        import pandas as pd

        ids, values = _draw(*SIZES[name])
        names = [f"c{index}" for index in range(values.shape[1])]

        def work() -> None:
            frame = pd.DataFrame(values, columns=names)
            frame.insert(0, "id", ids)
            frame.to_csv(folder / f"{name}-pandas.csv.gz", index=False)

        return timed(work)

    return measure


def _compare_sizes(name: str) -> Callable[[Path], str]:
    def note(folder: Path) -> str:
        own, peer = ((folder / f"{name}-{who}.csv.gz").stat().st_size for who in ("kgcv", "pandas"))
        return f"kgcv {own:,} bytes, pandas {peer:,}: {own / peer - 1:+.1%}; meant to be within 5 %"

    return note


ROWS = tuple(
    Row(
        name=name,
        work=f"a gzipped submission of {rows:,} x {columns + 1} written from arrays, read back and compared",
        contenders={
            "kgcv": _kgcv(name, is_verified=True),
            "kgcv, not compared": _kgcv(name, is_verified=False),
            "pandas to_csv": _pandas(name),
        },
        targets={"pandas to_csv": 2},
        amount=rows,
        unit="rows/s",
        note=_compare_sizes(name),
    )
    for name, (rows, columns) in SIZES.items()
)
