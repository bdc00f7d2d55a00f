"""What a stage will do, resolved from the config: every number that the trainer needs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from kgcv.config.schema import AugmentConfig, Config
from kgcv.data.augment import NO_CHANGES, NUM_DRAWS, Changes, draw_changes
from kgcv.data.loader import BatchRequest
from kgcv.data.resize import stored_edge
from kgcv.engine.inputs import split_rows
from kgcv.engine.randomness import epoch_draws, epoch_order, weighted_order
from kgcv.engine.schedule import StageSchedule, cycle_epochs
from kgcv.events import StageOutline
from kgcv.model.checkpoint import Geometry


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One optimizer step: the batches whose gradients it adds up."""

    index: int
    """Number within the epoch, from 0."""
    positions: tuple[np.ndarray, ...]
    """For each batch, `(B,)` positions among the training rows."""
    changes: tuple[Changes, ...]
    """For each batch, what happens to its images."""
    num_images: int
    """Images in all its batches, over all processes."""
    counted: tuple[int, ...]
    """For each batch, how many of its images count; the others only keep batch norms company."""

    def share(self, rank: int, world_size: int) -> StepPlan:
        """What process `rank` of `world_size` does of this step: every image counts in one of them.

        A share of fewer than two images borrows from the batch's first ones, which do not count: over a single image
        batch norm has no variance, and a process without any would leave the others waiting for its gradients.
        """
        if world_size == 1:
            return self
        own = [_own_places(len(batch), rank, world_size) for batch in self.positions]
        used = [np.concatenate([part, np.arange(max(0, 2 - len(part)))]) for part in own]
        return replace(
            self,
            positions=tuple(batch[part] for batch, part in zip(self.positions, used, strict=True)),
            changes=tuple(changes.rows(part) for changes, part in zip(self.changes, used, strict=True)),
            counted=tuple(map(len, own)),
        )


@dataclass(frozen=True, slots=True)
class StagePlan:
    """A stage, resolved."""

    index: int
    num_stages: int
    geometry: Geometry | None
    """None where samples are no images."""
    batch_size: int
    accumulate: int
    frozen_groups: int
    lrs: tuple[float, ...]
    """One a layer group."""
    augment: AugmentConfig
    bn_frozen: bool
    num_epochs: int
    num_train: int
    """Images that train."""
    schedule: StageSchedule
    seed: int
    keep_optimizer: bool
    keep_weights: bool
    precompute: bool
    chances: np.ndarray | None = None
    """`(num_train,)` float64 adding up to 1: how often each training image is drawn; None visits each once."""

    @property
    def image_size(self) -> int | None:
        """Side of the square that the network sees, in pixels; None where samples are no images."""
        return None if self.geometry is None else self.geometry.image_size

    @property
    def unit(self) -> str:
        """What a sample is, for people."""
        return "rows" if self.geometry is None else "images"

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in an epoch."""
        return steps_per_epoch(self.num_train, self.batch_size, self.accumulate)

    @property
    def outline(self) -> StageOutline:
        """What the stage costs beside others."""
        return StageOutline(self.schedule.num_steps, self.step_work)

    @property
    def step_work(self) -> float:
        """Work of a step: samples, times pixels of one, times passes over the network.

        Backward takes twice as many multiplications as forward (one product for the gradient of the inputs, one for
        that of the weights), and happens in the groups that train, taken as equally heavy, the head as nothing. On
        precomputed features only the head runs: 0.
        """
        if self.precompute:
            return 0.0
        frozen = self.frozen_groups / max(1, len(self.lrs) - 1)
        pixels = 1 if self.image_size is None else self.image_size**2
        return self.batch_size * self.accumulate * pixels * (1 + 2 * (1 - frozen))

    def place(self, epoch: int) -> str:
        """Stage and epoch as people count, from 1."""
        return f"stage {self.index + 1}/{self.num_stages}, epoch {epoch + 1}/{self.num_epochs}"

    def steps(self, epoch: int, first: int = 0) -> Iterator[StepPlan]:
        """The steps of an epoch from number `first` on; a function of seed, stage and epoch alone."""
        order = self._order(epoch)
        batches = _without_lone_image(split_rows(order, self.batch_size))
        drawn = None if self.geometry is None else draw_changes(self._draws(epoch, order), self.augment)
        for index in range(first, self.steps_per_epoch):
            chosen = range(len(batches))[index * self.accumulate : (index + 1) * self.accumulate]
            positions = tuple(batches[batch] for batch in chosen)
            changes = tuple(NO_CHANGES if drawn is None else self._part(drawn, batch) for batch in chosen)
            counted = tuple(map(len, positions))
            yield StepPlan(index, positions, changes, sum(counted), counted)

    def _part(self, drawn: Changes, batch: int) -> Changes:
        """The changes of one batch, of those of an epoch."""
        return drawn.rows(slice(batch * self.batch_size, (batch + 1) * self.batch_size))

    def _order(self, epoch: int) -> np.ndarray:
        """The training image of each place in the epoch, `(num_train,)` int64."""
        if self.chances is not None:
            return weighted_order(self.seed, self.index, epoch, self.chances)
        return epoch_order(self.seed, self.index, epoch, self.num_train)

    def _draws(self, epoch: int, order: np.ndarray) -> np.ndarray:
        """The augmentation of each place in the epoch, `(num_train, NUM_DRAWS)`.

        It belongs to the image where each comes once, so that batch sizes do not matter, and to the place where an
        image may come again, so that it comes changed.
        """
        draws = epoch_draws(self.seed, self.index, epoch, self.num_train, NUM_DRAWS)
        return draws if self.chances is not None else draws[order]


def _own_places(num_images: int, rank: int, world_size: int) -> np.ndarray:
    """The places `(n,)` int64 of process `rank` in a batch.

    Those that `mix` pairs, the first with the last and so on, stay together, and are pairs in the share too.
    """
    num_pairs = num_images // 2
    firsts = np.arange(rank, num_pairs, world_size)
    lone = np.arange(2 * num_pairs, num_images) if rank == num_pairs % world_size else firsts[:0]
    return np.concatenate([firsts, 2 * num_pairs - 1 - firsts[::-1], lone])


def batch_requests(steps: Iterable[StepPlan], rows: np.ndarray) -> Iterator[BatchRequest]:
    """What to read for `steps`, batch by batch; `rows` `(n,)` int64 are the source's rows that train."""
    for step in steps:
        for positions, changes in zip(step.positions, step.changes, strict=True):
            yield BatchRequest(rows[positions], changes.offsets)


def plan_stage(
    config: Config,
    index: int,
    num_train: int,
    num_groups: int,
    chances: np.ndarray | None = None,
    fitting: int | None = None,
) -> StagePlan:
    """The plan of stage `index` for `num_train` images and a model of `num_groups` layer groups.

    `chances` are those of `StagePlan`. `fitting` is the batch size where the config says `auto`, a divisor of the
    total; the whole total where it is not known yet.
    """
    stage, train = config.stages[index], config.train
    asked, accumulate = stage.batch_size or train.batch_size, train.accumulate
    if asked == "auto":
        assert train.total_batch_size is not None, "the config's rules ask for it"
        batch_size = fitting or train.total_batch_size
        accumulate = train.total_batch_size // batch_size
    else:
        batch_size = asked
    frozen = num_groups - 1 if stage.frozen else (stage.frozen_groups or 0)
    steps = steps_per_epoch(num_train, batch_size, accumulate)
    epochs = cycle_epochs(stage)
    return StagePlan(
        index=index,
        num_stages=len(config.stages),
        geometry=_geometry(config, stage.image_size) if config.data.kind == "images" else None,
        batch_size=batch_size,
        accumulate=accumulate,
        frozen_groups=frozen,
        lrs=stage.lr * num_groups if len(stage.lr) == 1 else stage.lr,
        augment=stage.augment or config.augment,
        bn_frozen=stage.bn_frozen,
        num_epochs=sum(epochs),
        num_train=num_train,
        schedule=StageSchedule(stage.schedule or train.schedule, tuple(n * steps for n in epochs)),
        seed=train.seed,
        keep_optimizer=stage.keep_optimizer,
        keep_weights=stage.keep_stage_weights,
        precompute=stage.precompute,
        chances=chances,
    )


def _geometry(config: Config, image_size: int) -> Geometry:
    return Geometry(image_size, stored_edge(image_size, config.resize.ratio), config.model.channels)


def steps_per_epoch(num_train: int, batch_size: int, accumulate: int) -> int:
    """Optimizer steps that `num_train` images make; a lone last image makes none."""
    num_batches = math.ceil(num_train / batch_size)
    if num_batches > 1 and num_train % batch_size == 1:
        num_batches -= 1
    return math.ceil(num_batches / accumulate)


def _without_lone_image(batches: list[np.ndarray]) -> list[np.ndarray]:
    """Leave out a last batch of one image, over which batch norm has no variance; another epoch will have it.

    Where every batch has one image, all stay.
    """
    return batches[:-1] if len(batches[-1]) == 1 < len(batches[0]) else batches
