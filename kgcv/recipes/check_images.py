"""What a check of images finds: the files, their labels, and files that are the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kgcv.config.schema import Config
from kgcv.data.images import ImageFacts
from kgcv.data.inspection import find_twins, inspect_images
from kgcv.data.labels import encode_labels
from kgcv.data.samples import SampleTable, read_test_samples, read_train_samples
from kgcv.data.watch import Watch
from kgcv.errors import DataError
from kgcv.recipes.check_findings import (
    Findings,
    LabelReport,
    Spread,
    compare_sample,
    look_at_labels,
    spread_of,
)

_NOTHING = SampleTable((), ())

_MAX_LINES = 10
"""Damaged files named in the text; the report holds all."""


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


def check_images(config: Config, watch: Watch, findings: Findings) -> tuple[int, int, LabelReport | None, ImageReport]:
    """Read labels, split, sample submission and every image in full.

    Returns:
        Labelled images, images to predict, what the labels say (None if they cannot be told), what the files are.

    Raises:
        StopRequested: `watch` said so.
    """
    data = config.data
    train = findings.attempt(read_train_samples, data, config.split) or _NOTHING
    test = (findings.attempt(read_test_samples, data) if data.test else None) or _NOTHING
    images, twins = _look_at_images(train, test, config.model.channels, watch)
    labels = findings.attempt(encode_labels, train, data.task) if train.ids else None
    report = None if labels is None else look_at_labels(train, labels, twins, config, findings)
    if data.sample_submission is not None and test.ids:
        compare_sample(Path(data.root) / data.sample_submission, test.ids, "image", findings)
    _judge_images(images, findings)
    return len(train), len(test), report, images


def _look_at_images(
    train: SampleTable, test: SampleTable, channels: int, watch: Watch
) -> tuple[ImageReport, list[tuple[int, ...]]]:
    """What the files are, and the rows of those labelled images that are the same byte for byte."""
    paths = train.paths + test.paths
    results = inspect_images(paths, channels, watch)
    facts = [result for result in results if isinstance(result, ImageFacts)]
    twins = find_twins(paths, watch)
    report = ImageReport(
        width=spread_of(fact.width for fact in facts) if facts else None,
        height=spread_of(fact.height for fact in facts) if facts else None,
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


def _judge_images(images: ImageReport, findings: Findings) -> None:
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
