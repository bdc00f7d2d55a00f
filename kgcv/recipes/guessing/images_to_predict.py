"""Where the images to predict are, by the sample submission or else by the names of folders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kgcv.data.csv_table import CsvTable
from kgcv.data.survey import ImageFolder
from kgcv.recipes.guessing.files import Files
from kgcv.recipes.guessing.id_match import IdMatch, best_first, find_matches
from kgcv.recipes.guessing.train_source import TestTables, TrainSource


@dataclass(frozen=True, slots=True)
class TestSource:
    """Images to predict."""

    __test__ = False  # not a test case, whatever pytest makes of the name

    folders: tuple[ImageFolder, ...]
    suffix: str
    ids: CsvTable | None = None
    """The table that names them, where the folders hold others, too."""
    num_asked: int = 0
    """Of the images, those that the sample submission asks for."""
    trouble: str = ""
    """What keeps kgcv from reading them, in words for a person."""


def find_test_source(files: Files, train: TrainSource, tests: TestTables) -> TestSource | None:
    """The images to predict; None if there are none."""
    if files.sample is None:
        return _by_names(files, train)
    sample = files.sample
    found = find_matches([sample], files.survey.folders, enough=0)  # the ids may lie in several folders
    matches = [match for match in found if match.column == sample.names[0]]
    apart = [match for match in matches if not _overlap(match.folder, train.folder)]
    if chosen := _covering(apart, train):
        return _of_matches(chosen, sample)
    shared = [match for match in best_first(matches) if match.folder == train.folder]
    if shared:
        listing = next((test.table for test in tests.matches if test.ids == shared[0].ids and _lists(test)), sample)
        return TestSource((train.folder,), shared[0].suffix, listing, len(shared[0].ids))
    return _unmatched(files, train, sample)


def _overlap(folder: ImageFolder, other: ImageFolder) -> bool:
    one, two = sorted((folder.name, other.name), key=len)
    return one in (two, ".") or two.startswith(f"{one}/")


def _lists(match: IdMatch) -> bool:
    """Whether the table's first column has the ids, all of which have an image."""
    return match.column == match.table.names[0] and match.is_whole


def _covering(matches: Iterable[IdMatch], train: TrainSource) -> list[IdMatch]:
    """The folders that together have most of the sample's ids, with one suffix; those that add none are left out."""
    by_suffix: dict[str, list[IdMatch]] = {}
    for match in matches:
        by_suffix.setdefault(match.suffix, []).append(match)
    groups = [_without_idle(found) for found in by_suffix.values()]
    return max(
        groups,
        key=lambda group: (sum(len(match.ids) for match in group), group[0].suffix == train.suffix),
        default=[],
    )


def _without_idle(matches: Sequence[IdMatch]) -> list[IdMatch]:
    known: set[str] = set()
    kept = []
    for match in best_first(matches):
        if not match.ids & known:
            kept.append(match)
            known |= match.ids
    return sorted(kept, key=lambda match: match.folder.name)


def _of_matches(matches: Sequence[IdMatch], sample: CsvTable) -> TestSource:
    folders = tuple(match.folder for match in matches)
    suffix, num_images = matches[0].suffix, sum(len(folder.files) for folder in folders)
    strays = [file for folder in folders for file in folder.files if not file.endswith(suffix)]
    num_asked = sum(len(match.ids) for match in matches)
    trouble = ""
    if strays:
        trouble = f"kgcv reads one suffix a folder, and beside {suffix} there is {strays[0]}; convert or rename it"
    is_partial = num_asked < num_images and num_asked == len(set(sample.columns[sample.names[0]]))
    return TestSource(folders, suffix, sample if is_partial else None, num_asked, trouble)


def _by_names(files: Files, train: TrainSource) -> TestSource | None:
    folders = [folder for folder in files.survey.folders if folder.role == "test"]
    alike = [folder for folder in folders if train.suffix and folder.suffixes == (train.suffix,)]
    chosen = tuple(alike or folders)
    return TestSource(chosen, train.suffix if alike else "") if chosen else None


def _unmatched(files: Files, train: TrainSource, sample: CsvTable) -> TestSource | None:
    source = _by_names(files, train)
    if source is None:
        return None
    row, image = sample.columns[sample.names[0]][0], source.folders[0].files[0]
    trouble = f"the sample submission's ids are like {row!r}, the images like {image!r}, and no suffix joins them"
    return TestSource(source.folders, source.suffix, trouble=trouble)
