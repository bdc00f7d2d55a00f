from __future__ import annotations

import pytest

from kgcv.config.conditions import Condition, parse_condition, wrong_conditions


@pytest.mark.parametrize(
    ("text", "column", "comparison", "value"),
    [
        ("Sales > 0", "Sales", ">", 0.0),
        ("Open == 0", "Open", "==", 0.0),
        (" a <= -1.5e3 ", "a", "<=", -1500.0),
        ("a < 1", "a", "<", 1.0),
        ("a >= .5", "a", ">=", 0.5),
        ("StateHoliday != '0'", "StateHoliday", "!=", "0"),
        ('kind == "a b"', "kind", "==", "a b"),
        ("kind == a b", "kind", "==", "a b"),
        ("Date >= 2015-01-01", "Date", ">=", "2015-01-01"),
        ("first name == x", "first name", "==", "x"),
        ("flag == true", "flag", "==", "true"),
        ("kind == ''", "kind", "==", ""),
        ("text == a > b", "text", "==", "a > b"),
    ],
)
def test_a_condition_is_read(text: str, column: str, comparison: str, value: float | str) -> None:
    condition = parse_condition(text)
    assert (condition.column, condition.comparison, condition.value) == (column, comparison, value)
    assert type(condition.value) is type(value)


@pytest.mark.parametrize("text", ["", "Sales", "Sales>0", "Sales = 0", "> 0", "Sales >", "Sales > ", "Sales ~ 3"])
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be a column, one of == != < <= > >= and a value, such as Sales > 0"):
        parse_condition(text)
    assert [key for key, _ in wrong_conditions("where", ["a > 0", text])] == ["where"]


def test_a_condition_shows_itself_as_it_is_written() -> None:
    assert str(Condition("a", "!=", "0")) == "a != '0'"
    assert str(Condition("a", ">", 0.0)) == "a > 0"
