"""The sections `tta`, `decision` and `submission`: from a trained model to answers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from kgcv.config.bounds import STRICT, Probability, WrongKeysError


@dataclass(frozen=True, slots=True, kw_only=True)
class TtaConfig:
    """Test-time augmentation."""

    __pydantic_config__ = STRICT

    views: str = "identity"
    """`identity`, `flip`, `dihedral`, `crops`, `random:N`; `auto`: those that help on the validation images."""
    plain_weight: Probability | None = None
    """Weight of the plain view; the others share the rest. Not given: all alike."""

    def __post_init__(self) -> None:
        if re.fullmatch("auto|identity|flip|dihedral|crops|random:[1-9][0-9]*", self.views, re.ASCII) is None:
            text = f"must be auto, identity, flip, dihedral, crops or random:N with N from 1, got {self.views!r}"
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
    """Groups of tags of which exactly one is given, the most probable: `[[clear, haze, cloudy]]`."""
    never_empty: bool = False
    """Where no tag is given, give the most probable one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionConfig:
    """The form of the submission file."""

    __pydantic_config__ = STRICT

    format: Literal["auto", "probabilities", "probability", "label", "index", "tags", "numbers"] = "auto"
    """`auto`: told by the sample file, and asked for where that cannot tell."""
    positive_class: str | None = None
    """`probability`: the class whose probability is written."""
    separator: str | None = None
    """`tags`: what stands between them; `data.train.label_separator` if not given."""
