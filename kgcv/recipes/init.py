"""Writes a config for downloaded data: every guess with its reason, and what the files do not tell."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from kgcv.config.load import load_config
from kgcv.config.schema import Config
from kgcv.data.survey import Survey, role_of, take_survey
from kgcv.errors import ConfigError, DataError
from kgcv.files import atomic_path
from kgcv.recipes.guessing.files import open_files, plain_tables, seen, stem
from kgcv.recipes.guessing.guess import Guess, Instead, Sheet
from kgcv.recipes.guessing.id_match import find_matches
from kgcv.recipes.guessing.image_sheet import image_sheet
from kgcv.recipes.guessing.read_back import read_back
from kgcv.recipes.guessing.text import config_text


@dataclass(frozen=True, slots=True)
class InitResult:
    """A config that was written."""

    path: Path
    guesses: tuple[Guess, ...]
    todos: tuple[str, ...]
    """What the files do not tell, a line each; `kgcv config check` names them, too."""
    num_train: int
    """Labelled samples that kgcv reads with it."""
    num_test: int
    problems: tuple[str, ...]
    """What keeps kgcv from reading them, as it says itself."""


def init(folder: Path, output: Path | None = None) -> InitResult:
    """Look at the files in `folder` and write a config with comments to `output`, which must not exist.

    Args:
        folder: a competition's files, unpacked.
        output: where to; `FOLDER.yaml` in the working directory if not given.

    Raises:
        DataError: the file exists, or the files do not suffice to guess; the message tells what was seen.
    """
    path = output or Path(f"{folder.resolve().name or 'competition'}.yaml")
    _refuse_existing(path)
    survey = take_survey(folder)
    sheet = _with_name(_guess(survey), folder)
    opening = (
        f"Written by kgcv init: guesses from the files in {folder}, the reason with each key. What else is possible is "
        f"commented out. Go on with: kgcv check {path}"
    )
    config = _write(path, config_text(sheet, opening))
    return InitResult(path, sheet.guesses, sheet.todos, *read_back(config))


def _guess(survey: Survey) -> Sheet:
    if not survey.folders and not plain_tables(survey):
        raise DataError(f"{survey.root}: {seen(survey)}; missing: folders of images, or train.csv and test.csv")
    if survey.folders:
        files = open_files(survey)
        names_images = bool(find_matches(files.tables, survey.folders))
        try:
            return image_sheet(files)
        except DataError:
            if names_images or not _has_rows(survey):
                raise
    from kgcv.recipes.guessing.table_sheet import table_sheet  # loads pandas

    return table_sheet(survey)


def _has_rows(survey: Survey) -> bool:
    """Whether there are tables of rows to learn from and to predict, beside images that may be anything."""
    return {"train", "test"} <= {role_of((stem(survey.root / name),)) for name in plain_tables(survey)}


def _with_name(sheet: Sheet, folder: Path) -> Sheet:
    name = Instead(folder.resolve().name, "the name in its address, for kgcv submit, if the folder is called so")
    return Sheet((Guess("competition", instead=(name,)), *sheet.guesses))


def _refuse_existing(path: Path) -> None:
    if os.path.lexists(path):
        raise DataError(f"{path}: is there already and stays as it is; name another file with -o")


def _write(path: Path, text: str) -> Config:
    """Write `text`, which must be a sound config, and only where there is no file yet."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
        try:
            config = load_config(temporary)
        except ConfigError as error:
            raise AssertionError(f"kgcv init wrote a config that kgcv refuses: {error}") from error
        _refuse_existing(path)
    return config
