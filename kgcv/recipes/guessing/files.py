"""The files of a competition, opened: what is looked at to guess."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from kgcv.data.csv_table import CsvTable, read_csv_table
from kgcv.data.survey import Survey
from kgcv.errors import DataError
from kgcv.recipes.guessing.id_match import find_matches
from kgcv.recipes.sample_names import sample_names


@dataclass(frozen=True, slots=True)
class Files:
    """A survey, and its CSV files as text."""

    survey: Survey
    tables: tuple[CsvTable, ...]
    """All CSV files but the sample submission."""
    sample: CsvTable | None
    """The sample submission."""
    other_samples: tuple[str, ...]
    """Names of files that may be it, too."""
    unread: tuple[str, ...]
    """What is wrong with each CSV file that cannot be read."""

    def name(self, table: CsvTable) -> str:
        """The name of a table from the top."""
        return table.path.relative_to(self.survey.root).as_posix()


def open_files(survey: Survey) -> Files:
    """Read every CSV file of `survey` that can be read; of a file that is there packed, too, the plain one."""
    tables, unread = [], []
    for name in plain_tables(survey):
        try:
            tables.append(read_csv_table(survey.root / name))
        except DataError as error:
            unread.append(str(error))
    samples = _samples(survey, tables)
    rest = tuple(table for table in tables if table not in samples)
    others = tuple(table.path.name for table in samples[1:])
    return Files(survey, rest, samples[0] if samples else None, others, tuple(unread))


def plain_tables(survey: Survey) -> tuple[str, ...]:
    """Names of the CSV files, without packed ones that lie there unpacked, too."""
    return tuple(name for name in survey.tables if name.removesuffix(".gz") == name or name[:-3] not in survey.tables)


def _samples(survey: Survey, tables: list[CsvTable]) -> list[CsvTable]:
    """The tables that may be the sample submission; first the one that names most images, or has most rows."""
    names = {survey.root / name for name in sample_names(survey.tables)}
    found = [table for table in tables if table.path in names and len(table.names) > 1]
    if len(found) < 2:
        return found

    def reach(table: CsvTable) -> tuple[int, int]:
        images = max((len(match.ids) for match in find_matches([table], survey.folders)), default=0)
        return images, len(table.columns[table.names[0]])

    return sorted(found, key=lambda table: (reach(table), -len(table.path.name)), reverse=True)


def seen(survey: Survey) -> str:
    """What there is, in a line: for a message that it does not suffice."""
    folders = [f"{len(folder.files):,} images in {_place(folder.name)}" for folder in survey.folders[:4]]
    tables = list(plain_tables(survey)[:6])
    packed = [f"{name}, which is not unpacked" for name in survey.packed[:3]]
    return ", ".join([*folders, *tables, *packed]) or "no images and no CSV files"


def _place(name: str) -> str:
    return "it" if name == "." else f"{name}/"


def stem(path: PurePath) -> str:
    """`train` for `train.csv.gz`."""
    return path.name.removesuffix(".gz").removesuffix(".csv")
