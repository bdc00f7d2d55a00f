"""The validation or test images of a run, from stores at the sizes that its weights were validated at."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from kgcv.config.schema import Config
from kgcv.data.images import ImageSource
from kgcv.data.originals import Originals, look_at_originals
from kgcv.data.resize import ensure_store, store_spec
from kgcv.data.samples import read_test_samples, read_train_samples
from kgcv.data.watch import Watch
from kgcv.engine.inputs import Inputs
from kgcv.model.checkpoint import Geometry
from kgcv.recipes.trained_model import TrainedModel
from kgcv.recipes.tta_samples import Opened, Part


@dataclass(frozen=True, slots=True)
class Images:
    """The images of a part."""

    config: Config
    part: Part
    originals: Originals
    watch: Watch
    _opened: dict[int, Opened] = field(default_factory=dict)
    """By image size."""

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all images."""
        return self.originals.samples.ids

    def open(self, geometry: Geometry | None) -> Opened:
        """The store for weights of this geometry, built where it is missing.

        Raises:
            DataError: images cannot be read.
            StopRequested: a signal arrived; finished parts of the store are kept.
        """
        assert geometry is not None, "images have a geometry"
        if geometry.image_size not in self._opened:
            self._opened[geometry.image_size] = self._open(geometry.image_size)
        return self._opened[geometry.image_size]

    def _open(self, image_size: int) -> Opened:
        spec = store_spec(self.config, "test" if self.part == "test" else "train", image_size)
        store = ensure_store(self.originals, spec, self.watch)
        return Opened(partial(_inputs, store.images), store.signature, store.left_out)


def _inputs(source: ImageSource, trained: TrainedModel) -> Inputs:
    return trained.image_inputs(source)


def open_images(config: Config, part: Part, watch: Watch) -> Images:
    """The images of a part.

    Raises:
        DataError: images, labels and ids do not fit together, or an image is missing.
    """
    samples = read_test_samples(config.data) if part == "test" else read_train_samples(config.data, config.split)
    originals = look_at_originals(samples, Path(config.data.root))
    return Images(config, part, originals, watch)
