"""The samples that test-time augmentation looks at, fold by fold, and the predictions of single views of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from kgcv.config.schema import AugmentConfig, Config
from kgcv.data.predictions import Predictions, read_predictions
from kgcv.data.splits import count_folds, read_split
from kgcv.data.watch import Watch
from kgcv.engine.inference import Predictor
from kgcv.engine.inputs import Inputs
from kgcv.engine.processes import ALONE, Processes
from kgcv.engine.tta import AnyView, View
from kgcv.errors import CheckpointError, ConfigError, listed
from kgcv.events import Message, Reporter, StopCheck, TaskDone, TaskStarted
from kgcv.files import hash_file, hash_json
from kgcv.model.checkpoint import Geometry, WeightsCard, read_card
from kgcv.recipes.dataset import has_test
from kgcv.recipes.origins import Origin, is_current, write_with_origin
from kgcv.recipes.run_folder import RunFolder
from kgcv.recipes.trained_model import TrainedModel, load_trained

Part = Literal["valid", "test"]


@dataclass(frozen=True, slots=True)
class Opened:
    """The samples of a part, ready for weights of one geometry."""

    inputs_for: Callable[[TrainedModel], Inputs]
    """The samples as this model is fed with them."""
    signature: str
    """Hash of the files behind the samples, of how they are read and of the answers that rules give."""
    left_out: frozenset[str] = frozenset()
    """Ids of unreadable images that the user chose to go without."""
    known: np.ndarray | None = None
    """`(N,)` float32: answers that rules give whatever the network says, NaN where there is none."""


class Source(Protocol):
    """The samples of a part: images, or rows of a table."""

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all N samples."""
        ...

    def open(self, geometry: Geometry | None) -> Opened:
        """The samples for weights of this geometry."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """What several processes predict together."""

    part: Part
    fold: int
    views: tuple[AnyView, ...]


@dataclass(slots=True)
class FoldSamples:
    """The samples of one part that one fold predicts, N of them."""

    run: RunFolder
    fold: int
    part: Part
    augment: AugmentConfig
    """What the best weights were trained with."""
    card: WeightsCard
    weights: str
    """SHA-256 of the best weights."""
    all_ids: tuple[str, ...]
    """Of all samples of the part."""
    rows: np.ndarray
    """`(N,)` int64, ascending: places in `all_ids`, without unreadable images that were left out."""
    opened: Opened
    reporter: Reporter
    should_stop: StopCheck
    processes: Processes = ALONE
    _predictor: Predictor | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """The N ids."""
        return tuple(self.all_ids[row] for row in self.rows)

    @property
    def unit(self) -> str:
        """What the samples are, for people."""
        return "rows" if self.card.geometry is None else "images"

    @property
    def file(self) -> Path:
        """The averaged predictions."""
        return self.run.fold(self.fold).predictions(self.part)

    def view_file(self, name: str) -> Path:
        """The predictions of a single fixed view."""
        return self.run.fold_path(self.fold) / "views" / f"{name.replace(' ', '-')}.npz"

    def origin(self, views: Sequence[AnyView], view_weights: Sequence[float]) -> Origin:
        """What predictions averaged over `views` are made from."""
        return Origin(
            weights=self.weights,
            samples=hash_json([self.part, self.opened.signature, self.ids]),
            views=tuple(view.name for view in views),
            view_weights=tuple(view_weights),
            details=hash_json([view.describe() for view in views]),
        )

    def predict(self, views: Sequence[AnyView]) -> np.ndarray:
        """The sum of the predictions of `views`, `(N, C)` float32; the model is loaded when first needed."""
        self.processes.tell(Job(self.part, self.fold, tuple(views)))
        if self._predictor is None:
            trained = load_trained(self.run, self.fold, self.processes)
            inputs = self.opened.inputs_for(trained)
            self._predictor = trained.predictor(inputs, self.reporter, self.should_stop)
        return self._predictor.predict(self.rows, views, [1.0] * len(views))

    def forget_model(self) -> None:
        """Let go of the model's memory."""
        self._predictor = None

    def write(self, file: Path, values: np.ndarray, origin: Origin) -> None:
        """Write predictions, known answers among them, with what they were made from."""
        if self.opened.known is not None:
            known = self.opened.known[self.rows][:, None]
            values = np.where(np.isnan(known), values, known)
        write_with_origin(file, Predictions(self.ids, self.card.class_names, values, self.card.task), origin)

    def has_view(self, view: AnyView) -> bool:
        """Whether the predictions of this view alone are there, made from what is there now."""
        return isinstance(view, View) and is_current(self.view_file(view.name), self.origin([view], [1.0]))

    def keep_views(self, views: Sequence[View]) -> None:
        """Predict each of `views` that is not there yet, and keep it in a file of its own."""
        missing = [view for view in views if not self.has_view(view)]
        if not missing:
            return
        with self.task(missing):
            for view in missing:
                self.write(self.view_file(view.name), self.predict([view]), self.origin([view], [1.0]))

    def read_view(self, name: str) -> np.ndarray:
        """The kept predictions of a view, `(N, C)` float32."""
        return read_predictions(self.view_file(name)).values

    @contextmanager
    def task(self, views: Sequence[AnyView]) -> Iterator[None]:
        """Tell of a job that predicts every sample once a view."""
        name = f"fold {self.fold}, {self.part}: {len(views)} view{'s' if len(views) > 1 else ''}"
        self.reporter.report(TaskStarted(name, len(self.rows) * len(views), unit="predictions"))
        yield
        self.reporter.report(TaskDone(name))


@dataclass(frozen=True, slots=True)
class PartSamples:
    """The validation or test samples of a run, read once for all folds."""

    run: RunFolder
    config: Config
    part: Part
    source: Source
    folds: np.ndarray
    """`(M,)` int64: where a sample validates, -1 nowhere; used for the validation samples only."""
    reporter: Reporter
    should_stop: StopCheck
    processes: Processes = ALONE
    _named: set[str] = field(default_factory=set)
    """Unreadable images that a person has been told of."""

    def of_fold(self, fold: int) -> FoldSamples:
        """The samples that `fold` predicts.

        Raises:
            CheckpointError: its weights cannot be used.
            DataError: images cannot be read.
        """
        weights = self.run.fold(fold).best_weights
        card = read_card(weights)
        opened, ids = self.source.open(card.geometry), self.source.ids
        rows = np.arange(len(ids)) if self.part == "test" else np.flatnonzero(self.folds == fold)
        bad = opened.left_out
        self._name_unreadable([ids[row] for row in rows if ids[row] in bad] if bad else [])
        return FoldSamples(
            run=self.run,
            fold=fold,
            part=self.part,
            augment=self.config.stages[card.stage].augment or self.config.augment,
            card=card,
            weights=hash_file(weights),
            all_ids=ids,
            rows=np.array([row for row in rows if ids[row] not in bad], dtype=np.int64) if bad else rows,
            opened=opened,
            reporter=self.reporter,
            should_stop=self.should_stop,
            processes=self.processes,
        )

    def _name_unreadable(self, names: Sequence[str]) -> None:
        if new := [name for name in names if name not in self._named]:
            text = f"{self.part}: no predictions for the unreadable {listed(new)}"
            self.reporter.report(Message(text, "warning"))
            self._named.update(new)


def open_part(
    run: RunFolder, part: Part, reporter: Reporter, should_stop: StopCheck, processes: Processes = ALONE
) -> PartSamples:
    """The validation or test samples of `run`.

    Raises:
        CheckpointError: this is no run folder, or it has not been trained.
        ConfigError: the config names no test samples, or nothing validates.
        DataError: images or rows, labels and ids do not fit together.
    """
    config = run.read_config()
    if part == "test" and not has_test(config):
        key, what = ("data.test", "images") if config.data.kind == "images" else ("data.tables.test", "rows")
        raise ConfigError([f"{key}: the config names no test {what}"])
    if part == "valid" and config.split.train_on_all:
        instead = "predict the test part alone, images with views that you name: --split test --views flip"
        raise ConfigError([f"{run.path}: was trained on all samples, so nothing validates; {instead}"])
    source = _open_source(config, part, Watch(reporter, should_stop, config.train.workers, processes.spread))
    is_test = part == "test"
    folds = np.full(len(source.ids), -1, dtype=np.int64) if is_test else read_split(run.split_file, source.ids).folds
    return PartSamples(run, config, part, source, folds, reporter, should_stop, processes)


def help_predict(run: RunFolder, reporter: Reporter, should_stop: StopCheck, processes: Processes) -> None:
    """Compute this process's share of whatever the first one predicts with `run`, until that has nothing more.

    The first decides, reads what is there and writes; stores are there before it tells of a job.
    """
    opened: dict[tuple[Part, int], FoldSamples] = {}

    def predict(job: Job) -> None:
        key = job.part, job.fold
        if key not in opened:
            opened.clear()  # one model at a time
            opened[key] = open_part(run, job.part, reporter, should_stop, processes).of_fold(job.fold)
        opened[key].predict(job.views)

    processes.help(predict)


def _open_source(config: Config, part: Part, watch: Watch) -> Source:
    if config.data.kind == "images":
        from kgcv.recipes.tta_images import open_images

        return open_images(config, part, watch)
    from kgcv.recipes.tta_tables import open_rows  # loads pandas

    return open_rows(config, part, watch)


def trained_folds(run: RunFolder, fold: int | None) -> tuple[int, ...]:
    """The folds to predict: all of the run, or `fold` alone.

    Raises:
        CheckpointError: this is no run folder, or one of them has no weights.
        ConfigError: there is no such fold.
    """
    run.read_config()
    hint = f"train first: kgcv train --resume {run.path}"
    if not run.labels_file.is_file() or not run.split_file.is_file():
        raise CheckpointError(f"{run.path}: has not been trained; {hint}")
    num_folds = count_folds(run.split_file)
    if fold is not None and fold >= num_folds:
        raise ConfigError([f"--fold {fold}: the split has folds 0 to {num_folds - 1}"])
    folds = tuple(range(num_folds)) if fold is None else (fold,)
    if missing := [number for number in folds if not run.fold(number).best_weights.is_file()]:
        raise CheckpointError(f"{run.path}: no weights in {listed(f'fold{number}' for number in missing)}; {hint}")
    return folds
