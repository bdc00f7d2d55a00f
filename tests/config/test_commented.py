from __future__ import annotations

import pytest

from kgcv.config.commented import WIDTH, flow, idle, keyed, remark, section_lines, todo, todos
from kgcv.config.yaml_source import Place, read_yaml


def read(text: str) -> object:
    source = read_yaml(text, lambda line, column: Place(line, column, "t"))
    assert source.problems == []
    return source.tree


@pytest.mark.parametrize(
    "value, text",
    [
        ("train-jpg", "train-jpg"),
        (".jpg", ".jpg"),
        ("", "''"),
        ("010", "010"),
        ("12", "'12'"),
        ("true", "'true'"),
        ("-", "'-'"),
        ("a, b", "'a, b'"),
        ("it's", '"it\'s"'),
        ("line\nbreak 'x'", "\"line\\nbreak 'x'\""),
        (r"(?P<label>a|b)\.\d+", r"'(?P<label>a|b)\.\d+'"),
        (0.0001, "0.0001"),
        (True, "true"),
        ([1, "a"], "[1, a]"),
        ({"k: 1": [0.5]}, "{'k: 1': [0.5]}"),
    ],
)
def test_a_value_reads_back_as_it_was(value: object, text: str) -> None:
    assert flow(value) == text
    assert read(f"k: {text}") == {"k": value}
    assert read(f"k: [{text}]") == {"k": [value]}


def test_a_comment_stands_beside_its_key_or_above_where_there_is_no_room() -> None:
    assert keyed("name", "x", "for a reason", 2) == ["  name: x  # for a reason"]
    *above, line = keyed("name", "x", "for many reasons " * 9, 2)
    assert line == "  name: x"
    assert len(above) == 2
    assert all(text.startswith("  # ") and len(text) <= WIDTH for text in above)


def test_sections_in_a_list_and_long_lists_have_a_line_an_entry() -> None:
    assert keyed("stages", [{"lr": 1}], "why", 0) == ["stages:  # why", "  - {lr: 1}"]
    names = [f"column_{number}" for number in range(20)]
    lines = keyed("names", names, "", 2)
    assert lines[:2] == ["  names:", "    - column_0"]
    assert read("\n".join(["columns:", *lines])) == {"columns": {"names": names}}


def test_no_text_can_end_a_comment() -> None:
    assert keyed("k", 1, "a\nb\x85c", 0) == ["k: 1  # a b c"]
    assert idle("k", 1, "", 2) == ["  # k: 1"]
    assert remark("a\nb", 2) == ["  # a b"]


def test_todos_are_found_with_their_lines() -> None:
    text = "\n".join(["a: 1", todo("b", "say\nwhat", 2)])
    assert todos(text) == [(2, "b: say what")]
    assert todos("a: 1  # TODO b: c") == []


def test_sections_are_opened_once() -> None:
    assert section_lines(["data", "root"], []) == ["data:"]
    assert section_lines(["data", "train", "images"], ["data", "root"]) == ["  train:"]
    assert section_lines(["data", "task"], ["data", "train", "images"]) == []
    assert section_lines(["data", "test", "images"], ["data", "train", "images"]) == ["  test:"]
    assert section_lines(["stages"], ["data", "task"]) == []
