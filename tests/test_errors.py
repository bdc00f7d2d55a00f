import pytest

from kgcv import errors
from kgcv.errors import ConfigError, KgcvError, StopRequested, listed, printable


def test_listed_shows_the_first_and_counts_the_rest():
    assert listed([]) == ""
    assert listed(["a", "b"]) == "a, b"
    assert listed(str(number) for number in range(10)) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"
    assert listed(str(number) for number in range(11)) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ... and 1 more"
    assert listed("abcd", limit=2) == "a, b, ... and 2 more"


def test_what_would_break_a_line_or_colour_a_terminal_is_escaped():
    assert printable("größer 猫.jpg") == "größer 猫.jpg"
    assert printable("a\nb\t\x1b[31m\u2028\udcff") == r"a\nb\t\x1b[31m\u2028\udcff"
    assert listed(["a\nb", "c"]) == r"a\nb, c"


def test_a_config_error_has_one_line_a_problem():
    error = ConfigError(iter(["one", "two"]))
    assert error.problems == ("one", "two")
    assert str(error) == "one\ntwo"


@pytest.mark.parametrize("number, code", [(2, 130), (15, 143)])
def test_a_stop_ends_with_the_code_of_its_signal(number, code):
    assert StopRequested(number).exit_code == code


def test_the_tree_in_the_docstring_is_the_tree():
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, KgcvError)]
    assert all(kind.__name__ in (errors.__doc__ or "") for kind in classes)
