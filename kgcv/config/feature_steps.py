"""Every step of `features`, and how a config tells which one it means.

A step works on one table, `rows` unless it says otherwise. It adds columns or changes some; it never changes the
order or the number of `rows`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from kgcv.config.calendar_steps import (
    DatePartsStep,
    ElapsedStep,
    IsoWeekDateStep,
    MonthDayDateStep,
    ReadDateStep,
    RollingStep,
    WeekStartStep,
)
from kgcv.config.number_steps import ClipStep, DifferenceStep, DivideStep, FillStep, FlagStep, LogStep
from kgcv.config.table_steps import DropStep, ExtractStep, JoinStep, KeepStep, MapStep

AnyStep = (
    JoinStep
    | KeepStep
    | ReadDateStep
    | DatePartsStep
    | WeekStartStep
    | IsoWeekDateStep
    | MonthDayDateStep
    | DifferenceStep
    | DivideStep
    | ClipStep
    | FillStep
    | LogStep
    | FlagStep
    | MapStep
    | ExtractStep
    | ElapsedStep
    | RollingStep
    | DropStep
)


@dataclass(frozen=True, slots=True)
class ByKey:
    """Marks a union of sections of which one key tells which it is; pydantic is loaded only when it asks."""

    key: str

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic import Field

        return handler(Annotated[source, Field(discriminator=self.key)])


FeatureStep = Annotated[AnyStep, ByKey("step")]
"""Any step; `step` names it."""
