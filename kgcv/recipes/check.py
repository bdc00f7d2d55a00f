"""Looks at a competition's data as training and submitting will, and tells all that is wrong at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np

from kgcv.config.schema import Config, Task
from kgcv.data.columns import doubled
from kgcv.data.csv_table import read_csv_table
from kgcv.data.images import ImageFacts
from kgcv.data.inspection import Watch, find_twins, inspect_images
from kgcv.data.labels import LabelSet, encode_labels
from kgcv.data.samples import SampleTable, read_test_samples, read_train_samples
from kgcv.data.splits import Split, make_split
from kgcv.errors import DataError, listed
from kgcv.events import Reporter, StopCheck
from kgcv.recipes.balance import Balance, lacking_classes, measure_balance

Arguments = ParamSpec("Arguments")
Found = TypeVar("Found")

_NOTHING = SampleTable((), ())

_MAX_LINES = 10
"""Damaged files named in the text; the report holds all."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Smallest, middle and largest of some numbers."""

    min: float
    median: float
    max: float


@dataclass(frozen=True, slots=True)
class LabelReport:
    """What the labels say, and how the split divides them."""

    task: Task
    balance: Balance
    """Without a split, all samples train."""
    numbers: dict[str, Spread]
    """By column; empty but for regression."""


@dataclass(frozen=True, slots=True)
class Twins:
    """Images that are the same byte for byte, by id; at least one of them is labelled."""

    train: tuple[str, ...]
    test: tuple[str, ...]
    labels: tuple[str, ...]
    """The different labels among `train`."""


@dataclass(frozen=True, slots=True)
class ImageReport:
    """What the files are, labelled and test images together."""

    width: Spread | None
    """In pixels, upright; None if no image could be read, as `height`."""
    height: Spread | None
    modes: dict[str, int]
    """Images of each Pillow mode as stored, most frequent first."""
    num_rotated: int
    """Images that their EXIF orientation turns or mirrors."""
    unreadable: tuple[str, ...]
    """Path and reason for each file that cannot be decoded in full."""
    twins: tuple[Twins, ...]


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `kgcv check` found."""

    num_labelled: int
    """Labelled images, validating or not; 0 if they do not fit together."""
    num_test: int
    labels: LabelReport | None
    """None if the labels cannot be told."""
    images: ImageReport
    problems: tuple[str, ...]
    """What must be mended before training or submitting."""
    warnings: tuple[str, ...]
    """What a person should know."""


@dataclass(slots=True)
class _Findings:
    """Problems and warnings as they come up."""

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def attempt(
        self, read: Callable[Arguments, Found], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Found | None:
        """What `read` gives; None, and a problem, if the data does not allow it."""
        try:
            return read(*args, **kwargs)
        except DataError as error:
            self.problems.append(str(error))
            return None

    def add_problem(self, what: str, cases: Sequence[str]) -> None:
        """Note a problem if there are cases of it."""
        self.problems += [f"{what} ({len(cases)}): {listed(cases)}"] if cases else []

    def add_warning(self, what: str, cases: Sequence[str]) -> None:
        """Note a warning if there are cases of it."""
        self.warnings += [f"{what} ({len(cases)}): {listed(cases)}"] if cases else []


def check(config: Config, reporter: Reporter, should_stop: StopCheck) -> CheckReport:
    """Read labels, split, sample submission and every image in full; report all there is to say.

    Raises:
        StopRequested: `should_stop` said so.
    """
    findings = _Findings()
    data, watch = config.data, Watch(reporter, should_stop, config.train.workers)
    train = findings.attempt(read_train_samples, data, config.split) or _NOTHING
    test = (findings.attempt(read_test_samples, data) if data.test else None) or _NOTHING
    images, twins = _look_at_images(train, test, config.model.channels, watch)
    labels = _look_at_labels(train, twins, config, findings) if train.ids else None
    if data.sample_submission is not None and test.ids:
        _compare_sample(Path(data.root) / data.sample_submission, test.ids, findings)
    _judge_images(images, findings)
    problems, warnings = tuple(findings.problems), tuple(findings.warnings)
    return CheckReport(len(train), len(test), labels, images, problems, warnings)


def _look_at_labels(
    train: SampleTable, twins: Sequence[tuple[int, ...]], config: Config, findings: _Findings
) -> LabelReport | None:
    labels = findings.attempt(encode_labels, train, config.data.task)
    if labels is None:
        return None
    findings.warnings += labels.notes
    split = findings.attempt(make_split, train, labels, config.split, twins)
    balance = measure_balance(train, labels, split or Split(np.full(len(train), -1), 1))
    if split is not None:
        for what, names in lacking_classes(balance):
            findings.add_warning(what, names)
    findings.add_warning("class names that differ only in case", _alike(labels))
    return LabelReport(labels.task, balance, _number_spreads(labels))


def _alike(labels: LabelSet) -> list[str]:
    lower = set(doubled(name.casefold() for name in labels.class_names))
    return [repr(name) for name in labels.class_names if name.casefold() in lower]


def _number_spreads(labels: LabelSet) -> dict[str, Spread]:
    if labels.task != "regression":
        return {}
    return {name: _spread(labels.targets[:, row]) for row, name in enumerate(labels.class_names)}


def _spread(numbers: Iterable[float]) -> Spread:
    values = np.fromiter(numbers, dtype=np.float64)
    return Spread(float(values.min()), float(np.median(values)), float(values.max()))


def _compare_sample(path: Path, test_ids: Sequence[str], findings: _Findings) -> None:
    """The sample submission must ask for exactly the test images."""
    table = findings.attempt(read_csv_table, path)
    if table is None:
        return
    ids = table.column(table.names[0])
    asked, known = set(ids), set(test_ids)
    if not asked & known:
        findings.problems.append(
            f"{path}: no row is a test image; rows are like {ids[0]!r}, test ids like {test_ids[0]!r} "
            f"(see data.test.suffix)"
        )
        return
    findings.add_problem(f"{path}: ids that occur more than once", doubled(ids))
    findings.add_problem(f"{path}: ids without a test image", sorted(asked - known))
    findings.add_problem(f"{path}: test images without a row", sorted(known - asked))


def _look_at_images(
    train: SampleTable, test: SampleTable, channels: int, watch: Watch
) -> tuple[ImageReport, list[tuple[int, ...]]]:
    """What the files are, and the rows of those labelled images that are the same byte for byte."""
    paths = train.paths + test.paths
    results = inspect_images(paths, channels, watch)
    facts = [result for result in results if isinstance(result, ImageFacts)]
    twins = find_twins(paths, watch)
    report = ImageReport(
        width=_spread(fact.width for fact in facts) if facts else None,
        height=_spread(fact.height for fact in facts) if facts else None,
        modes=dict(Counter(fact.mode for fact in facts).most_common()),
        num_rotated=sum(fact.is_rotated for fact in facts),
        unreadable=tuple(str(result) for result in results if isinstance(result, DataError)),
        twins=tuple(
            _describe_twins(group, train, test)
            for group in twins
            if group[0] < len(train) and isinstance(results[group[0]], ImageFacts)
        ),
    )
    labelled = [tuple(row for row in group if row < len(train)) for group in twins]
    return report, [group for group in labelled if len(group) > 1]


def _describe_twins(rows: Sequence[int], train: SampleTable, test: SampleTable) -> Twins:
    """Rows count through the labelled samples and on through the test samples."""
    labelled = [row for row in rows if row < len(train)]
    labels = {" ".join(sorted(train.labels[row])) or "none" for row in labelled} if train.labels else set()
    return Twins(
        train=tuple(train.ids[row] for row in labelled),
        test=tuple(test.ids[row - len(train)] for row in rows if row >= len(train)),
        labels=tuple(sorted(labels)),
    )


def _judge_images(images: ImageReport, findings: _Findings) -> None:
    if images.unreadable:
        shown, rest = images.unreadable[:_MAX_LINES], len(images.unreadable) - _MAX_LINES
        lines = [f"images that cannot be read ({len(images.unreadable)}):", *shown]
        findings.problems.append("\n  ".join([*lines, f"... and {rest} more"] if rest > 0 else lines))
    within = [group for group in images.twins if len(group.train) > 1]
    findings.add_problem(
        "identical images with different labels",
        [f"{' = '.join(group.train)} ({' / '.join(group.labels)})" for group in within if len(group.labels) > 1],
    )
    findings.add_warning(
        "identical images within train",
        [" = ".join(group.train) for group in within if len(group.labels) == 1],
    )
    findings.add_warning(
        "identical images in train and test",
        [" = ".join(group.train + group.test) for group in images.twins if group.test],
    )
