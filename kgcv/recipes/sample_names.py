"""Which of a competition's files may be its sample submission, by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

TABLE_NAME = re.compile(r".*\.csv(\.(gz|zip|7z))?", re.IGNORECASE)
"""A CSV file, packed or not."""


def sample_names(names: Sequence[str]) -> list[str]:
    """The tables whose name speaks of a submission (`sample_submission.csv`, `gender_submission.csv`).

    Of several such, those that also speak of a sample.
    """
    found = [name for name in names if TABLE_NAME.fullmatch(name) and "submission" in PurePosixPath(name).name.lower()]
    return [name for name in found if "sample" in PurePosixPath(name).name.lower()] or found
