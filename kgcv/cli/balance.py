"""A split as a table for people, as `kgcv folds` and `kgcv check` show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgcv.cli.text_table import table_lines

if TYPE_CHECKING:
    from kgcv.recipes.balance import Balance, ClassBalance, NumberBalance

_MAX_ROWS = 40
"""Classes shown on a screen; all of them stand in the JSON."""


def balance_lines(balance: Balance) -> list[str]:
    """One line for samples, groups, each class and each column of numbers; one column for each part.

    Of very many classes those that the split serves worst are shown.
    """
    rows = [
        ("", "all", *balance.parts, "off by"),
        ("samples", str(balance.num_samples), *map(str, balance.sizes), ""),
    ]
    if balance.groups is not None:
        rows.append(("groups", str(balance.num_groups), *map(str, balance.groups), ""))
    shown = sorted(balance.classes, key=lambda name: -balance.classes[name].deviation)[:_MAX_ROWS]
    if balance.classes:
        rows.append((f"classes ({len(balance.classes)})", *[""] * (len(balance.parts) + 2)))
    rows += [_class_row(name, row) for name, row in balance.classes.items() if name in shown]
    rows += [_number_row(name, row) for name, row in balance.numbers.items()]
    lines = table_lines(rows)
    hidden = len(balance.classes) - len(shown)
    if hidden:
        lines.append(f"  ... and {hidden} more, which are off by less; --json has all")
    return [*lines, f"off by: the largest difference of a {_unit(balance)}"]


def _class_row(name: str, row: ClassBalance) -> tuple[str, ...]:
    return (f"  {name}", str(row.total), *map(str, row.counts), f"{100 * row.deviation:.1f}")


def _number_row(name: str, row: NumberBalance) -> tuple[str, ...]:
    means = ("" if mean is None else f"{mean:.4g}" for mean in row.means)
    return (f"mean {name}", f"{row.mean:.4g}", *means, f"{row.deviation:.2f}")


def _unit(balance: Balance) -> str:
    part = "fold" if balance.num_folds > 1 else "part"
    if balance.numbers:
        return f"{part}'s mean from the mean of all, in standard deviations"
    return f"{part}'s share of a class from its share of all, in percentage points"
