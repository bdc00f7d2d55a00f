"""What a folder holds that was just unpacked: folders of images, CSV files, and whatever else may say something."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from kgcv.data.images import IMAGE_SUFFIXES

Parts = tuple[str, ...]
"""A folder below the top, as the names on the way to it."""

_PACKED = (".zip", ".7z", ".tar", ".tgz", ".tar.gz", ".rar")
_NO_DATA = frozenset({"__MACOSX"})
"""Folders of a Mac's archives that mirror the others with files of another kind."""

_ROLES = {"train": "train", "training": "train", "test": "test", "testing": "test", "valid": "valid"}
_ROLES |= {"val": "valid", "validation": "valid"}


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """A folder with images in it or below it."""

    name: str
    """From the top of the survey, `.` for the top itself."""
    files: tuple[str, ...]
    """Names of its images from the folder itself, sorted, `/` between folders."""

    @property
    def role(self) -> str | None:
        """`train`, `test` or `valid`, where the folder's name says so."""
        return role_of(tuple(self.name.split("/")))

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The suffixes of its images, the most frequent one first."""
        return tuple(name for name, _ in self.count_suffixes().most_common())

    @property
    def class_folders(self) -> tuple[str, ...]:
        """Names of the folders in it that hold images, sorted; none if an image lies outside them."""
        if not all("/" in file for file in self.files):
            return ()
        return tuple(sorted({file.split("/", 1)[0] for file in self.files}))

    def count_suffixes(self) -> Counter[str]:
        """How many images have each suffix."""
        return Counter(suffix_of(file) for file in self.files)


@dataclass(frozen=True, slots=True)
class Survey:
    """The files of a competition, by kind."""

    root: Path
    folders: tuple[ImageFolder, ...]
    """Folders that may hold a part of the images each; some may lie in others."""
    tables: tuple[str, ...]
    """CSV files (`.gz` too), by their names from `root`."""
    others: tuple[str, ...]
    """JSON files, likewise."""
    packed: tuple[str, ...]
    """Archives that have not been unpacked, likewise."""


def take_survey(root: Path) -> Survey:
    """List the files below `root`; links are followed, hidden files and folders are passed over. Nothing is read."""
    images: dict[Parts, list[str]] = {}
    found: dict[str, list[str]] = {"tables": [], "others": [], "packed": []}
    for folder, files in _walk(root):
        inside = [file for file in files if suffix_of(file).lower() in IMAGE_SUFFIXES]
        if inside:
            images[folder] = inside
        for file in files:
            if kind := _kind(file.lower()):
                found[kind].append("/".join((*folder, file)))
    folders = tuple(_image_folder(top, images) for top in _tops((), images))
    return Survey(root, folders, *(tuple(sorted(found[kind])) for kind in ("tables", "others", "packed")))


def suffix_of(file: str) -> str:
    """The suffix as it is spelled, `.JPG` for `a/b.JPG`."""
    return os.path.splitext(file)[1]  # noqa: PTH122  as text: there may be a million


def role_of(parts: Parts) -> str | None:
    """`train`, `test` or `valid` for names such as `train-jpg` or `stage_1_test_images`; the last part counts."""
    for part in reversed(parts):
        for word in re.split(r"[^a-z]+", part.lower()):
            if word in _ROLES:
                return _ROLES[word]
    return None


def _kind(file: str) -> str | None:
    if file.endswith((".csv", ".csv.gz")):
        return "tables"
    if file.endswith(".json"):
        return "others"
    return "packed" if file.endswith(_PACKED) else None


def _walk(root: Path) -> Iterator[tuple[Parts, list[str]]]:
    """Every folder with the names of its files, sorted; a link to a folder around it is not followed."""
    for parent, children, files in os.walk(root, followlinks=True):
        children[:] = sorted(
            child
            for child in children
            if not child.startswith(".") and child not in _NO_DATA and not _leads_back(parent, child)
        )
        yield Path(parent).relative_to(root).parts, sorted(file for file in files if not file.startswith("."))


def _leads_back(parent: str, child: str) -> bool:
    path = Path(parent, child)
    return path.is_symlink() and Path(parent).resolve().is_relative_to(path.resolve())


def _tops(top: Parts, images: Iterable[Parts]) -> Iterator[Parts]:
    """The folders that hold a part of the images each.

    Folders side by side are such parts if one of them has a part's name, and classes of the folder around them if
    that has one. Where no name speaks, the folder around them comes first and then each of them.
    """
    below = [folder for folder in images if folder[: len(top)] == top]
    children = sorted({folder[: len(top) + 1] for folder in below if len(folder) > len(top)})
    is_named = any(role_of(folder[len(top) :]) for folder in below)
    if not below:
        return
    if (role_of(top) is None and is_named) or (len(children) == 1 and top not in below):
        for child in children:
            yield from _tops(child, below)
        return
    yield top
    if role_of(top) is None:
        yield from children


def _image_folder(top: Parts, images: Mapping[Parts, list[str]]) -> ImageFolder:
    files = [
        "/".join((*folder[len(top) :], file))
        for folder, names in images.items()
        if folder[: len(top)] == top
        for file in names
    ]
    return ImageFolder("/".join(top) or ".", tuple(sorted(files)))
