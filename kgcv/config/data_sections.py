"""The sections `data`, `split` and `resize`: the samples, which of them validate, and smaller copies of images."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge, Le, MinLen

from kgcv.config.bounds import STRICT, AtLeastOne, Count, Fraction, Seed, WrongKeysError


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSourceConfig:
    """Where the labelled images are and where their labels come from.

    With `labels`, a CSV file names the images; with `pattern`, the file name tells the class; with neither,
    the folder below `images` is the class (`train/cat/x.jpg`).
    """

    __pydantic_config__ = STRICT

    images: str = "train"
    """Folder of the training images, below `data.root`."""
    labels: str | None = None
    """CSV file with ids and labels, below `data.root`."""
    id_column: str | None = None
    """Column of `labels` with the ids; the first column if not given."""
    label_columns: tuple[str, ...] = ()
    """Column or columns of `labels` with the label; the second if not given. Several columns hold numbers."""
    label_separator: Annotated[str, MinLen(1)] = " "
    """What separates the labels of one image when there are several (`task: multi`)."""
    weight_column: str | None = None
    """Column of `labels` with a positive number a sample, for `train.sampler: weighted`."""
    suffix: str = ""
    """What follows the id in a file name (`.jpg`); empty when the ids already are file names."""
    pattern: str | None = None
    """Regular expression with a group `label`, searched in the file name: `(?P<label>cat|dog)\\.\\d+`."""

    def __post_init__(self) -> None:
        problems = []
        if self.pattern is not None:
            if self.labels is not None:
                problems.append(("pattern", "labels come from data.train.labels or a pattern, not from both"))
            if (trouble := _trouble_of_pattern(self.pattern)) is not None:
                problems.append(("pattern", trouble))
        if problems:
            raise WrongKeysError(problems)


def _trouble_of_pattern(pattern: str) -> str | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of brackets that a later Python may read otherwise
            groups = re.compile(pattern).groupindex
    except (re.error, OverflowError, RecursionError) as error:
        return f"not a regular expression: {error}"
    return None if "label" in groups else "needs a group named label, such as (?P<label>cat|dog)"


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSourceConfig:
    """Where the images to predict are."""

    __pydantic_config__ = STRICT
    __test__ = False  # not a test case, whatever pytest makes of the name

    images: Annotated[tuple[str, ...], MinLen(1)]
    """Folder or folders of the test images, below `data.root`."""
    suffix: str = ""
    """What follows the id in a file name (`.jpg`); empty when the ids already are file names."""
    ids: str | None = None
    """CSV file below `data.root` whose first column has the ids to predict (the sample submission will do); other
    images in the folders are passed over. Without it all are predicted. Labelled images may lie in the same folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConfig:
    """The competition's files."""

    __pydantic_config__ = STRICT

    root: str
    """Folder that holds everything below; a symbolic link is fine."""
    kind: Literal["images", "table"] = "images"
    """What a sample is: an image, or a row of a table."""
    train: TrainSourceConfig = field(default_factory=TrainSourceConfig)
    """Where the labelled images are and where their labels come from."""
    test: TestSourceConfig | None = None
    """Where the images to predict are; without it there is nothing to submit."""
    sample_submission: str | None = None
    """CSV file below `root` that shows the ids, columns and order of a submission."""
    task: Literal["auto", "single", "multi", "regression"] = "auto"
    """`single`: one class an image; `multi`: any number; `regression`: numbers; `auto`: by the labels."""
    tables: dict[str, str] = field(default_factory=dict)
    """`kind: table`: CSV files below `root` (`.gz` too), each with a name. `train` and `test` hold the rows to learn
    from and to predict, together the table `rows`; one file may have several names."""
    target: str | None = None
    """`kind: table`: column of `train` to predict."""
    id_column: str | None = None
    """`kind: table`: column with the ids of the rows to predict; where `train` lacks it, its rows are numbered from
    1."""
    date_column: str | None = None
    """`kind: table`: column of `rows` with the date of each, for splits, events and windows in time."""
    missing_words: tuple[str, ...] = ()
    """`kind: table`: texts that mean a missing value (`NA`), as the empty cell does."""
    cache: str = "cache"
    """`kind: table`: folder of the tables that `features` makes, from the working directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitConfig:
    """Which samples validate."""

    __pydantic_config__ = STRICT

    kind: Literal["holdout", "folds", "folder", "column", "last_days", "forward"] = "holdout"
    """`holdout`: some drawn; `folds`: each part in turn; `folder`: a folder; `column`: told by a CSV, or a column of
    the table. Of rows with dates, `last_days`: the last ones; `forward`: folds of later and later days."""
    valid_fraction: Fraction = 0.2
    """`holdout`: part of the training images that validates."""
    stratify: Literal["auto", "yes", "no"] = "auto"
    """`holdout`, `folds`: keep the class shares (`yes`: of numbers, those of their deciles). `auto`: where there are
    classes. `no` draws exactly as the course's `get_cv_idxs` did."""
    group_column: str | None = None
    """`holdout`, `folds`: samples with the same text in this column (a patient) stay on one side."""
    allow_twins: bool = False
    """Let images that are the same byte for byte stand on both sides."""
    train_on_all: bool = False
    """Train one model on all samples for the fixed schedule; nothing validates."""
    seed: Seed = 42
    """`holdout`, `folds`: seed of the draw."""
    num_folds: Annotated[int, Ge(2)] = 5
    """`folds`, `forward`: number of folds."""
    days: AtLeastOne | None = None
    """`last_days`, `forward`: days that a fold validates on; the last fold has the last ones. As many as the rows to
    predict span is a good number."""
    gap_days: Count = 0
    """`last_days`, `forward`: days before those in which no row trains."""
    folder: str = "valid"
    """`folder`: folder of the validation images below `data.root`, labelled as the training images are."""
    column: str = "valid"
    """`column`: column with the fold's number, or with a mark for validation rows (1, true, yes, valid)."""
    file: str | None = None
    """CSV file with ids and `column` (a run's `split.csv`) or `group_column`; `data.train.labels` if not given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizeConfig:
    """The stores of smaller copies that training reads."""

    __pydantic_config__ = STRICT

    ratio: Annotated[float, Ge(1), Le(4)] = 1.3
    """The shortest edge of a copy is floor(image_size * ratio); the course's 83 for 64 is 1.3."""
    store: Literal["packed", "jpeg", "none"] = "packed"
    """`packed`: one uint8 file, memory-mapped; `jpeg`: a tree of files; `none`: originals, decoded anew."""
    folder: str = "cache"
    """Folder of the stores, from the working directory."""
    enlarge: bool = False
    """Also store images that are smaller than the target enlarged; otherwise they are enlarged when read."""
