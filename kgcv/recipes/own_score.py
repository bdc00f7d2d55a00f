"""What a run says of itself when it is submitted: its score, and a line for Kaggle's list of submissions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from kgcv.config.load import load_config
from kgcv.files import as_written, read_json
from kgcv.recipes.check_submission import CheckResult
from kgcv.recipes.run_folder import RunFolder
from kgcv.recipes.runs import RunSummary, summarize_run
from kgcv.submission.formats import DECIDED


@dataclass(frozen=True, slots=True)
class OwnScore:
    """A run beside which Kaggle's scores will stand; None for what it does not know."""

    run: str
    """The folder's name."""
    model: str | None
    """The backbone, or what was blended."""
    sizes: tuple[int, ...]
    """Image sizes of the stages in pixels, each once, in their order; empty where samples are rows."""
    score: float | None
    """On all labelled samples, each predicted by a model that did not see it; where tags were decided, cross-fitted."""
    spread: float | None
    """Standard deviation of the folds' scores (N - 1 in the denominator); None for a single fold."""
    metric: str | None
    greater_is_better: bool | None
    num_folds: int | None


def read_own_score(run: Path, format: str) -> OwnScore:
    """What the run in folder `run` reached.

    Args:
        run: a folder with a config.
        format: of its submission; one that is made of decisions is scored with the decision rule.
    """
    summary = summarize_run(run)
    # A blend's config is that of its first member.
    stages = () if summary.state == "blend" else load_config(run / "config.yaml").stages
    own = OwnScore(
        run=summary.name,
        model=summary.model,
        sizes=tuple(dict.fromkeys(stage.image_size for stage in stages if stage.image_size)),
        score=summary.score,
        spread=summary.spread,
        metric=summary.metric,
        greater_is_better=summary.greater_is_better,
        num_folds=summary.folds_done,
    )
    return _decided(own, summary, RunFolder(run)) if format in DECIDED else own


def make_message(checked: CheckResult, own: OwnScore | None) -> str:
    """A line that tells a submission from the others: `resnet34 64-128-256, f2 0.9301 ± 0.0021 (5 folds), planet-1`.

    A file is told by its name and the beginning of its hash.
    """
    if own is None:
        return f"{checked.path.name} {checked.sha256[:12]}"
    sizes = "-".join(map(str, own.sizes))
    parts = (" ".join(filter(None, (own.model, sizes))), _score_text(own), own.run)
    return ", ".join(filter(None, parts))


def _score_text(own: OwnScore) -> str:
    if own.score is None or own.metric is None:
        return ""
    spread = "" if own.spread is None else f" ± {own.spread:.4f} ({own.num_folds} folds)"
    return f"{own.metric} {own.score:.4f}{spread}"


def _decided(own: OwnScore, summary: RunSummary, folder: RunFolder) -> OwnScore:
    """With the score of the run's own decision rule; one taken from another run has that run's score."""
    with as_written(folder.thresholds_file):
        rule = read_json(folder.thresholds_file)
        if summary.decided is None or rule.get("like") is not None:
            return own
        # Rules are fitted to an F-beta, of which more is better.
        return replace(own, score=summary.decided, metric=rule.get("metric"), greater_is_better=True)
