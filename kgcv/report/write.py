"""The report on one run or several, as one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kgcv.errors import listed
from kgcv.files import write_text
from kgcv.recipes.report_data import ReportData, read_report_data
from kgcv.recipes.report_suspects import FILE_NAME, find_suspects, write_suspects
from kgcv.report.comparison_section import comparison_section
from kgcv.report.page import Folded, Section, render_page
from kgcv.report.sample_sections import sample_sections
from kgcv.report.sections import build_sections


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """A page on disk."""

    path: Path
    bytes: int
    sections: tuple[str, ...]
    """Anchors of the sections, in their order; those of the runs within a comparison are not among them."""


def write_report(runs: Sequence[Path], output: Path | None, ledger: Path | None) -> WrittenReport:
    """Write the page on `runs`, whole or not at all, and beside that on a single run of classes its `suspects.csv`.

    Of several runs nothing but their folders (and the ledger) is read; of a single one its data too, where they are.

    Args:
        runs: run folders, at least one; several are put side by side.
        output: the file; None is `report.html` in the folder of the run, `comparison.html` in that of the first.
        ledger: the file with a line for each submission; it need not exist.

    Raises:
        CheckpointError: a folder is no run, or is damaged.
        ConfigError: a run's config has keys that this version does not know.
        DataError: files of a run do not belong together.
    """
    read = [read_report_data(run, ledger) for run in runs]
    names = listed(data.summary.name for data in read)
    if len(read) == 1:
        title, sections, name = f"Run {names}", [*build_sections(read[0]), *sample_sections(read[0])], "report.html"
    else:
        title, sections, name = f"Runs {names}", _compare(read), "comparison.html"
    path = output or runs[0] / name
    page = render_page(title, sections)
    if len(read) == 1:
        _write_suspects(read[0], path.with_name(FILE_NAME))
    write_text(path, page)
    return WrittenReport(path, len(page.encode("utf-8")), tuple(section.anchor for section in sections))


def _write_suspects(data: ReportData, path: Path) -> None:
    """The whole list of which the section shows the beginning; none for numbers, which have no such section."""
    if data.validated is not None and data.validated.predictions.task != "regression":
        write_suspects(path, find_suspects(data.validated))


def _compare(runs: Sequence[ReportData]) -> list[Section]:
    """The comparison, then each run, folded."""
    return [comparison_section(runs), *(_folded(data, f"run{number}") for number, data in enumerate(runs, start=1))]


def _folded(data: ReportData, anchor: str) -> Section:
    sections = (replace(section, anchor=f"{anchor}-{section.anchor}") for section in build_sections(data))
    title = f"Run {data.summary.name}"
    return Section(anchor, title, (Folded(f"All of {data.summary.name}", tuple(sections)),))
