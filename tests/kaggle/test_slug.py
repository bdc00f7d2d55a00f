"""What people paste for a competition's name."""

import pytest

from kgcv.errors import ConfigError
from kgcv.kaggle.slug import parse_slug


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("leaf-disease", "leaf-disease"),
        (" leaf-disease\n", "leaf-disease"),
        ("GiveMeSomeCredit", "GiveMeSomeCredit"),
        ("https://www.kaggle.com/competitions/leaf-disease", "leaf-disease"),
        ("https://www.kaggle.com/competitions/leaf-disease/data?select=train.csv", "leaf-disease"),
        ("http://kaggle.com/c/leaf-disease#rules", "leaf-disease"),
        ("kaggle.com/competitions/leaf-disease/", "leaf-disease"),
    ],
)
def test_names_and_addresses(text, name):
    assert parse_slug(text) == name


@pytest.mark.parametrize("text", ["", "leaf disease", "a/b", "../x", "https://www.kaggle.com/datasets/a/b", "-c"])
def test_anything_else_is_refused_before_kaggle_answers_403(text):
    with pytest.raises(ConfigError, match="is no competition's name"):
        parse_slug(text)
