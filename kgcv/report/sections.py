"""The sections of a report, in their order; each is made from what was read of the run folder, or left out."""

from __future__ import annotations

from collections.abc import Callable

from kgcv.recipes.report_data import ReportData
from kgcv.report.answer_sections import blend_section, view_section
from kgcv.report.class_section import class_section
from kgcv.report.history_section import history_section
from kgcv.report.number_section import number_section
from kgcv.report.page import Section
from kgcv.report.summary_section import summary_section
from kgcv.report.tag_section import tag_section
from kgcv.report.time_section import time_section

SectionBuilder = Callable[[ReportData], Section | None]
"""Makes one section; None where the run has nothing to show in it."""

SECTIONS: tuple[SectionBuilder, ...] = (
    summary_section,
    blend_section,
    history_section,
    time_section,
    class_section,
    tag_section,
    number_section,
    view_section,
)
"""All sections of one run."""


def build_sections(data: ReportData) -> list[Section]:
    """The sections that there is something to show in, in the order of `SECTIONS`."""
    return [section for build in SECTIONS if (section := build(data)) is not None]
