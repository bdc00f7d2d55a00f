"""How long and how often: by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from kgcv.kaggle.patience import Patience, seconds_asked


def test_delays_double_and_end():
    patience = Patience(attempts=4, first_delay=1.0)
    assert [patience.delay(attempt) for attempt in (1, 2, 3, 4, 5)] == [1.0, 2.0, 4.0, None, None]


def test_the_longer_of_both_delays_counts():
    patience = Patience(attempts=4, first_delay=3.0)
    assert patience.delay(1, "7") == 7.0
    assert patience.delay(2, "2") == 6.0


def test_a_server_that_asks_for_too_long_is_not_waited_for():
    assert Patience(longest_delay=60.0).delay(1, "60") == 60.0
    assert Patience(longest_delay=60.0).delay(1, "61") is None
    assert Patience(longest_delay=60.0).delay(1, "inf") is None


@pytest.mark.parametrize(("text", "seconds"), [("5", 5.0), ("0.5", 0.5), ("-3", 0.0), (None, None), ("soon", None)])
def test_seconds(text, seconds):
    assert seconds_asked(text) == seconds


def test_nan_is_no_number_of_seconds():
    assert seconds_asked("nan") is None


@pytest.mark.parametrize("form", ["%a, %d %b %Y %H:%M:%S GMT", "%a, %d %b %Y %H:%M:%S -0000"])
def test_a_date_in_half_a_minute(form):
    seconds = seconds_asked((datetime.now(UTC) + timedelta(seconds=30)).strftime(form))
    assert seconds is not None and 28 < seconds <= 30


def test_a_date_that_is_past():
    assert seconds_asked("Thu, 01 Jan 1970 00:00:00 GMT") == 0.0
