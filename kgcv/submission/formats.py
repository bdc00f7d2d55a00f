"""Which form a sample file asks for. What it does not tell without doubt is asked for, never guessed."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

from kgcv.config.rules import FORMATS
from kgcv.config.schema import Config, SubmissionConfig
from kgcv.data.predictions import Predictions
from kgcv.errors import ConfigError, listed
from kgcv.submission.table import Submission, is_number

DECIDED = frozenset({"tags", "indices", "decisions"})
"""Forms that are written from decisions, not from probabilities."""

_IN_COLUMNS = frozenset({"probabilities", "decisions", "numbers"})
"""Forms that may fill several columns."""


def submission_settings(config: Config) -> SubmissionConfig:
    """The section `submission` with what it takes from the rest of the config filled in."""
    separator = config.submission.separator or config.data.train.label_separator
    return replace(config.submission, separator=separator)


def find_format(table: Submission, predictions: Predictions, config: SubmissionConfig) -> str:
    """The format asked for, or what the sample file `table` tells without doubt.

    Args:
        table: the sample file.
        predictions: their task and class names count.
        config: from `submission_settings`.

    Raises:
        ConfigError: the sample file does not tell the format, the format does not fit the task or the columns, or
            the separator is not the sample's.
    """
    form = config.format if config.format != "auto" else _guess_format(table, predictions, config)
    if form not in FORMATS[predictions.task]:
        fitting = ", ".join(name for name in FORMATS[predictions.task] if name != "auto")
        raise _asked(f"{form!r} does not fit task {predictions.task!r}: {fitting}")
    if form not in _IN_COLUMNS and len(table.header) != 2:
        raise _asked(f"{form!r} fills one column, the sample file has {listed(table.header[1:])}")
    if form in ("index", "indices"):
        _refuse_numbered_names(form, predictions.class_names)
    if form == "tags":
        _refuse_separator(table, predictions.class_names, separator_of(config))
    return form


def separator_of(config: SubmissionConfig) -> str:
    """What stands between the tags of a cell.

    Raises:
        ConfigError: nobody said.
    """
    if config.separator is None:
        raise ConfigError(["submission.separator: say what stands between the tags"])
    return config.separator


def find_positive_class(header: Sequence[str], class_names: Sequence[str], config: SubmissionConfig) -> str:
    """The class whose probability fills the one column: as configured, or the one the column is called after.

    Raises:
        ConfigError: none is named, or there is no such class.
    """
    positive = config.positive_class
    if positive is None and header[1] in class_names:
        positive = header[1]
    if positive is None:
        raise ConfigError([f"submission.positive_class: say whose probability to write: {listed(class_names)}"])
    if positive not in class_names:
        classes = listed(class_names)
        raise ConfigError([f"submission.positive_class: {positive!r} is not one of the classes {classes}"])
    return positive


def _asked(text: str) -> ConfigError:
    return ConfigError([f"submission.format: {text}"])


def _guess_format(table: Submission, predictions: Predictions, config: SubmissionConfig) -> str:
    if predictions.task == "regression":
        return "numbers"
    has_columns = len(table.header) > 2 or set(table.header[1:]) == set(predictions.class_names)
    if predictions.task == "multi":
        return _guess_columns(table) if has_columns else _guess_tags(table, predictions.class_names, config)
    return "probabilities" if has_columns else _guess_single(table, predictions.class_names, config)


def _guess_columns(table: Submission) -> str:
    """A column a tag: with a decimal point somewhere it wants probabilities."""
    cells = set().union(*table.columns[1:])
    if all(is_number(cell) for cell in cells) and not cells <= {"0", "1"}:
        return "probabilities"
    raise _asked(
        f"the sample file's columns hold {listed(sorted(map(repr, cells)))}, which does not tell whether they want "
        "probabilities or the tags given (1 and 0): say probabilities or decisions"
    )


def _guess_tags(table: Submission, class_names: tuple[str, ...], config: SubmissionConfig) -> str:
    """One column for several labels."""
    cells = set(table.columns[1])
    words = {word for cell in cells for word in cell.split(separator_of(config))} - {""}
    if words & set(class_names) or any(_joint(cell, class_names) for cell in cells):
        return "tags"
    if len(class_names) == 1:
        # One tag's column needs no name in common with it.
        return _guess_columns(table)
    if words and all(word.isdecimal() for word in words):
        return "indices"
    raise _untold(table, class_names, "tags or indices")


def _guess_single(table: Submission, class_names: tuple[str, ...], config: SubmissionConfig) -> str:
    """One column for one class out of several: a name, a number or a probability."""
    examples = set(table.columns[1])
    is_numeric = all(is_number(text) for text in examples)
    if config.positive_class is not None:
        return "probability"
    # Classes called 0 and 1 leave open whether a 0 in the sample stands for a class or for a probability.
    if examples <= set(class_names) and not (is_numeric and len(class_names) == 2):
        return "label"
    are_whole = all(text.isdecimal() for text in examples)
    if table.header[1] in class_names and is_numeric and not are_whole:
        return "probability"
    if are_whole and len(class_names) > 2 and not _are_numbers(class_names):
        return "index"
    raise _untold(table, class_names, "label, index, or probability together with submission.positive_class")


def _untold(table: Submission, class_names: tuple[str, ...], choices: str) -> ConfigError:
    example = min(table.columns[1])
    return _asked(
        f"the sample file's column {table.header[1]!r} (such as {example!r}) does not tell what it wants of the "
        f"classes {listed(class_names)}: say {choices}"
    )


def _are_numbers(class_names: Collection[str]) -> bool:
    return all(name.isdecimal() for name in class_names)


def _refuse_numbered_names(form: str, class_names: Sequence[str]) -> None:
    """Classes called 10, 2, 9 have the indices 0, 1, 2, which nobody means who sees numbers in a sample file."""
    if _are_numbers(class_names) and [str(index) for index in range(len(class_names))] != list(class_names):
        names = {"index": "label", "indices": "tags"}[form]
        raise _asked(
            f"{form!r} counts the sorted class names from 0, but the classes {listed(class_names)} are numbers "
            f"themselves: say {names}, which writes them"
        )


def _refuse_separator(table: Submission, class_names: Sequence[str], separator: str) -> None:
    """The separator must tell tags apart, and be the one the sample file has, where that can be seen."""
    if unclear := [repr(name) for name in class_names if separator in name]:
        raise ConfigError([f"submission.separator: {separator!r} is part of the class names {listed(unclear)}"])
    for cell in sorted(set(table.columns[1])):
        found = _joint(cell, class_names)
        if found is not None and found != separator:
            raise ConfigError(
                [
                    f"submission.separator: the sample file puts {found!r} between the tags (such as {cell!r}), "
                    f"not {separator!r}"
                ]
            )


def _joint(cell: str, class_names: Sequence[str]) -> str | None:
    """What stands between the class names that `cell` is made of; None if it is made otherwise or of one alone."""
    longest_first = sorted(class_names, key=len, reverse=True)
    parts = re.split("|".join(map(re.escape, longest_first)), cell)
    between = set(parts[1:-1])
    is_made_of_names = parts[0] == parts[-1] == "" and len(between) == 1
    return between.pop() or None if is_made_of_names else None
