from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kgcv.config.calendar_steps import ElapsedStep, RollingStep
from kgcv.data.tables.windows import elapsed, rolling
from kgcv.errors import DataError

Make = Callable[..., pd.DataFrame]
Cells = Callable[[pd.DataFrame, str], list[Any]]

# Two shops, in no order; shop b is closed from the 3rd to the 8th.
SHOPS = {
    "shop": ["a", "b", "a", "a", "b", "b", "a"],
    "day": [f"2015-01-{day:02d}" for day in (4, 9, 1, 3, 1, 2, 2)],
    "promo": [1, 0, 0, 1, 1, 0, 0],
}


def calendar(**keys: Any) -> RollingStep:
    return RollingStep(step="rolling", columns=("promo",), group=("shop",), days=2, calendar=True, **keys)


def events(**keys: Any) -> ElapsedStep:
    return ElapsedStep(step="elapsed", columns=("promo",), **keys)


def seen(frame: pd.DataFrame) -> np.ndarray:
    return np.ones(len(frame), dtype=bool)


def test_days_since_and_to_events_of_the_same_group(make_frame: Make, cells: Cells) -> None:
    frame = make_frame(**SHOPS)
    made = elapsed(frame, events(group=("shop",), calendar=True), "day", seen(frame))
    # a: 1st nothing before, 2nd nothing before, 3rd and 4th events; b: an event on the 1st alone.
    assert cells(made, "promo_days_since") == [0, 8, None, 0, 0, 1, None]
    assert cells(made, "promo_days_to") == [0, None, 2, 0, 0, None, 1]


def test_without_a_group_all_rows_are_one(make_frame: Make, cells: Cells) -> None:
    frame = make_frame(**SHOPS)
    made = elapsed(frame, events(calendar=True), "day", seen(frame))
    assert cells(made, "promo_days_since") == [0, 5, 0, 0, 0, 1, 1]
    assert cells(made, "promo_days_to") == [0, None, 0, 0, 0, 1, 1]


def test_only_one_side_if_so_asked(make_frame: Make) -> None:
    frame = make_frame(**SHOPS)
    made = elapsed(frame, events(calendar=True, sides=("to",)), "day", seen(frame))
    assert list(made.columns) == ["shop", "day", "promo", "promo_days_to"]


@pytest.mark.parametrize(("lag", "expected"), [(1, [3, 2, None, None, 1, None]), (2, [3, 2, None, None, None, None])])
def test_events_count_only_where_they_are_seen_and_old_enough(
    make_frame: Make, cells: Cells, lag: int, expected: list[float | None]
) -> None:
    # Rows of the 6th, 5th, 1st, 3rd, 4th and 2nd; events on the 5th, which is to be predicted, and on the 3rd.
    frame = make_frame(day=[f"2015-01-0{day}" for day in (6, 5, 1, 3, 4, 2)], promo=[0, 1, 0, 1, 0, 0])
    is_train = np.array([False, False, True, True, True, True])
    made = elapsed(frame, events(sides=("since",), lag_days=lag), "day", is_train)
    assert cells(made, "promo_days_since") == expected


def test_a_missing_mark_is_no_event(make_frame: Make, cells: Cells) -> None:
    frame = make_frame(day=["2015-01-01", "2015-01-02"], promo=["", 1])
    made = elapsed(frame, events(calendar=True), "day", seen(frame))
    assert cells(made, "promo_days_to") == [1, 0]
    assert cells(made, "promo_days_since") == [None, 0]


def test_windows_count_days_and_not_rows(make_frame: Make, cells: Cells) -> None:
    frame = make_frame(**SHOPS)
    made = rolling(frame, calendar(sides=("before", "after")), "day", seen(frame))
    # b on the 9th: its row before is of the 2nd, a week away.
    assert cells(made, "promo_sum_before_2") == [2, 0, 0, 1, 1, 1, 0]
    assert cells(made, "promo_sum_after_2") == [1, 0, 0, 2, 1, 0, 1]


def test_means_over_the_rows_that_have_a_value(make_frame: Make, cells: Cells) -> None:
    frame = make_frame(day=["2015-01-01", "2015-01-02", "2015-01-03", "2015-01-05"], promo=[2, "", 5, ""])
    step = RollingStep(step="rolling", columns=("promo",), days=3, how="mean", calendar=True)
    assert cells(rolling(frame, step, "day", seen(frame)), "promo_mean_before_3") == [2, 2, 3.5, 5]
    step = RollingStep(step="rolling", columns=("promo",), days=1, how="sum", calendar=True)
    assert cells(rolling(frame, step, "day", seen(frame)), "promo_sum_before_1") == [2, None, 5, None]


def test_several_rows_of_a_day_all_count(make_frame: Make, cells: Cells) -> None:
    frame = make_frame(day=["2015-01-02", "2015-01-01", "2015-01-02"], promo=[1, 10, 100])
    assert cells(rolling(frame, calendar_of_all(), "day", seen(frame)), "promo_sum_before_2") == [111, 10, 111]


def calendar_of_all() -> RollingStep:
    return RollingStep(step="rolling", columns=("promo",), days=2, calendar=True)


def test_a_lag_moves_the_window_into_the_past_and_unseen_rows_do_not_count(make_frame: Make, cells: Cells) -> None:
    frame = make_frame(day=[f"2015-01-{day:02d}" for day in range(1, 8)], y=[1, 2, 4, 8, 16, 32, 64])
    step = RollingStep(step="rolling", columns=("y",), days=2, lag_days=2)
    only_first = np.array([True] * 5 + [False] * 2)
    made = rolling(frame, step, "day", only_first)
    # On the 6th: 3rd and 4th; on the 7th: 4th and 5th, whatever the rows to predict hold.
    assert cells(made, "y_sum_before_2_lag_2") == [None, None, 1, 3, 6, 12, 24]
    only_four = np.array([True] * 4 + [False] * 3)
    assert cells(rolling(frame, step, "day", only_four), "y_sum_before_2_lag_2")[-1] == 8


def test_windows_never_reach_into_the_neighbouring_group(make_frame: Make, cells: Cells) -> None:
    # The last day of one group is followed, in the order of keys, by the first day of the next.
    frame = make_frame(shop=["a", "b"], day=["2015-01-10", "2015-01-01"], promo=[1, 1])
    wide = RollingStep(
        step="rolling", columns=("promo",), group=("shop",), days=400, sides=("before", "after"), calendar=True
    )
    made = rolling(frame, wide, "day", seen(frame))
    assert cells(made, "promo_sum_before_400") == [1, 1]
    assert cells(made, "promo_sum_after_400") == [1, 1]
    lagging = events(group=("shop",), sides=("since",), lag_days=3)
    assert cells(elapsed(frame, lagging, "day", seen(frame)), "promo_days_since") == [None, None]


def test_groups_of_several_columns_numbers_and_gaps(make_frame: Make, cells: Cells) -> None:
    frame = make_frame(shop=[1, 1, "", ""], kind=["x", "y", "x", "x"], day=["2015-01-01"] * 4, promo=[1, 10, 100, 1000])
    step = RollingStep(step="rolling", columns=("promo",), group=("shop", "kind"), days=1, calendar=True)
    assert cells(rolling(frame, step, "day", seen(frame)), "promo_sum_before_1") == [1, 10, 1100, 1100]


def test_against_the_plain_definition(make_frame: Make, cells: Cells) -> None:
    generator = np.random.default_rng(0)
    days = generator.integers(0, 60, 300)
    frame = make_frame(
        shop=generator.integers(0, 4, 300),
        day=(np.datetime64("2015-01-01") + days).astype(str),
        promo=generator.integers(0, 5, 300) // 4,
    )
    made = rolling(frame, calendar(sides=("before", "after")), "day", seen(frame))
    made = elapsed(made, events(group=("shop",), calendar=True), "day", seen(frame))
    shops, promo = frame["shop"].to_numpy(), frame["promo"].to_numpy()
    for row in range(300):
        mine = shops == shops[row]
        away = days - days[row]
        assert made["promo_sum_before_2"][row] == promo[mine & (away <= 0) & (away > -2)].sum()
        assert made["promo_sum_after_2"][row] == promo[mine & (away >= 0) & (away < 2)].sum()
        ago, ahead = -away[mine & (promo > 0) & (away <= 0)], away[mine & (promo > 0) & (away >= 0)]
        assert cells(made, "promo_days_since")[row] == (ago.min() if len(ago) else None)
        assert cells(made, "promo_days_to")[row] == (ahead.min() if len(ahead) else None)


def test_rows_without_a_date_are_an_error(make_frame: Make) -> None:
    frame = make_frame(day=["2015-01-01", ""], promo=[1, 1])
    with pytest.raises(DataError, match=r"^column 'day': 1 rows have no date"):
        elapsed(frame, events(calendar=True), "day", seen(frame))
