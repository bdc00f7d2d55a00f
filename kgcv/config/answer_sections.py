"""The sections `tta`, `decision` and `submission`: from a trained model to answers."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import MinLen

from kgcv.config.bounds import STRICT, Probability, WrongKeysError

_VIEWS = re.compile("auto|identity|flip|dihedral|crops|random:[1-9][0-9]*|plain(,[^,]+)+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class TtaConfig:
    """Test-time augmentation."""

    __pydantic_config__ = STRICT

    views: str = "identity"
    """`identity`, `flip`, `dihedral`, `crops`, `random:N`; views by name, `plain,mirrored,top left`; `auto`: those
    that help on the validation images."""
    plain_weight: Probability | None = None
    """Weight of the plain view; the others share the rest. Not given: all alike."""

    def __post_init__(self) -> None:
        if _VIEWS.fullmatch(self.views) is None:
            known = "auto, identity, flip, dihedral, crops, random:N with N from 1 or a list such as plain,mirrored"
            text = f"must be {known}, got {self.views!r}"
            raise WrongKeysError([("views", text)])


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionConfig:
    """How probabilities become answers (`task: multi`)."""

    __pydantic_config__ = STRICT

    thresholds: Literal["fixed", "global", "per_class", "prevalence"] = "fixed"
    """Fitted on out-of-fold predictions: `global`: one for all tags; `per_class`: one each; `prevalence`: as many
    of each tag as `prevalence` says. `fixed`: the value of `threshold`."""
    threshold: Probability | None = None
    """Tags above it are given, also while training. Not given: 0.2 for F2 (the course's), else 0.5."""
    metric: str | None = None
    """F-beta that `global` and `per_class` are fitted to (`f2`, `f1_macro`); `train.metric` if not given."""
    prevalence: dict[str, Probability] = field(default_factory=dict)
    """`prevalence`: share of the samples with each tag; tags not named have that of the training labels."""
    exclusive: tuple[tuple[str, ...], ...] = ()
    """Groups of tags of which exactly one is given, the most probable: `[[clear, haze, cloudy]]`. A plain list
    `[clear, haze, cloudy]` is one group."""
    never_empty: bool = False
    """Where no tag is given, give the most probable one."""

    def __post_init__(self) -> None:
        problems = []
        for group in self.exclusive:
            if len(group) < 2:
                problems.append(f"a group needs two tags, got {list(group)}")
        counts = Counter(tag for group in self.exclusive for tag in group)
        problems += [f"{tag!r} is named twice; a tag is in one group" for tag, count in counts.items() if count > 1]
        if problems:
            raise WrongKeysError(("exclusive", text) for text in problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionConfig:
    """The form of the submission file."""

    __pydantic_config__ = STRICT

    format: Literal[
        "auto", "probabilities", "probability", "label", "index", "tags", "indices", "decisions", "numbers"
    ] = "auto"
    """`auto`: told by the sample file, and asked for where that cannot tell. Columns by class name: `probabilities`;
    of tags given, 1 and 0: `decisions`. One column: the `probability` of one class; the `label` (a class name), its
    `index` (from 0, in the sorted names); `tags` or their `indices`, separated. `numbers`: regression."""
    positive_class: str | None = None
    """`probability`: the class whose probability is written."""
    separator: Annotated[str, MinLen(1)] | None = None
    """`tags`, `indices`: what stands between them; `data.train.label_separator` if not given."""
