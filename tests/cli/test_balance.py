from __future__ import annotations

from kgcv.cli.balance import balance_lines
from kgcv.recipes.balance import Balance, ClassBalance, NumberBalance


def folds(
    num_folds: int, classes: dict[str, ClassBalance] | None = None, numbers: dict[str, NumberBalance] | None = None
) -> Balance:
    return Balance(
        num_samples=2000 * num_folds,
        num_folds=num_folds,
        num_groups=300,
        parts=tuple(f"fold {fold}" for fold in range(num_folds)),
        sizes=(2000,) * num_folds,
        groups=(60,) * num_folds,
        classes=classes or {},
        numbers=numbers or {},
    )


def test_classes_stand_in_their_order_with_the_worst_share() -> None:
    classes = {"water": ClassBalance(12, (6, 6), 0.0), "haze": ClassBalance(1000, (480, 520), 0.0123)}
    assert balance_lines(folds(2, classes)) == [
        "              all  fold 0  fold 1  off by",
        "samples      4000    2000    2000",
        "groups        300      60      60",
        "classes (2)",
        "  water        12       6       6     0.0",
        "  haze       1000     480     520     1.2",
        "off by: the largest difference of a fold's share of a class from its share of all, in percentage points",
    ]


def test_numbers_show_their_means() -> None:
    numbers = {"age": NumberBalance(33.33333, (30.0, None), 0.125)}
    assert balance_lines(folds(2, numbers=numbers))[-2:] == [
        "mean age  33.33      30            0.12",
        "off by: the largest difference of a fold's mean from the mean of all, in standard deviations",
    ]


def test_seventeen_classes_in_five_folds_fit_in_a_hundred_columns() -> None:
    classes = {f"selective_logging_{row}": ClassBalance(10000, (2000,) * 5, 0.1) for row in range(17)}
    lines = balance_lines(folds(5, classes))
    assert len(lines) == 1 + 2 + 1 + 17 + 1
    assert max(map(len, lines[:-1])) <= 80


def test_of_very_many_classes_the_worst_are_shown_in_their_order() -> None:
    classes = {f"c{row:03}": ClassBalance(row, (row, 0), row % 43 / 100) for row in range(43)}
    lines = balance_lines(folds(2, classes))
    assert lines[3] == "classes (43)"
    assert [line.split()[0] for line in lines[4:44]] == [f"c{row:03}" for row in range(3, 43)]
    assert lines[44] == "  ... and 3 more, which are off by less; --json has all"
