"""Which tags a tile of the sample `satellite` has: those of Planet's Amazon competition, and what goes with what.

The common tags come about as often as among the competition's 40,479 training tiles; the six rarest, 98 to 340 tiles
there, are raised to 2 or 3 in a hundred, so that a sample of 1,200 has some 30 of each.
"""

from __future__ import annotations

import numpy as np

WEATHER = ("clear", "partly_cloudy", "haze", "cloudy")
"""Exactly one of them on every tile."""

LOCAL = (
    "habitation",
    "cultivation",
    "bare_ground",
    "slash_burn",
    "artisinal_mine",
    "conventional_mine",
    "selective_logging",
    "blooming",
    "blow_down",
)
"""Tags of something that lies at one place of the tile."""

OF_THE_FOREST = ("selective_logging", "blooming", "blow_down")
"""Local tags that are seen in the canopy, and only there."""

GROUND = ("primary", "agriculture", "water", "road", *LOCAL)
"""Every tag of the ground; `primary` is rain forest."""

TAGS = tuple(sorted((*WEATHER, *GROUND)))
"""All 17, with the competition's own spelling."""

_WEATHER_SHARES = (0.70, 0.18, 0.07, 0.05)

MOST_LOCAL = 5
"""A tile has nine places; more than five things at once would leave no room for forest and clouds."""


def draw_tags(rng: np.random.Generator) -> tuple[str, ...]:
    """The tags of one tile, sorted: a weather and, unless it is cloudy, what lies on the ground."""
    weather = WEATHER[int(np.searchsorted(np.cumsum(_WEATHER_SHARES)[:-1], rng.random(), side="right"))]
    # All numbers are drawn whatever the tags are, so that a changed chance moves no other tag.
    draws = dict(zip(GROUND, rng.random(len(GROUND)), strict=True))
    return (weather,) if weather == "cloudy" else tuple(sorted((weather, *_draw_ground(draws))))


def _draw_ground(draws: dict[str, float]) -> tuple[str, ...]:
    """The tags of the ground; `draws` has a uniform number for each of them."""
    tags: set[str] = set()

    def draw(tag: str, chance: float) -> None:
        if draws[tag] < chance:
            tags.add(tag)

    draw("primary", 0.92)  # and where nothing else is drawn, which makes it the competition's 0.93
    has_forest = "primary" in tags
    draw("agriculture", 0.28 if has_forest else 0.75)
    has_fields = "agriculture" in tags
    draw("water", 0.19)
    draw("habitation", 0.17 if has_fields else 0.065)
    has_people = "habitation" in tags
    draw("road", 0.65 if has_people else 0.34 if has_fields else 0.085)
    draw("cultivation", 0.32 if has_people else 0.16 if has_fields else 0.075)
    draw("slash_burn", 0.12 if "cultivation" in tags else 0.016)
    draw("artisinal_mine", 0.08 if "water" in tags else 0.018)
    draw("conventional_mine", 0.028)
    has_mine = bool(tags & {"artisinal_mine", "conventional_mine"})
    draw("bare_ground", 0.25 if has_mine else 0.025)
    for tag in OF_THE_FOREST:
        draw(tag, 0.03 if has_forest else 0.0)
    crowded = [tag for tag in LOCAL if tag in tags][MOST_LOCAL:]
    return tuple(tags - set(crowded)) or ("primary",)
