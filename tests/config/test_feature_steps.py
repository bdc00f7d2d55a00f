from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from typing import Any, get_args

import pytest

from kgcv.config.calendar_steps import ElapsedStep, RollingStep
from kgcv.config.feature_steps import AnyStep
from kgcv.config.keys import members, type_at
from kgcv.config.load import config_json_schema, dump_config
from kgcv.config.schema import Config
from kgcv.config.table_steps import ROWS, JoinStep

Load = Callable[..., Config]
Complaints = Callable[..., list[str]]

TABLE = """\
data:
  {kind: table, root: d, tables: {train: a.csv, stores: s.csv}, target: y, date_column: when, task: regression}
columns: {categories: shop}
model: {name: embeddings}
stages: {lr: 1}
features:
"""
HEAD = "c.yaml:7"
TABLE = TABLE.replace("stages: {lr: 1}", "stages: [{lr: 1}]")


def test_a_step_is_chosen_by_its_word_and_single_values_stand_for_lists(load: Load) -> None:
    config = load(
        text=TABLE
        + "  - {step: join, right: stores, on: shop}\n"
        + "  - {step: rolling, columns: promo, group: shop, days: 7, calendar: true, sides: after}\n"
    )
    assert config.features == (
        JoinStep(step="join", right="stores", on=("shop",)),
        RollingStep(
            step="rolling", columns=("promo",), group=("shop",), days=7, calendar=True, sides=("after",), table=ROWS
        ),
    )
    assert load(text=dump_config(config)) == config


def test_every_step_has_a_word_and_a_table() -> None:
    words = members(type_at(("features", 0)))
    assert len(words) == len(get_args(AnyStep)) == 18
    for section in words.values():
        assert {"step", "table"} <= {field.name for field in dataclasses.fields(section)}


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        ("{step: joyn, right: stores}", f"{HEAD}:6: features.0.step: must be one of join, keep, "),
        ("{right: stores}", f"{HEAD}:5: features.0: has no step; it must be one of join, keep, "),
        ("{step: [a]}", f"{HEAD}:6: features.0.step: must be one of join, keep, "),
        ("5", f"{HEAD}:5: features.0: must be names, each with its value, got 5"),
        (
            "{step: join, right: stores, on: a, colums: x}",
            f"{HEAD}:40: features.0.colums: unknown key; did you mean 'columns'?",
        ),
        (
            "{step: join, right: stores, on: a, unmatched: never}",
            f"{HEAD}:40: features.0.unmatched: must be one of allow, error, got the text 'never'",
        ),
        (
            "{step: join, right: stores}",
            f"{HEAD}:5: features.0.on: give the key columns by on, or by left_on and right_on",
        ),
        (
            "{step: join, right: stores, on: a, left_on: b}",
            f"{HEAD}:33: features.0.on: give the key columns by on, or by left_on and right_on",
        ),
        (
            "{step: join, right: stores, left_on: [a, b], right_on: c}",
            f"{HEAD}:50: features.0.right_on: must have as many columns as left_on (2)",
        ),
        (
            "{step: join, table: stores, right: stores, on: a}",
            f"{HEAD}:33: features.0.right: is the table itself (stores)",
        ),
        (
            "{step: keep, table: rows, where: a > 0}",
            f"{HEAD}:18: features.0.table: rows keeps all its rows; leave some out of training with rows.keep_where",
        ),
        ("{step: keep, table: stores, where: a}", f"{HEAD}:33: features.0.where: must be a column, one of "),
        ("{step: flag, name: b, where: a=1}", f"{HEAD}:27: features.0.where: must be a column, one of "),
        ("{step: flag, name: b, where: []}", f"{HEAD}:27: features.0.where: must not be empty"),
        ("{step: clip, columns: a}", f"{HEAD}:5: features.0.least: give least, most or both"),
        (
            "{step: clip, columns: a, least: 2, most: 1}",
            f"{HEAD}:40: features.0.most: must be at least least (2), got 1",
        ),
        ("{step: fill, columns: a}", f"{HEAD}:5: features.0.value: give one of value, text and by"),
        ("{step: fill, columns: a, value: 0, by: mean}", f"{HEAD}:30: features.0.value: give one of value, text and"),
        ("{step: divide, column: a, name: b, by: 0}", f"{HEAD}:40: features.0.by: must be more than 0, got 0"),
        ("{step: map, column: a, values: {}}", f"{HEAD}:28: features.0.values: must not be empty"),
        (
            "{step: extract, column: a, pattern: '('}",
            f"{HEAD}:32: features.0.pattern: not a regular expression: missing ), unterminated subpattern",
        ),
        (
            "{step: extract, column: a, pattern: '(.)'}",
            f"{HEAD}:32: features.0.pattern: needs a group with a name, such as ",
        ),
        (
            "{step: date_parts, column: a, parts: Weak}",
            f"{HEAD}:35: features.0.parts: must be one of Year, IsoYear, Month, Week, ",
        ),
        (
            "{step: iso_week_date, year: a, week: b, name: c, weekday: 8}",
            f"{HEAD}:54: features.0.weekday: must be at most 7, got 8",
        ),
        (
            "{step: month_day_date, year: a, month: b, name: c, day: 29}",
            f"{HEAD}:56: features.0.day: must be at most 28, got 29",
        ),
    ],
)
def test_what_is_wrong_with_a_step_is_named_at_its_place(complaints: Complaints, step: str, problem: str) -> None:
    (found,) = complaints(text=f"{TABLE}  - {step}\n")
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"lag_days": 42}, []),
        ({}, ["lag_days"]),
        ({"calendar": True}, []),
        ({"calendar": True, "lag_days": 1}, ["lag_days"]),
        ({"lag_days": 1, "ahead": True}, ["sides"]),
        ({"ahead": True}, ["sides", "lag_days"]),
        ({"ahead": True, "calendar": True}, []),
    ],
)
def test_only_what_is_known_in_advance_may_be_seen_on_its_day_or_ahead(keys: dict[str, Any], named: list[str]) -> None:
    is_ahead = keys.get("ahead", False)
    others = {key: value for key, value in keys.items() if key != "ahead"}
    for make, sides in (
        (lambda **more: RollingStep(step="rolling", columns=("a",), days=7, **more), ("before", "after")),
        (lambda **more: ElapsedStep(step="elapsed", columns=("a",), **more), ("since", "to")),
    ):
        found = _problems(make, sides=sides if is_ahead else sides[:1], **others)
        assert found == named


def _problems(make: Callable[..., Any], **keys: Any) -> list[str]:
    try:
        make(**keys)
    except ValueError as error:
        return [key for key, _ in error.problems]  # type: ignore[attr-defined]
    return []


def test_the_json_schema_tells_steps_apart_by_their_word() -> None:
    items = config_json_schema()["properties"]["features"]["items"]
    assert items["discriminator"]["propertyName"] == "step"
    assert len(items["oneOf"]) == 18


def test_the_schema_is_loaded_without_pydantic() -> None:
    script = "import sys, kgcv.config.schema; assert 'pydantic' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
