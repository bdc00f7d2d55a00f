"""What a blend is worth: its score, that of each member alone, and that of the blend without each.

Letters: M members, N samples, C classes or numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kgcv.config.schema import Config, Task
from kgcv.errors import DataError, listed
from kgcv.recipes.blend_members import (
    Joint,
    Member,
    Part,
    find_targets,
    first_with,
    join,
    read_first_config,
    read_members,
    require_scale,
)
from kgcv.recipes.metric import load_metric
from kgcv.recipes.oof import read_parts
from kgcv.scoring.blending import FITTED, Blender, BlendRule, Evidence, cross_fit, equal_shares, fit_blender
from kgcv.scoring.metrics import Scorer, find_metric


@dataclass(frozen=True, slots=True)
class BlendRequest:
    """What to blend, and how."""

    members: tuple[Path, ...]
    """Run folders, or `.npz` files; one that stands here twice counts twice."""
    rule: BlendRule
    labels: Path | None = None
    """True labels in the form of predictions, instead of the members' own."""
    metric: str | None = None
    """Instead of that of the first member's config."""
    output: Path | None = None
    """A new folder, or for files a new `.npz` file."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the members and their labels give."""

    members: tuple[Member, ...]
    joints: dict[Part, Joint]
    """The parts that every member has."""
    config: Config | None
    evidence: Evidence | None
    """None without labels."""

    @property
    def task(self) -> Task:
        """Of all members."""
        return next(iter(self.joints.values())).task


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the labels say of a blend."""

    blender: Blender
    scorer: Scorer
    values: np.ndarray
    """(N, C) float32: what stands in `oof.npz`."""
    score: float
    in_sample: float | None
    alone: tuple[float, ...]
    without: tuple[float, ...]


def read_inputs(request: BlendRequest) -> Inputs:
    """Read the members, lay them side by side and find the labels.

    Raises:
        ConfigError: files among folders, or a method that does not fit the task.
        DataError: members that do not fit together, or that lack what the method needs.
    """
    members = read_members(request.members, "oof" if request.labels else "test")
    require_scale(members, request.rule)
    oof = join(members, "oof")
    test = join(members, "test", None if oof is None else oof.class_names)
    parts: tuple[tuple[Part, Joint | None], ...] = (("oof", oof), ("test", test))
    joints = {part: joint for part, joint in parts if joint is not None}
    if not joints:
        raise DataError(f"{members[0].path}: holds no part of the predictions that every other member has, too")
    targets = None if oof is None else find_targets(members, request.labels, oof)
    if oof is None or targets is None:
        _refuse_fitting(request.rule, members)
        return Inputs(members, joints, read_first_config(members), None)
    evidence = Evidence(oof.values, targets, oof.ids, oof.task)
    return Inputs(members, joints, read_first_config(members), evidence)


def _refuse_fitting(rule: BlendRule, members: Sequence[Member]) -> None:
    if rule.method not in FITTED:
        return
    if lacking := [str(member.path) for member in members if "oof" not in member.files]:
        raise DataError(
            f"--method {rule.method} fits weights to out-of-fold predictions, and {listed(lacking)} has none"
        )
    raise DataError(
        f"--method {rule.method} fits weights to true labels; no member has labels.npz: name it with --labels"
    )


def judge(inputs: Inputs, request: BlendRequest) -> Judgement | None:
    """Score the blend, each member, and the blend without each; None without labels.

    Raises:
        ConfigError: the metric does not fit the task.
        DataError: the split lacks an id, or the metric has no value to climb by.
    """
    evidence = inputs.evidence
    if evidence is None:
        return None
    rule, num_members = request.rule, len(evidence.members)
    scorer = _choose_metric(request.metric, inputs)
    parts = read_parts(first_with(inputs.members, lambda run: run.split_file), evidence.ids)

    def honest(some: Evidence) -> np.ndarray:
        if rule.method in FITTED:
            return cross_fit(rule, some, scorer, parts)
        return equal_shares(rule, len(some.members), some.task).blend(some.members)

    values = honest(evidence)
    blender = fit_blender(rule, evidence, scorer)
    others = [evidence.without(member) for member in range(num_members)]
    return Judgement(
        blender,
        scorer,
        values,
        score=evidence.score(scorer, values),
        in_sample=evidence.score(scorer, blender.blend(evidence.members)) if rule.method in FITTED else None,
        alone=tuple(evidence.score(scorer, member) for member in evidence.members),
        without=tuple(some.score(scorer, honest(some)) for some in others),
    )


def _choose_metric(name: str | None, inputs: Inputs) -> Scorer:
    """The metric asked for, else that of the first config, else that of the task."""
    class_names = inputs.joints["oof"].class_names
    config = inputs.config
    if name is None and config is not None:
        return load_metric(config, inputs.task, class_names)
    threshold = None if config is None else config.decision.threshold
    return find_metric(name or "auto", inputs.task, threshold, class_names)
