"""The images that test-time augmentation looks at, fold by fold, and the predictions of single views of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from kgcv.config.schema import AugmentConfig, Config
from kgcv.data.images import ImageSource
from kgcv.data.predictions import Predictions, read_predictions
from kgcv.data.resize import ensure_store, left_out, store_signature, store_spec
from kgcv.data.samples import SampleTable, read_test_samples, read_train_samples
from kgcv.data.splits import count_folds, read_split
from kgcv.engine.inference import Predictor
from kgcv.engine.tta import AnyView, View
from kgcv.errors import CheckpointError, ConfigError, listed
from kgcv.events import Message, Reporter, StopCheck, TaskDone, TaskStarted
from kgcv.files import hash_file, hash_json
from kgcv.model.checkpoint import WeightsCard, read_card
from kgcv.recipes.origins import Origin, is_current, write_with_origin
from kgcv.recipes.run_folder import RunFolder
from kgcv.recipes.trained_model import load_trained

Part = Literal["valid", "test"]


@dataclass(frozen=True, slots=True)
class _Store:
    source: ImageSource
    signature: str
    left_out: frozenset[str]


@dataclass(slots=True)
class FoldImages:
    """The images of one part that one fold predicts, N of them."""

    run: RunFolder
    fold: int
    part: Part
    augment: AugmentConfig
    """What the best weights were trained with."""
    card: WeightsCard
    weights: str
    """SHA-256 of the best weights."""
    samples: SampleTable
    rows: np.ndarray
    """`(N,)` int64, ascending: rows of `samples`, without unreadable images that were left out."""
    source: ImageSource
    signature: str
    """Hash of the image files and of how they are read."""
    reporter: Reporter
    should_stop: StopCheck
    _predictor: Predictor | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """The N ids."""
        return tuple(self.samples.ids[row] for row in self.rows)

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
            images=hash_json([self.part, self.signature, self.ids]),
            views=tuple(view.name for view in views),
            view_weights=tuple(view_weights),
            details=hash_json([view.describe() for view in views]),
        )

    def predict(self, views: Sequence[AnyView]) -> np.ndarray:
        """The sum of the predictions of `views`, `(N, C)` float32; the model is loaded when first needed."""
        if self._predictor is None:
            trained = load_trained(self.run, self.fold)
            self._predictor = trained.predictor(self.source, self.reporter, self.should_stop)
        return self._predictor.predict(self.rows, views, [1.0] * len(views))

    def forget_model(self) -> None:
        """Let go of the model's memory."""
        self._predictor = None

    def write(self, file: Path, values: np.ndarray, origin: Origin) -> None:
        """Write predictions with what they were made from."""
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
        """Tell of a job that predicts every image once a view."""
        name = f"fold {self.fold}, {self.part}: {len(views)} view{'s' if len(views) > 1 else ''}"
        self.reporter.report(TaskStarted(name, len(self.rows) * len(views)))
        yield
        self.reporter.report(TaskDone(name))


@dataclass(frozen=True, slots=True)
class PartImages:
    """The validation or test images of a run, read once for all folds."""

    run: RunFolder
    config: Config
    part: Part
    samples: SampleTable
    folds: np.ndarray
    """`(M,)` int64: where a sample validates, -1 nowhere; used for the validation images only."""
    reporter: Reporter
    should_stop: StopCheck
    _stores: dict[int, _Store] = field(default_factory=dict)

    def of_fold(self, fold: int) -> FoldImages:
        """The images that `fold` predicts.

        Raises:
            CheckpointError: its weights cannot be used.
            DataError: images cannot be read.
            StopRequested: a signal arrived.
        """
        weights = self.run.fold(fold).best_weights
        card = read_card(weights)
        store = self._open_store(card.geometry.image_size)
        rows = np.arange(len(self.samples)) if self.part == "test" else np.flatnonzero(self.folds == fold)
        readable = [row for row in rows if self.samples.ids[row] not in store.left_out]
        return FoldImages(
            run=self.run,
            fold=fold,
            part=self.part,
            augment=self.config.stages[card.stage].augment or self.config.augment,
            card=card,
            weights=hash_file(weights),
            samples=self.samples,
            rows=np.array(readable, dtype=np.int64),
            source=store.source,
            signature=store.signature,
            reporter=self.reporter,
            should_stop=self.should_stop,
        )

    def _open_store(self, image_size: int) -> _Store:
        if image_size not in self._stores:
            spec = store_spec(self.config, "test" if self.part == "test" else "train", image_size)
            workers = self.config.train.workers
            source = ensure_store(self.samples, spec, self.reporter, self.should_stop, workers)
            bad = left_out(self.samples, spec)
            self._stores[image_size] = _Store(source, store_signature(self.samples, spec), bad)
            self._name_unreadable(bad)
        return self._stores[image_size]

    def _name_unreadable(self, bad: frozenset[str]) -> None:
        is_used = np.ones(len(self.samples), dtype=bool) if self.part == "test" else self.folds >= 0
        if names := [self.samples.ids[row] for row in np.flatnonzero(is_used) if self.samples.ids[row] in bad]:
            text = f"{self.part}: no predictions for the unreadable {listed(names)}"
            self.reporter.report(Message(text, "warning"))


def open_part(run: RunFolder, part: Part, reporter: Reporter, should_stop: StopCheck) -> PartImages:
    """The validation or test images of `run`.

    Raises:
        CheckpointError: this is no run folder, or it has not been trained.
        ConfigError: the config names no test images, or nothing validates.
        DataError: images, labels and ids do not fit together.
    """
    config = run.read_config()
    if part == "test":
        if config.data.test is None:
            raise ConfigError(["data.test: the config names no test images"])
        samples = read_test_samples(config.data)
        folds = np.full(len(samples), -1, dtype=np.int64)
        return PartImages(run, config, part, samples, folds, reporter, should_stop)
    if config.split.train_on_all:
        instead = "predict the test images, with views that you name: --split test --views flip"
        raise ConfigError([f"{run.path}: was trained on all samples, so nothing validates; {instead}"])
    samples = read_train_samples(config.data, config.split)
    folds = read_split(run.split_file, samples.ids).folds
    return PartImages(run, config, part, samples, folds, reporter, should_stop)


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
