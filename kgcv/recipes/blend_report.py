"""What there is to tell of a blend, on the screen and in `blend.json`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kgcv.errors import listed
from kgcv.recipes.blend_members import Member, Part
from kgcv.recipes.blend_scores import BlendRequest, Inputs, Judgement
from kgcv.scoring.blending import Blender, BlendRule, Stack, correlations
from kgcv.scoring.metrics import Metric, Scorer

BLEND_FILE = "blend.json"
"""In a run folder: members, weights and scores of the blend that it is."""


@dataclass(frozen=True, slots=True)
class MemberReport:
    """One member's part in a blend."""

    path: Path
    sha256: dict[str, str]
    """Of the files that were read, by name."""
    weight: float
    """Its share; for ridge the mean of its coefficients over the classes."""
    score: float | None
    """Alone. None without labels, as for the next."""
    score_without: float | None
    """Of the blend of all others, made and scored as the blend itself is."""


@dataclass(frozen=True, slots=True)
class BlendResult:
    """A blend, and what its members are worth."""

    path: Path
    rule: BlendRule
    metric: str | None
    """None where nothing could be scored."""
    score: float | None
    """Of the blend, the one to believe: where weights are fitted, no sample had a say in its own (cross-fitted)."""
    in_sample: float | None
    """Where weights are fitted: on the samples they were fitted to, optimistic."""
    members: tuple[MemberReport, ...]
    correlated: Part
    """The part that the correlations are of."""
    correlation: tuple[tuple[float | None, ...], ...]
    """Pearson's, of each two members over all values; None for a constant member."""
    ridge: dict[str, dict[str, Any]]
    """For ridge: coefficients, intercept and penalty of each class."""
    notes: tuple[str, ...]
    """What is missing, and why."""
    decided: float | None = None
    """Cross-fitted score of the blend's decision rule (`kgcv decide`), where the task has one and it was scored."""


def describe_blend(
    path: Path, request: BlendRequest, inputs: Inputs, blender: Blender, judged: Judgement | None
) -> BlendResult:
    """What a blend at `path` is, from what was asked, what it was made of, and what the labels say of it."""
    part, joint = next(iter(inputs.joints.items()))
    nothing: tuple[None, ...] = (None,) * len(inputs.members)
    rows = zip(
        inputs.members,
        blender.weights.tolist(),
        judged.alone if judged else nothing,
        judged.without if judged else nothing,
        strict=True,
    )
    return BlendResult(
        path=path,
        rule=request.rule,
        metric=judged.scorer.name if judged else None,
        score=_known(judged.score if judged else None),
        in_sample=_known(judged.in_sample if judged else None),
        members=tuple(
            MemberReport(member.path, _hashes(member), weight, _known(alone), _known(without))
            for member, weight, alone, without in rows
        ),
        correlated=part,
        correlation=tuple(tuple(_known(value) for value in row) for row in correlations(joint.values).tolist()),
        ridge=_ridge(blender, joint.class_names),
        notes=tuple(_notes(request, inputs, judged)),
    )


def _known(number: float | None) -> float | None:
    """None also for NaN, which JSON has not."""
    return None if number is None or math.isnan(number) else number


def _hashes(member: Member) -> dict[str, str]:
    return {member.files[part].name: digest for part, digest in member.hashes.items()}


def _ridge(blender: Blender, class_names: Sequence[str]) -> dict[str, dict[str, Any]]:
    if not isinstance(blender, Stack):
        return {}
    rows = zip(class_names, blender.coefficients, blender.intercepts, blender.alphas, strict=True)
    return {
        name: {"coefficients": coefficients.tolist(), "intercept": float(intercept), "alpha": float(alpha)}
        for name, coefficients, intercept, alpha in rows
    }


def _notes(request: BlendRequest, inputs: Inputs, judged: Judgement | None) -> Iterator[str]:
    if judged is not None and _depends_on_threshold(judged.scorer, inputs):
        yield (
            f"{judged.scorer.name} is of tags above one fixed threshold, and a mean draws probabilities together: "
            "compare blends by their decision rules, or by a metric of probabilities (--metric roc_auc)"
        )
    if request.rule.method == "rank":
        yield "mean ranks are no probabilities: only metrics and thresholds that go by order make sense of them"
    if not request.members[0].is_dir():
        return
    if inputs.evidence is None and "oof" in inputs.joints:
        yield "not scored: no member has labels.npz; name one with --labels"
    for part, purpose in (("oof", "scored"), ("test", "submitted")):
        if part not in inputs.joints:
            lacking = listed(str(member.path) for member in inputs.members if part not in member.files)
            yield f"cannot be {purpose}: no {part}.npz in {lacking}"
    if inputs.config is None:
        yield "no member has a config.yaml, without which kgcv decide and kgcv submit cannot work on the blend"


def _depends_on_threshold(scorer: Scorer, inputs: Inputs) -> bool:
    return inputs.task == "multi" and isinstance(scorer, Metric) and scorer.needs == "decisions"


def as_record(result: BlendResult) -> dict[str, Any]:
    """`result` as JSON has it: what `blend.json` holds."""
    record = asdict(result)
    members = [{**asdict(member), "path": str(member.path.resolve())} for member in result.members]
    return {**record, "path": str(result.path), "rule": asdict(result.rule), "members": members}
