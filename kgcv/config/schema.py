"""Every key of a config file: its type, its default, its range and what it means.

Plain frozen dataclasses without pydantic, so that the engine and the tests build them directly. `load.py`
turns YAML into them. Relative paths count from the working directory, those inside `data:` from `data.root`.
What concerns one section alone is checked in that section; what spans sections, or depends on which keys were
written, in `scopes.py` and `rules.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from annotated_types import MinLen

from kgcv.config.answer_sections import DecisionConfig, SubmissionConfig, TtaConfig
from kgcv.config.bounds import STRICT, Schedule, Task
from kgcv.config.data_sections import (
    DataConfig,
    ResizeConfig,
    SplitConfig,
    TestSourceConfig,
    TrainSourceConfig,
)
from kgcv.config.feature_steps import FeatureStep
from kgcv.config.table_sections import ColumnsConfig, KnownAnswerConfig, RowsConfig, TargetConfig
from kgcv.config.training_sections import AugmentConfig, ModelConfig, StageConfig, TrainConfig

__all__ = [
    "AugmentConfig",
    "ColumnsConfig",
    "Config",
    "DataConfig",
    "DecisionConfig",
    "FeatureStep",
    "KnownAnswerConfig",
    "ModelConfig",
    "ResizeConfig",
    "RowsConfig",
    "Schedule",
    "SplitConfig",
    "StageConfig",
    "SubmissionConfig",
    "TargetConfig",
    "Task",
    "TestSourceConfig",
    "TrainConfig",
    "TrainSourceConfig",
    "TtaConfig",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One competition, one model, one recipe."""

    __pydantic_config__ = STRICT

    competition: str | None = None
    """The competition's name in its address."""
    data: DataConfig
    """The competition's files."""
    model: ModelConfig
    """Backbone and head."""
    stages: Annotated[tuple[StageConfig, ...], MinLen(1)]
    """The stages of training, in their order."""
    features: tuple[FeatureStep, ...] = ()
    """`data.kind: table`: the steps that make columns, in their order."""
    columns: ColumnsConfig = field(default_factory=ColumnsConfig)
    """`data.kind: table`: which columns the network sees."""
    target: TargetConfig = field(default_factory=TargetConfig)
    """`data.kind: table`: in what form the target is learned."""
    rows: RowsConfig = field(default_factory=RowsConfig)
    """`data.kind: table`: which rows are learned from, and which are answered by a rule."""
    split: SplitConfig = field(default_factory=SplitConfig)
    """Which samples validate."""
    resize: ResizeConfig = field(default_factory=ResizeConfig)
    """The stores of smaller copies that training reads."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    """Random changes to training images; a stage may have its own."""
    train: TrainConfig = field(default_factory=TrainConfig)
    """What holds for every stage."""
    tta: TtaConfig = field(default_factory=TtaConfig)
    """Test-time augmentation."""
    decision: DecisionConfig = field(default_factory=DecisionConfig)
    """How probabilities become answers (`task: multi`)."""
    submission: SubmissionConfig = field(default_factory=SubmissionConfig)
    """The form of the submission file."""
