"""`batch_size: auto`: the largest batches that fit into the device's memory."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import torch

from kgcv.config.schema import TrainConfig
from kgcv.engine.device_memory import is_out_of_memory
from kgcv.engine.inputs import Inputs
from kgcv.engine.optim import build_optimizer
from kgcv.engine.plan import StagePlan, batch_requests
from kgcv.engine.processes import ALONE
from kgcv.engine.randomness import preserved_generators
from kgcv.engine.runtime import Runtime
from kgcv.engine.samples import Samples
from kgcv.engine.step import Stepper
from kgcv.model.heads import Objective
from kgcv.model.network import Network


def largest_fitting(total: int, fits: Callable[[int], bool]) -> int:
    """The largest divisor of `total` that `fits`, so that equal batches add up to it; 1 where not even that does.

    Larger batches are taken to fit worse, and few are tried: each try is a step of training.
    """
    sizes = [size for size in range(1, total + 1) if total % size == 0]
    if fits(total):
        return total
    fitting, too_large = 0, len(sizes) - 1
    while too_large - fitting > 1:
        middle = (fitting + too_large) // 2
        if fits(sizes[middle]):
            fitting = middle
        else:
            too_large = middle
    return sizes[fitting]


class MemoryProbe:
    """Tries steps of a stage on a copy of the model, which leaves no trace."""

    def __init__(self, model: Network, objective: Objective, config: TrainConfig, runtime: Runtime) -> None:
        self.model = model
        self.objective = objective
        self.config = config
        self.world_size = runtime.processes.launch.world_size
        self.runtime = replace(runtime, processes=ALONE)  # each for itself: who has no memory can wait for nobody

    def find(self, plan: StagePlan, inputs: Inputs, samples: Samples) -> int:
        """The batch size for `plan`, whose own is the total that is asked for.

        On a CPU that is the total: memory there is not the device's own, and what is too much only shows as swapping.
        Several processes share a batch, and agree on one that fits everywhere.
        """
        total = plan.batch_size
        if self.runtime.device.type == "cpu":
            return total
        return largest_fitting(total, lambda size: self.fits(replace(plan, batch_size=size), inputs, samples))

    def fits(self, plan: StagePlan, inputs: Inputs, samples: Samples) -> bool:
        """Whether a step with the plan's batch size can be computed, with optimizer and all."""
        try:
            self._step(plan, inputs, samples)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return False
        finally:
            if self.runtime.device.type == "cuda":
                torch.cuda.empty_cache()
        return True

    def _step(self, plan: StagePlan, inputs: Inputs, samples: Samples) -> None:
        model = copy.deepcopy(self.model)
        model.freeze(plan.frozen_groups)
        model.set_training(plan.frozen_groups, plan.bn_frozen)
        optimizer = build_optimizer(model, self.config)
        stepper = Stepper(model, self.objective, plan, inputs, self.runtime)
        step = next(plan.steps(epoch=0)).share(0, self.world_size)
        batches = list(inputs.read(batch_requests([step], samples.train_rows)))
        targets = [torch.from_numpy(samples.taught(part)).to(self.runtime.device) for part in step.positions]
        with preserved_generators():
            stepper.backward(step, batches, targets)
        optimizer.step()
