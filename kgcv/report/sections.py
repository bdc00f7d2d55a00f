"""The sections of a report, in their order; each is made from what was read of the run folder, or left out."""

from __future__ import annotations

from collections.abc import Callable

from kgcv.recipes.report_data import ReportData
from kgcv.report.page import Section

SectionBuilder = Callable[[ReportData], Section | None]
"""Makes one section; None where the run has nothing to show in it."""

SECTIONS: tuple[SectionBuilder, ...] = ()
"""All sections of one run."""


def build_sections(data: ReportData) -> list[Section]:
    """The sections that there is something to show in, in the order of `SECTIONS`."""
    return [section for build in SECTIONS if (section := build(data)) is not None]
