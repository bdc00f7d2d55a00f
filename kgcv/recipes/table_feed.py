"""What feeds a network for tables: the network, how columns become numbers in a fold, and all rows in memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from kgcv.config.schema import Config
from kgcv.data.tables.encode import EncodedRows, Encoding, encode_rows
from kgcv.engine.fold_folder import FoldFolder
from kgcv.engine.inputs import TableInputs
from kgcv.engine.plan import StagePlan
from kgcv.engine.randomness import Purpose, number_from
from kgcv.engine.runtime import Runtime
from kgcv.errors import CheckpointError
from kgcv.files import as_written, read_json, write_json
from kgcv.model.checkpoint import Geometry
from kgcv.model.heads import Objective
from kgcv.model.tabular import TableShape, TabularModel, build_tabular


def table_shape(encoding: Encoding) -> TableShape:
    """The sizes of the network's inputs."""
    return TableShape(
        cardinalities=tuple(vocabulary.num_codes for vocabulary in encoding.categories),
        embedding_sizes=tuple(vocabulary.embedding_size for vocabulary in encoding.categories),
        num_numbers=len(encoding.numbers),
    )


def build_table_model(
    config: Config, encoding: Encoding, objective: Objective, learned: np.ndarray | None = None
) -> TabularModel:
    """The model of `config` with random weights, the same in every process.

    Args:
        config: hidden layers, and the range of the output.
        encoding: the fold's.
        objective: its outputs.
        learned: `(n, 1)` float32, the numbers that the training rows teach: the network begins by giving their mean,
            or the middle of its range. None for classes, and where weights will be loaded, which bring the range.
    """
    seed = number_from(config.train.seed, Purpose.INIT)
    y_range = _y_range(config, learned)
    model = build_tabular(table_shape(encoding), config.model, objective.num_outputs, y_range, seed)
    if learned is not None:
        torch.nn.init.zeros_(model.head.weight)
        start = 0.0 if y_range is not None else float(learned.mean(dtype=np.float64))
        torch.nn.init.constant_(model.head.bias, start)
    return model


def _y_range(config: Config, learned: np.ndarray | None) -> tuple[float, float] | None:
    if config.target.y_range:
        low, high = config.target.y_range
        return low, high
    if config.target.y_range_margin is None:
        return None
    if learned is None:
        return 0.0, 1.0
    low, high = float(learned.min()), float(learned.max())
    margin = config.target.y_range_margin * (high - low)
    return low - margin, high + margin


@dataclass(frozen=True, slots=True)
class TableFeed:
    """All labelled rows as a fold encodes them."""

    encoding: Encoding
    rows: TableInputs
    left_out: frozenset[str] = frozenset()
    """Every row can be read."""

    def keep(self, folder: FoldFolder) -> None:
        """Write the encoding, or see that it is the one there."""
        keep_encoding(self.encoding, folder.encoding)

    def inputs(self, geometry: Geometry | None) -> TableInputs:
        """The rows; they have no sizes."""
        return self.rows

    def stage_inputs(self, plan: StagePlan, rows: np.ndarray) -> TableInputs:
        """The same for every stage."""
        return self.rows


def open_table_feed(frame: pd.DataFrame, encoding: Encoding, runtime: Runtime) -> TableFeed:
    """Encode the rows of `frame` and put them where the network can reach them.

    Raises:
        DataError: numbers are missing and may not be.
    """
    return TableFeed(encoding, table_inputs(encode_rows(frame, encoding), runtime))


def table_inputs(rows: EncodedRows, runtime: Runtime) -> TableInputs:
    """Encoded rows on the device, or beside it where they would take more than half of its free memory."""
    codes, numbers = torch.from_numpy(rows.codes.astype(np.int32)), torch.from_numpy(rows.numbers)
    if runtime.device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(runtime.device)
        if codes.nbytes + numbers.nbytes < free / 2:
            codes, numbers = codes.to(runtime.device), numbers.to(runtime.device)
    return TableInputs(codes, numbers, runtime)


def keep_encoding(encoding: Encoding, file: Path) -> None:
    """Write the encoding of a fold, which its weights are worth nothing without.

    Raises:
        CheckpointError: the fold has another one, for the data have changed.
    """
    if not file.is_file():
        write_json(file, encoding.to_json())
    elif read_encoding(file) != encoding:
        raise CheckpointError(
            f"{file}: the values of the columns have changed since this fold began; train in a new run folder"
        )


def read_encoding(file: Path) -> Encoding:
    """The encoding of a fold.

    Raises:
        CheckpointError: it is missing.
        DataError: it is damaged.
    """
    if not file.is_file():
        raise CheckpointError(f"{file}: is not there, and without it the weights cannot be used")
    with as_written(file):
        return Encoding.from_json(read_json(file))
