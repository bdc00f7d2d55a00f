"""Training one stage: steps, validation, the best weights, and a state that can be saved between any two steps.

Across stages the rule is: raw weights and their moving average both go on from where the stage before left them; the
optimizer is new unless `keep_optimizer`; the best weights are those with the best validation score of the whole run,
whatever stage they come from, the earlier of equals.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

import numpy as np
import torch
from timm.utils import ModelEmaV3
from torch import Tensor
from torch.optim import Optimizer

from kgcv.config.schema import TrainConfig
from kgcv.engine.best_weights import BestWeights
from kgcv.engine.device_memory import explained_memory
from kgcv.engine.fold_folder import FoldFolder
from kgcv.engine.inference import Predictor
from kgcv.engine.inputs import Inputs
from kgcv.engine.optim import (
    build_optimizer,
    clip_gradients,
    load_optimizer_state,
    optimizer_state,
    set_rates,
)
from kgcv.engine.plan import StagePlan, StepPlan, batch_requests
from kgcv.engine.progress import Progress
from kgcv.engine.randomness import preserved_generators, seed_step
from kgcv.engine.runtime import Runtime
from kgcv.engine.samples import Samples
from kgcv.engine.save_pace import SavePace
from kgcv.engine.step import Stepper
from kgcv.engine.step_log import StepLog
from kgcv.errors import CheckpointError, StopRequested, listed
from kgcv.events import EpochDone, Reporter, StageDone, StageStarted, StopCheck
from kgcv.model.checkpoint import WeightsCard
from kgcv.model.heads import Objective
from kgcv.model.network import Network
from kgcv.scoring.metrics import Scorer


class Pace(NamedTuple):
    """What this process has trained of an epoch; less than the epoch after a resume."""

    seconds: float
    num_images: int


@dataclass(slots=True)
class Trainer:
    """Trains a model stage by stage in one fold's folder."""

    model: Network
    objective: Objective
    config: TrainConfig
    samples: Samples
    metrics: tuple[Scorer, ...]
    """Computed after each epoch; the first, the competition's, decides which weights are best."""
    runtime: Runtime
    folder: FoldFolder
    reporter: Reporter
    should_stop: StopCheck
    progress: Progress = field(default_factory=Progress)
    ema: ModelEmaV3 | None = None
    optimizer: Optimizer | None = None
    saving: SavePace = field(default_factory=SavePace)
    saved_optimizer: dict[str, Any] | None = None
    """Optimizer state read from a checkpoint, or left by the stage before."""
    steps: StepLog = field(init=False)
    best: BestWeights = field(init=False)

    def __post_init__(self) -> None:
        self.steps = StepLog(self.reporter, self.runtime.processes)
        self.best = BestWeights(self.folder)
        self.runtime.place_model(self.model)
        if self.config.ema_decay > 0 and self.ema is None:
            # Warm-up lets the average follow closely at first: 1 - (1 + step)^(-2/3), up to ema_decay.
            self.ema = ModelEmaV3(self.model, decay=self.config.ema_decay, use_warmup=True)

    @property
    def model_in_use(self) -> Network:
        """The weights that are validated and kept: the moving average where there is one."""
        return self.ema.module if self.ema is not None else self.model

    def fit(self, plan: StagePlan, train_inputs: Inputs, valid_inputs: Inputs) -> None:
        """Train one stage, from where `progress` stands to the stage's end.

        Args:
            plan: the stage.
            train_inputs: rows are those of `samples.targets`.
            valid_inputs: likewise.

        Raises:
            StopRequested: a signal arrived; the state has been saved.
            TrainingDivergedError: the loss became NaN or infinite; no step with such a loss is in what was saved.
            OutOfMemoryError: the stage does not fit into the device's memory.
        """
        self._begin(plan)
        stepper = Stepper(self.model, self.objective, plan, train_inputs, self.runtime, compiled=self.config.compile)
        predictor = Predictor(
            self.model_in_use,
            self.objective,
            valid_inputs,
            plan.batch_size,
            self.runtime,
            should_stop=self.should_stop,
        )
        doing = f"in stage {plan.index + 1}/{plan.num_stages}"
        if plan.image_size is not None:
            doing += f" at {plan.image_size} px"
        with preserved_generators(), explained_memory(doing, self.runtime.device, plan.batch_size), self.best.at_last():
            while self.progress.epoch < plan.num_epochs and not self._is_stale():
                started, seen_before = time.perf_counter(), self.progress.num_images
                self._run_epoch(plan, stepper)
                pace = Pace(time.perf_counter() - started, self.progress.num_images - seen_before)
                self._end_epoch(plan, predictor, pace)
        self._end_stage(plan)

    def _begin(self, plan: StagePlan) -> None:
        self.model.freeze(plan.frozen_groups)
        self.optimizer = build_optimizer(self.model, self.config)
        goes_on = plan.keep_optimizer or self.progress.stage_steps > 0
        if goes_on and self.saved_optimizer is not None:
            load_optimizer_state(self.optimizer, self.saved_optimizer)
        self.reporter.report(
            StageStarted(
                stage=plan.index,
                image_size=plan.image_size,
                batch_size=plan.batch_size,
                num_epochs=plan.num_epochs,
                steps_per_epoch=plan.steps_per_epoch,
                frozen_groups=plan.frozen_groups,
                num_groups=self.model.num_groups,
                num_stages=plan.num_stages,
                unit=plan.unit,
            )
        )

    def _run_epoch(self, plan: StagePlan, stepper: Stepper) -> None:
        """The steps of the current epoch that are still to do."""
        self.model.set_training(plan.frozen_groups, plan.bn_frozen)
        launch = self.runtime.processes.launch
        planned = plan.steps(self.progress.epoch, self.progress.step)
        steps = [step.share(launch.rank, launch.world_size) for step in planned]
        batches = stepper.inputs.read(batch_requests(steps, self.samples.train_rows))
        for step in steps:
            self._take_step(plan, stepper, step, [next(batches) for _ in step.positions])
            self._save_if_due(plan)
        self.steps.read(plan, self.progress)
        for module in (self.model, self.model_in_use):
            self.runtime.processes.share_buffers(module)

    def _targets(self, positions: np.ndarray) -> Tensor:
        return torch.from_numpy(self.samples.taught(positions)).to(self.runtime.device)

    def _take_step(self, plan: StagePlan, stepper: Stepper, step: StepPlan, batches: list[Tensor]) -> None:
        assert self.optimizer is not None, "fit() builds the optimizer"
        progress = self.progress
        factor = plan.schedule.lr_factor(progress.stage_steps)
        set_rates(self.optimizer, plan.lrs, factor, plan.schedule.momentum(progress.stage_steps))
        seed_step(plan.seed, plan.index, progress.epoch, step.index, self.runtime.processes.launch.rank)
        losses = stepper.backward(step, batches, [self._targets(positions) for positions in step.positions])
        clip_gradients(self.model, self.config.clip_norm)
        self.optimizer.step()
        progress.add_step(step.num_images)
        if self.ema is not None:
            self.ema.update(self.model, step=progress.total_steps)
        self.steps.add(losses, step.num_images, plan.lrs[-1] * factor, plan, progress)

    def _save_if_due(self, plan: StagePlan) -> None:
        """Save where a signal asks for an end, and every so many minutes.

        Raises:
            StopRequested: a signal did; the state has been saved.
        """
        signal, is_due = self._agree(self.saving.is_due(self.config.checkpoint_minutes))
        if signal is not None:
            self._save_and_stop(signal, plan)
        if is_due:
            self.steps.read(plan, self.progress)
            self.save()

    def _agree(self, is_due: bool) -> tuple[int | None, bool]:
        """The signal that any process got, and whether any thinks that it is time to save."""
        signal, due = self.runtime.processes.largest([self.should_stop() or 0, is_due])
        return signal or None, bool(due)

    def _save_and_stop(self, signal: int, plan: StagePlan) -> NoReturn:
        self.steps.read(plan, self.progress)  # what has diverged must not be saved
        self.save()
        place = f"{plan.place(self.progress.epoch)}, after step {self.progress.step}"
        raise StopRequested(
            signal, f"stopped and saved in {place}; go on with: kgcv train --resume {self.folder.path.parent}"
        )

    def _end_epoch(self, plan: StagePlan, predictor: Predictor, pace: Pace) -> None:
        """Validate, note the scores, keep the weights if they are the best, save the state."""
        valid_loss, scores = self._validate(plan, predictor)
        progress = self.progress
        # Without validation samples the last weights are the best there are.
        is_best = not scores or self._note_score(scores[self.metrics[0].name])
        event = EpochDone(
            stage=plan.index,
            epoch=progress.epoch,
            num_epochs=plan.num_epochs,
            train_loss=progress.loss_sum / progress.num_images,
            valid_loss=valid_loss,
            scores=scores,
            lr=plan.lrs[-1] * plan.schedule.lr_factor(progress.stage_steps - 1),
            seconds=pace.seconds,
            samples_per_second=pace.num_images / pace.seconds,
            is_best=is_best,
            unit=plan.unit,
        )
        progress.record(event, plan.image_size)
        if is_best:
            card = self._card(plan, event.epoch, scores.get(self.metrics[0].name))
            self.best.keep(self.model_in_use, card, scores)
        progress.end_epoch()
        if self.saving.is_cheap():
            self.save()
        self.reporter.report(event)
        self._save_if_due(plan)

    def _validate(self, plan: StagePlan, predictor: Predictor) -> tuple[float | None, dict[str, float]]:
        """The loss and every score on the whole validation set; nothing where there is none."""
        samples = self.samples
        if not len(samples.valid_rows):
            return None, {}
        try:
            values = predictor.predict(samples.valid_rows)
        except StopRequested as stop:
            self._save_and_stop(stop.exit_code - 128, plan)
        targets, ids = samples.valid_targets, samples.valid_ids
        scores = {metric.name: metric.score(targets, values, ids) for metric in self.metrics}
        return self.objective.mean_loss(values, targets), scores

    def _note_score(self, score: float) -> bool:
        """Whether `score` is the best of the run; counts epochs without a better one in this stage."""
        progress = self.progress
        is_better = self.metrics[0].is_better
        is_best = is_better(score, progress.best_score)
        if is_best:
            progress.best_score = score
        if is_better(score, progress.stage_best):
            progress.stage_best, progress.epochs_without_gain = score, 0
        else:
            progress.epochs_without_gain += 1
        return is_best

    def _is_stale(self) -> bool:
        """Whether early stopping ends this stage."""
        return 0 < self.config.early_stopping <= self.progress.epochs_without_gain

    def _card(self, plan: StagePlan, epoch: int, score: float | None) -> WeightsCard:
        return WeightsCard(
            task=self.objective.task,
            class_names=self.samples.class_names,
            geometry=plan.geometry,
            stage=plan.index,
            epoch=epoch,
            metric=self.metrics[0].name,
            score=score,
        )

    def _end_stage(self, plan: StagePlan) -> None:
        if plan.keep_weights:
            last = self.progress.history[-1]
            card = self._card(plan, last["epoch"], last["scores"].get(self.metrics[0].name))
            self.folder.write_stage(self.model_in_use, card)
        self.progress.end_stage()
        self.save()
        self.saved_optimizer = optimizer_state(self.optimizer) if self.optimizer is not None else None
        self.reporter.report(StageDone(plan.index, self.folder.path))

    def save(self) -> None:
        """Write the best weights, the state from which `restore` goes on, and the metrics so far."""
        state = {
            "progress": self.progress.as_dict(),
            "model": self.model.state_dict(),
            "ema": self.ema.module.state_dict() if self.ema is not None else None,
            "optimizer": optimizer_state(self.optimizer) if self.optimizer is not None else None,
            "class_names": list(self.samples.class_names),
        }
        with self.saving.measured():
            self.best.write()
            self.folder.write_state(state, self.progress.history)

    def restore(self, state: dict[str, Any]) -> None:
        """Take up the state that `save` wrote; the run goes on as if it had never stopped.

        Raises:
            CheckpointError: the data have other classes now.
        """
        if (names := state["class_names"]) != list(self.samples.class_names):
            raise CheckpointError(
                f"{self.folder.last_state}: was trained on the classes {listed(names)}, "
                f"but the data now have {listed(self.samples.class_names)}"
            )
        try:
            self._take_up(state)
        except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise CheckpointError(f"{self.folder.last_state}: is no state of this training: {error}") from error

    def _take_up(self, state: dict[str, Any]) -> None:
        self.progress = Progress(**state["progress"])
        self.model.load_state_dict(state["model"])
        if self.ema is not None:
            self.ema.module.load_state_dict(state["ema"])
        self.saved_optimizer = state["optimizer"]
