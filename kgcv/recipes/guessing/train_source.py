"""Where the labelled images are, and where their labels come from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kgcv.data.csv_table import CsvTable
from kgcv.data.survey import ImageFolder, role_of
from kgcv.errors import DataError
from kgcv.recipes.guessing.file_names import NamePattern, find_pattern
from kgcv.recipes.guessing.files import Files, seen, stem
from kgcv.recipes.guessing.id_match import IdMatch, best_first, find_matches, nested_name
from kgcv.recipes.guessing.label_columns import LabelColumns, find_label_columns, untold_columns


@dataclass(frozen=True, slots=True)
class TrainSource:
    """Labelled images; their labels stand in a table, in their names, or in those of their folders."""

    folder: ImageFolder
    suffix: str
    match: IdMatch | None = None
    """The table that names them."""
    columns: LabelColumns | None = None
    """Its label columns."""
    pattern: NamePattern | None = None
    others: tuple[IdMatch, ...] = ()
    """Other folders in which the table finds as many images."""


@dataclass(frozen=True, slots=True)
class TestTables:
    """Tables that name images to predict."""

    __test__ = False  # not a test case, whatever pytest makes of the name

    matches: tuple[IdMatch, ...]

    @property
    def table(self) -> CsvTable | None:
        """The first of them."""
        return self.matches[0].table if self.matches else None


def find_train_source(files: Files) -> tuple[TrainSource, TestTables]:
    """The labelled images, and the tables of the others.

    Raises:
        DataError: nothing tells the labels, or several things do.
    """
    matches = find_matches(files.tables, files.survey.folders)
    of_test = [match for match in matches if _is_of_test(match, files.sample)]
    tests = TestTables(tuple(best_first(of_test)))
    labelled = [match for match in matches if match not in of_test]
    if source := _from_tables(labelled, files, tests.table):
        return source, tests
    return _from_names(files), tests


def _is_of_test(match: IdMatch, sample: CsvTable | None) -> bool:
    if sample is not None and match.ids <= set(sample.columns[sample.names[0]]):
        return True
    return role_of((stem(match.table.path),)) == "test" or match.folder.role == "test"


def _from_tables(matches: Sequence[IdMatch], files: Files, test: CsvTable | None) -> TrainSource | None:
    best: dict[str, list[IdMatch]] = {}
    for match in best_first(matches):
        best.setdefault(files.name(match.table), []).append(match)
    chosen = [_with_columns(found, files, test) for found in best.values()]
    told = sorted((source for source in chosen if source.columns), key=_worth, reverse=True)
    if not told:
        if matches:
            raise untold_columns(matches[0].table, matches[0].column)
        return None
    _refuse_equals([source for source in told if _worth(source) == _worth(told[0])], files)
    _refuse_doubled(told[0])
    return told[0]


def _with_columns(found: Sequence[IdMatch], files: Files, test: CsvTable | None) -> TrainSource:
    first = found[0]
    columns = find_label_columns(first.table, first.column, files.sample, test)
    others = tuple(match for match in found[1:] if len(match.ids) == len(first.ids))
    return TrainSource(first.folder, first.suffix, first, columns, others=others)


def _worth(source: TrainSource) -> tuple[bool, int]:
    assert source.match is not None and source.columns is not None, "only sources with columns are compared"
    return source.columns.is_asked, len(source.match.ids)


def _refuse_equals(sources: Iterable[TrainSource], files: Files) -> None:
    """Tables that are equally good and say different things; of the same labels one is as good as another."""
    told: dict[frozenset[tuple[str, ...]], str] = {}
    for source in sources:
        assert source.match is not None and source.columns is not None, "as in _worth"
        table = source.match.table
        cells = (table.column(name) for name in (source.match.column, *source.columns.names))
        told.setdefault(frozenset(zip(*cells, strict=True)), files.name(table))
    if len(told) > 1:
        names = " and ".join(sorted(told.values()))
        raise DataError(
            f"{files.survey.root}: {names} label the images equally well and differently; "
            "move aside all but the right one"
        )


def _refuse_doubled(source: TrainSource) -> None:
    match = source.match
    assert match is not None, "it comes from a table"
    if len(match.table.column(match.column)) > match.num_cells:
        raise DataError(
            f"{match.table.path}: {len(match.table.column(match.column)):,} rows are of {match.num_cells:,} images by "
            f"column {match.column!r}; kgcv learns from one row an image, so bring the labels into that form"
        )


def _from_names(files: Files) -> TrainSource:
    """The folder whose subfolders or file names are classes."""
    for folder in _train_first(files.survey.folders):
        suffix = folder.suffixes[0] if len(folder.suffixes) == 1 else ""
        if len(folder.class_folders) > 1:
            return TrainSource(folder, suffix)
        if pattern := find_pattern(folder.files):
            return TrainSource(folder, suffix, pattern=pattern)
    raise _unlabelled(files)


def _train_first(folders: Iterable[ImageFolder]) -> list[ImageFolder]:
    candidates = [folder for folder in folders if folder.role not in ("test", "valid")]
    return [folder for folder in candidates if folder.role == "train"] or candidates


def _unlabelled(files: Files) -> DataError:
    root, folders = files.survey.root, files.survey.folders
    for folder in folders:
        for table in files.tables:
            if named := nested_name(table, folder):
                return DataError(
                    f"{table.path}: {named[0]!r} seems to be {folder.name}/{named[1]}, but an id names its "
                    "folders, too; write them into the ids, or link the images into one folder"
                )
    missing = "nothing tells labels: no CSV file names the images, and neither folders nor file names are classes"
    return DataError("; ".join([f"{root}: {seen(files.survey)}; {missing}", *files.unread]))
