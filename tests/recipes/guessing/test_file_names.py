from __future__ import annotations

import re

import pytest

from kgcv.recipes.guessing.file_names import find_pattern


@pytest.mark.parametrize(
    "names, pattern, labels",
    [
        ("cat.0.jpg cat.1.jpg dog.0.jpg dog.11.jpg", r"^(?P<label>cat|dog)\.\d+\.", ["cat", "dog"]),
        ("pug_1.jpg pug_2.jpg shih-tzu_1.jpg shih-tzu_2.jpg", r"^(?P<label>pug|shih\-tzu)_\d+\.", ["pug", "shih-tzu"]),
        ("great_dane_1.png great_dane_22.png pug_3.png pug_4.png", None, ["great_dane", "pug"]),
        ("01-rose.jpg 02-rose.jpg 03-tulip.jpg 04-tulip.jpg", r"^\d+\-(?P<label>rose|tulip)\.", ["rose", "tulip"]),
        ("a/cat.0.jpg a/cat.1.jpg b/dog.0.jpg b/dog.1.jpg", r"^(?P<label>cat|dog)\.\d+\.", ["cat", "dog"]),
    ],
)
def test_the_class_in_file_names(names: str, pattern: str | None, labels: list[str]) -> None:
    found = find_pattern(names.split())
    assert found is not None
    assert pattern in (None, found.pattern)
    matches = [re.search(found.pattern, name.rsplit("/", 1)[-1]) for name in names.split()]
    assert sorted({match["label"] for match in matches if match}) == sorted(found.counts) == labels
    assert all(matches)


def test_many_classes_are_not_listed() -> None:
    names = [f"kind{chr(97 + kind)}_{number}.jpg" for kind in range(13) for number in range(2)]
    found = find_pattern(names)
    assert found is not None
    assert found.pattern == r"^(?P<label>.+?)_\d+\."
    assert len(found.counts) == 13


@pytest.mark.parametrize(
    "names",
    ["1.jpg 2.jpg", "img_1.jpg img_2.jpg", "cat.0.jpg cat.1.jpg dog.0.jpg", "cat.0.jpg cat.1.jpg dog_0.jpg dog_1.jpg"],
)
def test_names_that_tell_no_class(names: str) -> None:
    assert find_pattern(names.split()) is None
