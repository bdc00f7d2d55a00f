"""The sections that show samples: those of a run's own page, for which its data are read as well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from kgcv.config.schema import Config
from kgcv.errors import KgcvError
from kgcv.recipes.report_answers import Answers, read_answers
from kgcv.recipes.report_data import ReportData
from kgcv.recipes.report_duplicates import find_near_duplicates
from kgcv.recipes.report_groups import Grouping, column_grouping, compare_all, label_groupings, look_groupings
from kgcv.recipes.report_looks import file_sizes, find_files, read_looks
from kgcv.recipes.report_suspects import find_suspects
from kgcv.report.duplicate_section import duplicate_section
from kgcv.report.group_section import group_section
from kgcv.report.page import Section, Text
from kgcv.report.photos import Photos
from kgcv.report.sheet_section import sheet_section
from kgcv.report.suspect_section import suspect_section


def sample_sections(data: ReportData) -> list[Section]:
    """Samples, suspected labels, groups, near-duplicates, and for tables time and embeddings.

    Whatever of the data cannot be read is said in the section that misses it.

    Raises:
        ConfigError: the config's section `decision` does not fit the tags.
        DataError: the run's decision rule is for other tags.
    """
    if data.validated is None or data.config is None or data.truth is None:
        return []
    answers = read_answers(data, data.validated)
    if data.config.data.kind == "table":
        return list(_table_sections(data, data.config, answers))
    return list(_image_sections(data, data.config, answers))


def _image_sections(data: ReportData, config: Config, answers: Answers) -> Iterator[Section]:
    assert data.truth is not None, "the caller looked"
    ids = data.truth.ids
    row_of = {name: row for row, name in enumerate(ids)}
    rows = np.array([row_of[name] for name in answers.ids], dtype=np.int64)
    paths = find_files(config, ids)
    shown = Photos([paths[row] for row in rows], config.model.channels)
    yield sheet_section(answers, shown)
    yield from suspect_section(answers, find_suspects(answers.validated), shown)
    looks = read_looks(config, ids, paths)
    groupings = [*label_groupings(answers), *look_groupings(looks, file_sizes(paths), rows)]
    told, notes = _try_column(config, ids, rows)
    yield group_section(answers, compare_all(answers, [*groupings, *told]), notes)
    duplicates = find_near_duplicates(looks, data.truth, data.split)
    yield duplicate_section(duplicates, looks.source, data, Photos(paths, config.model.channels))


def _try_column(config: Config, ids: Sequence[str], rows: np.ndarray) -> tuple[list[Grouping], list[str]]:
    """The group column where it can be read, or why it cannot."""
    try:
        found = column_grouping(config, ids, rows)
    except KgcvError as error:
        return [], [f"The groups of {config.split.group_column} are not shown: {error}"]
    return ([] if found is None else [found]), []


def _table_sections(data: ReportData, config: Config, answers: Answers) -> Iterator[Section]:
    # pandas is loaded for tables alone, torch for what their networks have learned.
    from kgcv.recipes.report_rows import category_groupings, describe_rows, read_rows
    from kgcv.report.embedding_section import embedding_section
    from kgcv.report.row_sections import period_section

    suspects = find_suspects(answers.validated)
    try:
        rows = read_rows(config, answers)
    except KgcvError as error:
        yield sheet_section(answers, Photos((), 0))
        yield from suspect_section(answers, suspects, Photos((), 0))
        told = f"Groups and dates are not shown, for the rows cannot be read: {error}"
        yield Section("groups", "Groups that score badly", (Text(told),))
    else:
        yield sheet_section(answers, Photos((), 0), describe_rows(config, rows))
        yield from suspect_section(answers, suspects, Photos((), 0))
        groupings = [*label_groupings(answers), *category_groupings(config, rows)]
        yield group_section(answers, compare_all(answers, groupings), [])
        yield from period_section(data, answers, rows)
    yield from embedding_section(data)
