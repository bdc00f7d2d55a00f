"""The name of a competition, from what people paste for it."""

from __future__ import annotations

import re

from kgcv.errors import ConfigError

_ADDRESS = re.compile(r"(?:https?://)?(?:www\.)?kaggle\.com/(?:competitions|c)/([^/?#]+)", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def parse_slug(text: str) -> str:
    """The name in `leaf-disease` or in `https://www.kaggle.com/competitions/leaf-disease/data`.

    Kaggle answers an address, taken for a name, with a 403 that does not say so.

    Raises:
        ConfigError: it is neither.
    """
    address = _ADDRESS.match(text.strip())
    name = address[1] if address else text.strip()
    if not _NAME.fullmatch(name):
        raise ConfigError(
            [f"{text!r} is no competition's name; it is the last part of https://www.kaggle.com/competitions/NAME"]
        )
    return name
