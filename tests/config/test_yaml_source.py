from __future__ import annotations

import math
from typing import Any

import pytest

from kgcv.config.yaml_source import (
    MAX_DEPTH,
    Place,
    Source,
    dotted,
    read_scalar,
    read_written_yaml,
    read_yaml,
    write_yaml,
)
from kgcv.errors import ConfigError


def read(text: str) -> Source:
    return read_yaml(text, lambda line, column: Place(line, column, "f"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        ("-2.5e+2", -250.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("0", 0),
        ("-3", -3),
        ("+3", 3),
        ("9" * 18, 10**18 - 1),
        ("9" * 19, "9" * 19),
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("on", "on"),
        ("yes", "yes"),
        ("no", "no"),
        ("True", "True"),
        ("NULL", "NULL"),
        ("010", "010"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2017-11-13", "2017-11-13"),
        ("e3", "e3"),
        ("1.2.3", "1.2.3"),
        ("\u0663", "\u0663"),
        (".inf", math.inf),
        ("-.inf", -math.inf),
        ("inf", "inf"),
    ],
)
def test_an_unquoted_scalar_is_read_strictly(text: str, value: Any) -> None:
    assert read_scalar(text) == value
    assert type(read_scalar(text)) is type(value)


def test_nan_is_a_number() -> None:
    value = read_scalar(".nan")
    assert isinstance(value, float)
    assert math.isnan(value)


def test_what_is_quoted_is_text() -> None:
    assert read("a: '3'\nb: \"true\"\nc: |\n  1e-3\n").tree == {"a": "3", "b": "true", "c": "1e-3\n"}


def test_every_key_and_item_has_its_line_and_column() -> None:
    source = read("a: 1\nb:\n  c: [1, {d: 2}]\n")
    assert source.tree == {"a": 1, "b": {"c": [1, {"d": 2}]}}
    assert {dotted(path): (place.line, place.column) for path, place in source.places.items()} == {
        "": (1, 1),
        "a": (1, 1),
        "b": (2, 1),
        "b.c": (3, 3),
        "b.c.0": (3, 7),
        "b.c.1": (3, 10),
        "b.c.1.d": (3, 11),
    }


def test_a_path_that_is_not_written_has_the_place_of_its_section() -> None:
    source = read("a:\n  b: 1\n")
    assert str(source.place(("a", "x", 0))) == "f:1:1"
    assert str(source.place(("a", "b", 0))) == "f:2:3"
    assert str(source.place(("z",))) == "f:1:1"


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("a: 1\nb: 2\na: 3", ["f:3:1: a: given twice, first on line 1"]),
        ("s: {a: 1, a: 2}", ["f:1:11: s.a: given twice, first on line 1"]),
        ("a: &x 1", ["f:1:4: a: anchors (&x) are not allowed; write the value out"]),
        ("a: *x", ["f:1:4: a: aliases (*x) are not allowed; write the value out"]),
        ("<<: *x", ["f:1:5: <<: aliases (*x) are not allowed; write the value out"]),
        ("a: !!int '3'", ["f:1:4: a: tags (tag:yaml.org,2002:int) are not allowed; write the plain value"]),
        ("a: [!x {b: 1}]", ["f:1:5: a.0: tags (!x) are not allowed; write the plain value"]),
        (
            "a: !!python/object/apply:os.system [ls]",
            ["f:1:4: a: tags (tag:yaml.org,2002:python/object/apply:os.system) are not allowed; write the plain value"],
        ),
        ("s: {1: 2}", ["f:1:5: s: a key must be text, got 1"]),
        ("true: 2", ["f:1:1: a key must be text, got true"]),
        ("?\n: 2", ["f:1:2: a key must be text, got nothing"]),
        ("? [a]\n: 3", ["f:1:3: a key must be text"]),
        ('a: "\\ud800"', ["f:1:4: a: holds half of a character (an escape from \\ud800 to \\udfff)"]),
        (
            "a: 1\na: &x 2\n3: 4",
            [
                "f:2:1: a: given twice, first on line 1",
                "f:2:4: a: anchors (&x) are not allowed; write the value out",
                "f:3:1: a key must be text, got 3",
            ],
        ),
    ],
)
def test_what_is_yaml_but_not_allowed_is_gathered(text: str, problems: list[str]) -> None:
    assert [str(problem) for problem in read(text).problems] == problems


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "a: [1",
            "f:1:6: not valid YAML: while parsing a flow sequence: expected ',' or ']', but got '<stream end>'",
        ),
        (
            "a:\n\t- 1",
            "f:2:1: not valid YAML: found character '\\t' that cannot start any token; indent with spaces",
        ),
        (
            "a: b: c",
            "f:1:5: not valid YAML: mapping values are not allowed here; a text with ': ' in it needs quotes",
        ),
        ("{a: 1}}", "f:1:7: not valid YAML: expected '<document start>', but found '}'"),
        ("a: 1\nb: x\0", "f:2:5: not valid YAML: the character U+0000 is not allowed"),
        ('a: "\\UFFFFFFFF"', "f:1:7: not valid YAML: an escape that stands for no character"),
        ('a: "\\U00110000"', "f:1:7: not valid YAML: an escape that stands for no character"),
        ("a: 1\n---\nb: 2", "f:2:1: a second document starts here; keep one a file"),
        ("[" * (MAX_DEPTH + 2), f"f:1:{MAX_DEPTH + 2}: nested more than 20 levels deep"),
        ("? " * 1000, "f:1:43: nested more than 20 levels deep"),
    ],
)
def test_what_cannot_be_read_is_one_line_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert caught.value.problems == (problem,)


def test_nesting_up_to_the_limit_is_read() -> None:
    assert read("[" * MAX_DEPTH + "]" * MAX_DEPTH).problems == []


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n", "---\n", "~"])
def test_an_empty_text_is_nothing(text: str) -> None:
    assert read(text).tree is None


def test_what_is_written_reads_back_the_same() -> None:
    tree = {
        "texts": [
            "on",
            "1e-3",
            "010",
            "null",
            "",
            "a: b",
            "# no",
            "ä\n",
            "'",
            "1_0",
            "=",
            "2017-11-13",
            "\u2028",
        ],
        "values": [1e-05, 0.1, 3, -1e300, True, None],
        "sections": [{"a": [1, 2]}, {"b": {}}],
        "long": "word " * 300,
    }
    assert read(write_yaml(tree)).tree == tree
    assert read_written_yaml(write_yaml(tree)) == tree


@pytest.mark.parametrize("text", ["a: [", "a: \x01", '"\\UFFFFFFFF"'])
def test_what_nobody_wrote_is_refused_in_a_word(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^not valid YAML$"):
        read_written_yaml(text)


def test_lists_of_plain_values_are_written_on_one_line() -> None:
    assert write_yaml({"b": [0.1, 1e-4], "a": [{"x": [1]}]}) == "b: [0.1, 0.0001]\na:\n- x: [1]\n"
