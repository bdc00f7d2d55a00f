"""What the ledger tells: own scores beside Kaggle's, by competition."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kgcv.errors import DataError
from kgcv.events import Reporter
from kgcv.kaggle.ledger import Entry, open_ledger
from kgcv.kaggle.slug import parse_slug
from kgcv.scoring.agreement import noise_band, rank_correlation
from kgcv.scoring.metrics import beats


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The submissions to one competition, and how far the own scores can be trusted."""

    competition: str
    entries: tuple[Entry, ...]
    """The oldest first."""
    metric: str | None
    """The own score's, of the newest submission that has one; what follows is of submissions with this metric."""
    greater_is_better: bool | None
    """None where nobody can tell; then there is no best."""
    num_pairs: int
    """Submissions with an own and a public score."""
    rank_correlation: float | None
    """Of own and public score: 1 where both put the submissions in the same order."""
    mean_gap: float | None
    """Public score - own score, the mean of the pairs."""
    gap_spread: float | None
    """Standard deviation of that (N - 1 in the denominator)."""
    best_own: Entry | None
    """The best by own score of what Kaggle has; the earlier of equals, as for the next."""
    best_public: Entry | None
    noise: float | None
    """A smaller difference of two scores means nothing; see `kgcv.scoring.agreement.noise_band`."""
    as_good: tuple[str, ...]
    """Ids of the others whose public score is no further than `noise` from the best one."""


def read_standings(path: Path, competition: str | None, reporter: Reporter) -> tuple[Standing, ...]:
    """The ledger at `path`, by competition, in the order of their first submissions.

    Args:
        path: the file; none is the same as an empty one.
        competition: the only one to tell of.
        reporter: hears of a line that was cut off.

    Raises:
        DataError: the ledger cannot be read, or has nothing (of `competition`).
        ConfigError: `competition` is no name.
    """
    entries = open_ledger(path, reporter).read()
    slugs = dict.fromkeys(entry.competition for entry in entries)
    wanted = list(slugs) if competition is None else [parse_slug(competition)]
    standings = tuple(_stand(slug, [entry for entry in entries if entry.competition == slug]) for slug in wanted)
    if not any(standing.entries for standing in standings):
        raise DataError(f"{path}: has no submission{'' if competition is None else f' to {wanted[0]}'} yet")
    return standings


def _stand(slug: str, entries: Sequence[Entry]) -> Standing:
    newest = next((entry for entry in reversed(entries) if entry.own_score is not None), None)
    metric, direction = (None, None) if newest is None else (newest.metric, newest.greater_is_better)
    sent = [entry for entry in entries if entry.ref is not None]
    alike = [entry for entry in sent if entry.metric == metric and entry.own_score is not None]
    pairs = [(entry.own_score, entry.public_score) for entry in alike]
    known = [(own, public) for own, public in pairs if own is not None and public is not None]
    gaps = [public - own for own, public in known]
    noise = noise_band([entry.own_spread for entry in alike if entry.own_spread is not None])
    best_public = _best(sent, direction, lambda entry: entry.public_score)
    return Standing(
        competition=slug,
        entries=tuple(entries),
        metric=metric,
        greater_is_better=direction,
        num_pairs=len(known),
        rank_correlation=rank_correlation([own for own, _ in known], [public for _, public in known]),
        mean_gap=statistics.fmean(gaps) if gaps else None,
        gap_spread=statistics.stdev(gaps) if len(gaps) > 1 else None,
        best_own=_best(alike, direction, lambda entry: entry.own_score),
        best_public=best_public,
        noise=noise,
        as_good=tuple(entry.id for entry in sent if _is_as_good(entry, best_public, noise)),
    )


def _best(entries: Iterable[Entry], direction: bool | None, score: Callable[[Entry], float | None]) -> Entry | None:
    best: Entry | None = None
    for entry in entries if direction is not None else ():
        value = score(entry)
        known = None if best is None else score(best)
        if value is not None and beats(value, known, greater_is_better=bool(direction)):
            best = entry
    return best


def _is_as_good(entry: Entry, best: Entry | None, noise: float | None) -> bool:
    if best is None or best.public_score is None or entry.public_score is None or noise is None:
        return False
    return entry.id != best.id and abs(entry.public_score - best.public_score) <= noise
