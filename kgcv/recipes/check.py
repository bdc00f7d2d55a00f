"""Looks at a competition's data as training and submitting will, and tells all that is wrong at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kgcv.config.schema import Config
from kgcv.data.watch import Watch
from kgcv.events import Reporter, StopCheck
from kgcv.recipes.check_findings import Findings, LabelReport
from kgcv.recipes.check_images import ImageReport, check_images

if TYPE_CHECKING:
    from kgcv.recipes.check_table import TableReport


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `kgcv check` found."""

    num_labelled: int
    """Labelled samples, validating or not; 0 if they do not fit together."""
    num_test: int
    labels: LabelReport | None
    """None if the labels cannot be told."""
    problems: tuple[str, ...]
    """What must be mended before training or submitting."""
    warnings: tuple[str, ...]
    """What a person should know."""
    images: ImageReport | None = None
    """None for tables."""
    table: TableReport | None = None
    """None for images, and where the columns cannot be told."""


def check(config: Config, reporter: Reporter, should_stop: StopCheck) -> CheckReport:
    """Read labels, split, sample submission and every image or row in full; report all there is to say.

    Raises:
        StopRequested: `should_stop` said so.
    """
    findings, watch = Findings(), Watch(reporter, should_stop, config.train.workers)
    images: ImageReport | None = None
    table: TableReport | None = None
    if config.data.kind == "images":
        num_labelled, num_test, labels, images = check_images(config, watch, findings)
    else:
        from kgcv.recipes.check_table import check_table  # loads pandas

        num_labelled, num_test, labels, table = check_table(config, watch, findings)
    problems, warnings = tuple(findings.problems), tuple(findings.warnings)
    return CheckReport(num_labelled, num_test, labels, problems, warnings, images, table)
