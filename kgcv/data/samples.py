"""The samples of a competition: which images there are, their ids, and the label texts that belong to them.

Three layouts of training images: a CSV file that names them, a pattern on the file name, one folder a class.
One rule of ids holds in all of them: `folder / (id + suffix)` is the file, with `/` between folders on every
system. Ids and files must be a bijection; whatever breaks it is listed before anything trains.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kgcv.config.schema import DataConfig, SplitConfig, TrainSourceConfig
from kgcv.data.columns import doubled, raise_problems, read_groups, read_split_cells, read_weights
from kgcv.data.csv_table import CsvTable, quoted, read_csv_table
from kgcv.data.images import IMAGE_SUFFIXES
from kgcv.errors import ConfigError, DataError


@dataclass(frozen=True, slots=True)
class SampleTable:
    """Samples in a fixed order: the CSV file's, or sorted by id where there is none."""

    ids: tuple[str, ...]
    paths: tuple[Path, ...]
    """The image of each sample, `data.root` joined; empty for rows of a table."""
    labels: tuple[tuple[str, ...], ...] | None = None
    """Label texts of each sample: one class, any number of tags, or a cell a label column; None for test."""
    label_columns: tuple[str, ...] = ()
    """Columns that the labels come from; empty when they come from folders or file names."""
    split_marks: tuple[str, ...] | None = None
    """Text of the split column, or `train` / `valid` for a validation folder."""
    groups: tuple[str, ...] | None = None
    """Text of `split.group_column`."""
    weights: np.ndarray | None = None
    """`(N,)` float64, positive: `data.train.weight_column`."""
    dates: np.ndarray | None = None
    """`(N,)` datetime64[D], none missing: the day of each row of a table with `data.date_column`."""

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, rows: np.ndarray) -> SampleTable:
        """The samples at `rows` (integers, any order), in that order."""
        chosen = [int(row) for row in rows]
        return SampleTable(
            ids=tuple(self.ids[row] for row in chosen),
            paths=tuple(self.paths[row] for row in chosen) if self.paths else (),
            labels=None if self.labels is None else tuple(self.labels[row] for row in chosen),
            label_columns=self.label_columns,
            split_marks=None if self.split_marks is None else tuple(self.split_marks[row] for row in chosen),
            groups=None if self.groups is None else tuple(self.groups[row] for row in chosen),
            weights=None if self.weights is None else self.weights[chosen],
            dates=None if self.dates is None else self.dates[chosen],
        )

    def without(self, ids: Collection[str]) -> SampleTable:
        """The samples whose id is not among `ids`, in the same order."""
        kept = [row for row, name in enumerate(self.ids) if name not in ids]
        return self.select(np.array(kept, dtype=np.int64))


def read_train_samples(data: DataConfig, split: SplitConfig) -> SampleTable:
    """The labelled samples; with `split.kind: folder` those of the validation folder follow, marked `valid`.

    Ids of class folders and patterns in the validation folder begin with that folder's name, so that
    `train/cat/1.jpg` and `valid/cat/1.jpg` are two samples (`cat/1.jpg` and `valid/cat/1.jpg`).

    Raises:
        DataError: folders or files are missing, or ids, files and labels do not fit together; all is listed.
    """
    root, source = Path(data.root), data.train
    folders = {"train": root / source.images}
    if split.kind == "folder":
        folders["valid"] = root / split.folder
        _refuse_nested(folders["train"], folders["valid"])
    images = {mark: find_images(folder, source.suffix) for mark, folder in folders.items()}
    images["train"] = _without_test(images["train"], folders["train"], data)
    if source.labels is None:
        samples = _name_samples(images, folders, split, source)
    else:
        samples = _table_samples(read_csv_table(root / source.labels), images, data)
    if split.kind == "column":
        samples = replace(samples, split_marks=read_split_cells(samples.ids, data, split, split.column))
    if split.group_column is not None:
        samples = replace(samples, groups=read_groups(samples.ids, data, split, split.group_column))
    return samples


def sample_file(name: str, data: DataConfig, split: SplitConfig) -> Path:
    """Where the image of the labelled sample `name` lies, by the rule of ids alone: it may be missing."""
    root, file = Path(data.root), name + data.train.suffix
    places = [root / data.train.images / file]
    if split.kind == "folder":
        own = file if data.train.labels is not None else file.removeprefix(f"{split.folder}/")
        places.append(root / split.folder / own)
    return next((place for place in reversed(places) if place.exists()), places[0])


def read_test_samples(data: DataConfig) -> SampleTable:
    """The samples to predict, folder by folder as configured, sorted by id within each.

    Raises:
        DataError: a folder is missing or has no images, two folders hold the same id, or an id of `data.test.ids` has
            no image.
        ConfigError: there is no `data.test`.
    """
    if data.test is None:
        raise ConfigError(["data.test: is missing; it names the folders of the images to predict"])
    folders = [Path(data.root) / name for name in data.test.images]
    found = [find_images(folder, data.test.suffix) for folder in folders]
    ids = [name for images in found for name in images]
    raise_problems("data.test.images", {"ids that occur in more than one folder": doubled(ids)})
    if data.test.ids is None:
        return SampleTable(tuple(ids), tuple(path for images in found for path in images.values()))
    asked, paths = _test_ids(data, data.test.ids), {name: path for images in found for name, path in images.items()}
    lost = {"ids without an image": [name for name in asked if name not in paths]}
    raise_problems(f"{Path(data.root) / data.test.ids} and data.test.images", lost)
    return SampleTable(asked, tuple(paths[name] for name in asked))


def _test_ids(data: DataConfig, file: str) -> tuple[str, ...]:
    table = read_csv_table(Path(data.root) / file)
    ids = table.columns[table.names[0]]
    raise_problems(f"{table.path}", {"ids that occur more than once": doubled(ids)})
    return ids


def _without_test(images: dict[str, Path], folder: Path, data: DataConfig) -> dict[str, Path]:
    """The images of the training folder but for those to predict, which `data.test.ids` tells apart there."""
    test = data.test
    if test is None or test.ids is None:
        return images
    if all((Path(data.root) / name).resolve() != folder.resolve() for name in test.images):
        return images
    predicted = {folder / (name + test.suffix) for name in _test_ids(data, test.ids)}
    return {name: path for name, path in images.items() if path not in predicted}


def find_images(folder: Path, suffix: str) -> dict[str, Path]:
    """Id and path of every image at any depth below `folder`, sorted by id.

    Hidden files and folders, and files that are no images (`Thumbs.db`), are passed over.

    Raises:
        DataError: no such folder, no images in it, or images whose name does not end in `suffix`.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder")
    names = sorted(_image_names(folder, suffix))
    if not names:
        raise DataError(f"{folder}: holds no images")
    others = [name for name in names if not name.endswith(suffix)]
    raise_problems(f"{folder}", {f"images whose name does not end in the suffix {suffix!r}": others})
    return {name.removesuffix(suffix): folder / name for name in names}


def _image_names(folder: Path, suffix: str) -> Iterable[str]:
    # As text: pathlib would take most of the time for a million files.
    for parent, children, files in os.walk(folder, followlinks=True):
        children[:] = [child for child in children if not child.startswith(".")]
        below = Path(parent).relative_to(folder).as_posix()
        prefix = "" if below == "." else f"{below}/"
        for file in files:
            is_known = os.path.splitext(file)[1].lower() in IMAGE_SUFFIXES  # noqa: PTH122  as text
            if not file.startswith(".") and (is_known or (suffix and file.endswith(suffix))):
                yield prefix + file


def _refuse_nested(train: Path, valid: Path) -> None:
    inner, outer = train.resolve(), valid.resolve()
    if inner.is_relative_to(outer) or outer.is_relative_to(inner):
        raise DataError(f"{valid}: split.folder must not lie in data.train.images, nor the other way round")


Images = Mapping[str, Mapping[str, Path]]
"""For `train` (and `valid`), the path of each id."""


def _name_samples(
    images: Images, folders: Mapping[str, Path], split: SplitConfig, source: TrainSourceConfig
) -> SampleTable:
    """Samples whose labels stand in the file name or in the folder's."""
    ids: list[str] = []
    labels: list[tuple[str, ...]] = []
    for mark, found in images.items():
        prefix = f"{split.folder}/" if mark == "valid" else ""
        ids += [prefix + name for name in found]
        if source.pattern is not None:
            labels += _pattern_labels(found, folders[mark], source.pattern)
        else:
            labels += _folder_labels(found, folders[mark], may_be_empty=mark == "valid")
    raise_problems("the train and valid folders", {"ids that occur in both": doubled(ids)})
    marks = tuple(mark for mark, found in images.items() for _ in found)
    return SampleTable(
        ids=tuple(ids),
        paths=tuple(path for found in images.values() for path in found.values()),
        labels=tuple(labels),
        split_marks=marks if "valid" in images else None,
    )


def _pattern_labels(found: Mapping[str, Path], folder: Path, pattern: str) -> list[tuple[str, ...]]:
    matches = [re.search(pattern, path.name) for path in found.values()]
    labels = ["" if match is None else match["label"] or "" for match in matches]
    strays = [path.name for path, label in zip(found.values(), labels, strict=True) if not label]
    raise_problems(f"{folder}", {f"images whose name has no label by data.train.pattern {pattern!r}": strays})
    return [(label,) for label in labels]


def _folder_labels(found: Mapping[str, Path], folder: Path, may_be_empty: bool) -> list[tuple[str, ...]]:
    """The first folder below `folder` is the class."""
    classes = {name.split("/", 1)[0] for name in found}
    subfolders = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    empty = [name for name in subfolders if name not in classes and not name.startswith(".")]
    problems = {
        "images outside a class folder, with no data.train.labels or data.train.pattern to label them": [
            path.name for name, path in found.items() if "/" not in name
        ],
        "class folders without images": [] if may_be_empty else empty,
    }
    raise_problems(f"{folder}", problems)
    return [(name.split("/", 1)[0],) for name in found]


def _table_samples(table: CsvTable, images: Images, data: DataConfig) -> SampleTable:
    """Samples that a CSV file names."""
    id_column, label_columns = _find_columns(table, data.train)
    ids = table.column(id_column)
    cells = list(zip(*(table.column(name) for name in label_columns), strict=True))
    marks, paths = _join_folders(images)
    needs_label = data.task != "multi" or len(label_columns) > 1
    named = set(ids)
    problems = {
        "rows without an id": [f"row {number}" for number, name in enumerate(ids, start=1) if not name],
        "ids that occur more than once": doubled(name for name in ids if name),
        "ids without an image": [name for name in dict.fromkeys(ids) if name and name not in paths],
        "images without a row": [name for name in paths if name not in named],
        "images in both the train and the valid folder": doubled(name for found in images.values() for name in found),
        "rows without a label, which only task: multi allows": [
            name for name, row in zip(ids, cells, strict=True) if needs_label and not all(row)
        ],
    }
    raise_problems(f"{table.path} and the images", problems)
    weight_column = data.train.weight_column
    return SampleTable(
        ids=ids,
        paths=tuple(paths[name] for name in ids),
        labels=_split_labels(cells, data),
        label_columns=label_columns,
        split_marks=tuple(marks[name] for name in ids) if "valid" in images else None,
        weights=None if weight_column is None else read_weights(table, weight_column, ids),
    )


def _join_folders(images: Images) -> tuple[dict[str, str], dict[str, Path]]:
    """Mark and path of every id over all folders."""
    marks = {name: mark for mark, found in images.items() for name in found}
    paths = {name: path for found in images.values() for name, path in found.items()}
    return marks, paths


def _find_columns(table: CsvTable, source: TrainSourceConfig) -> tuple[str, tuple[str, ...]]:
    """Names of the id column and of the label columns: as configured, or the first and the second."""
    id_column = source.id_column or table.names[0]
    if source.label_columns:
        return id_column, source.label_columns
    if len(table.names) < 2 or table.names[1] == id_column:
        raise DataError(
            f"{table.path}: the second column should hold the labels, the columns are {quoted(table.names)}; "
            f"set data.train.label_columns"
        )
    return id_column, (table.names[1],)


def _split_labels(rows: Sequence[tuple[str, ...]], data: DataConfig) -> tuple[tuple[str, ...], ...]:
    """The tags of each row where one column may hold several; otherwise the cells as they stand."""
    if data.task in ("single", "regression") or len(rows[0]) > 1:
        return tuple(rows)
    separator = data.train.label_separator
    return tuple(tuple(tag.strip() for tag in row[0].split(separator) if tag.strip()) for row in rows)
