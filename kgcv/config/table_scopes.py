"""Keys that only images have, and keys that only tables have."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from kgcv.config.schema import Config
from kgcv.config.yaml_source import KeyPath

_OF_IMAGES: tuple[KeyPath, ...] = (
    ("data", "train"),
    ("data", "test"),
    ("split", "folder"),
    ("split", "allow_twins"),
    ("resize",),
    ("augment",),
    ("tta",),
    ("model", "pretrained"),
    ("model", "weights"),
    ("model", "channels"),
    ("model", "pool"),
    ("model", "num_groups"),
    ("train", "channels_last"),
    ("train", "workers"),
)
_OF_IMAGE_STAGES = ("image_size", "augment", "precompute", "may_shrink")

_OF_TABLES: tuple[KeyPath, ...] = (
    ("data", "tables"),
    ("data", "target"),
    ("data", "id_column"),
    ("data", "date_column"),
    ("data", "missing_words"),
    ("data", "cache"),
    ("features",),
    ("columns",),
    ("target",),
    ("rows",),
    ("split", "days"),
    ("split", "gap_days"),
)


def keys_of_other_kind(config: Config, broken: Collection[str] = ()) -> Iterator[tuple[KeyPath, str]]:
    """Every key that does nothing with `data.kind` as it is, with the kind that it needs."""
    if "data" in broken:
        return
    kind = config.data.kind
    for paths, needed in ((_OF_IMAGES, "images"), (_OF_TABLES, "table")):
        if kind != needed:
            yield from ((path, f"does nothing here; it needs data.kind: {needed}") for path in paths)
    if kind == "table" and "stages" not in broken:
        for index in range(len(config.stages)):
            for key in _OF_IMAGE_STAGES:
                yield ("stages", index, key), "does nothing here; it needs data.kind: images"
