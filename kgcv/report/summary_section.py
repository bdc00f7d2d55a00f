"""The first section: what the run reached, on what, and what it is."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import numpy as np

from kgcv.config.schema import Config, StageConfig
from kgcv.engine.schedule import cycle_epochs
from kgcv.files import read_json
from kgcv.kaggle.ledger import Entry
from kgcv.recipes.origins import views_behind
from kgcv.recipes.report_data import ReportData
from kgcv.recipes.report_epochs import describe_stage
from kgcv.recipes.report_times import read_sessions
from kgcv.report.page import Block, Section, Table, Text
from kgcv.report.wording import format_bytes, format_number, format_seconds
from kgcv.scoring.metrics import find_metric

_STATES = {
    "finished": "All folds are trained.",
    "partial": "Not all folds are trained yet.",
    "interrupted": "Training has not come to its end.",
    "blend": "This run is a blend of others.",
}


def summary_section(data: ReportData) -> Section:
    """Scores, thresholds, submissions, model, stages, data, time and versions."""
    blocks: list[Block] = [Text(_headline(data))]
    blocks += [table for table in (_scores(data), _thresholds(data), _submissions(data)) if table is not None]
    blocks.append(Table(("what", "value"), tuple(_facts(data)), "The run", num_left=2))
    if data.config is not None and data.summary.state != "blend":
        blocks.append(_stages(data.config))
    return Section("summary", "Summary", tuple(blocks))


def _headline(data: ReportData) -> str:
    run = data.summary
    parts = [_STATES[run.state]]
    if run.score is not None and run.metric is not None:
        direction = {True: "greater is better", False: "smaller is better", None: "direction not known"}
        spread = "" if run.spread is None else f" ± {format_number(run.spread)} between folds"
        parts.append(f"{run.metric} {format_number(run.score)}{spread} ({direction[run.greater_is_better]}).")
    if data.validated is not None:
        parts.append(f"Computed on {data.validated.basis}.")
    else:
        parts.append("There is nothing to compute scores on: no predictions of samples whose labels are known.")
    return " ".join(parts)


def _scores(data: ReportData) -> Table | None:
    """`scores.json`: a row a metric, out of fold and by fold."""
    oof: dict[str, float] = data.scores.get("oof", {})
    in_sample: dict[str, float] = data.scores.get("in_sample", {})
    folds: dict[str, dict[str, float]] = data.scores.get("valid", {})
    names = list(dict.fromkeys(name for each in (oof, in_sample, *folds.values()) for name in each))
    if not names:
        return None
    columns = {"all folds": oof, **({"in sample": in_sample} if in_sample else {}), **folds}
    several = len(folds) > 1
    rows = tuple(
        (
            name,
            *(format_number(each.get(name)) for each in columns.values()),
            *((_spread([each[name] for each in folds.values() if name in each]),) if several else ()),
        )
        for name in names
    )
    header = ("metric", *columns, *(("spread",) if several else ()))
    return Table(header, rows, f"Scores as in scores.json. {_tell_scores(data, bool(in_sample))}")


def _spread(scores: list[float]) -> str:
    return format_number(float(np.std(scores, ddof=1))) if len(scores) > 1 else "-"


def _tell_scores(data: ReportData, has_in_sample: bool) -> str:
    if data.summary.state == "blend":
        fitted = "in sample: on the samples that the weights were fitted to, optimistic. " if has_in_sample else ""
        return f"all folds: on all labelled samples at once, weights cross-fitted where they are fitted. {fitted}"
    return (
        "all folds: on all validation samples at once, each predicted by the fold that did not see it"
        f"{_tell_views(data)}; fold: on that fold's validation samples alone, with its best weights; spread: standard "
        "deviation of the folds' scores (N - 1 in the denominator). Best weights were chosen on these same samples."
        f"{_tell_threshold(data)}"
    )


def _tell_threshold(data: ReportData) -> str:
    """Which tags count as given in the competition's metric, where it is one of tags given."""
    name, config = data.summary.metric, data.config
    if name is None or config is None or data.truth is None or data.truth.task != "multi":
        return ""
    if config.train.metric_file is not None or (metric := find_metric(name, "multi")).needs != "decisions":
        return ""
    threshold = metric.threshold if config.decision.threshold is None else config.decision.threshold
    return f" {name}: tags with a probability above {threshold:g} count as given."


def _tell_views(data: ReportData) -> str:
    """The views that the predictions were averaged over, where there are more than the plain one."""
    folds = range(data.split.num_folds) if data.split is not None else ()
    names = {views for views, _ in views_behind(data.run, "valid", folds)} - {("plain",)}
    told = " or ".join(", ".join(views) for views in sorted(names))
    return f", averaged over the views {told}" if told else ""


def _thresholds(data: ReportData) -> Table | None:
    """`thresholds.json`: every rule with its scores."""
    file = data.run.thresholds_file
    content: dict[str, Any] = read_json(file) if file.is_file() else {}
    rules: dict[str, dict[str, float]] = content.get("rules", {})
    if not rules:
        return None
    rows = tuple(
        (
            f"{name} {content['fixed_threshold']:.4g}" if name == "fixed" else name,
            "chosen" if name == content["rule"] else "",
            format_number(scores["in_sample"]),
            format_number(scores["cross_fitted"]),
        )
        for name, scores in rules.items()
    )
    like = "" if content.get("like") is None else f" The rule and its scores are those of the run {content['like']}."
    caption = (
        f"Decision rules as in thresholds.json: {content['metric']} on {content['fitted_on']}. in sample: on the "
        "samples that the thresholds were fitted to, optimistic; cross-fitted: each part decided with thresholds from "
        f"the others, the one to believe.{like}"
    )
    return Table(("rule", "", "in sample", "cross-fitted"), rows, caption, num_left=2)


def _submissions(data: ReportData) -> Table | None:
    if not data.submissions:
        return None
    header = ("time (UTC)", "status", "metric", "own score", "spread", "public", "private", "public - own")
    caption = (
        "Submissions of this run, from the ledger. own score: on validation samples, as above; public and private: "
        "Kaggle's, on its test samples."
    )
    return Table(header, tuple(_submission(entry) for entry in data.submissions), caption, num_left=3)


def _submission(entry: Entry) -> tuple[str, ...]:
    own, public = entry.own_score, entry.public_score
    gap = "-" if own is None or public is None else f"{public - own:+.4f}"
    numbers = (own, entry.own_spread, public, entry.private_score)
    return (entry.time, entry.status, entry.metric or "-", *map(format_number, numbers), gap)


def _facts(data: ReportData) -> Iterator[tuple[str, str]]:
    yield "folder", str(data.run.path.resolve().name)
    yield from _model_facts(data)
    yield from _data_facts(data)
    sessions = read_sessions(data.run)
    if sessions:
        told = f"{len(sessions)} session{'s' if len(sessions) > 1 else ''}"
        yield "time trained", f"{format_seconds(sum(each.seconds for each in sessions))} in {told}"
    file = data.run.path / "environment.json"
    if file.is_file():
        yield from _environment_facts(read_json(file))


def _model_facts(data: ReportData) -> Iterator[tuple[str, str]]:
    run, config = data.summary, data.config
    yield "model", run.model or "-"
    if run.weights_bytes is not None:
        yield "weights", f"{format_bytes(run.weights_bytes)} a fold"
    if config is None or run.state == "blend":
        return
    if config.data.kind == "images":
        pretrained = "ImageNet or the like, by timm" if config.model.pretrained else "random"
        yield "starting weights", config.model.weights or pretrained
    train = config.train
    yield "optimizer, loss", f"{train.optimizer}, {train.loss}"
    yield "seed", f"{train.seed}; of the split {config.split.seed}"


def _data_facts(data: ReportData) -> Iterator[tuple[str, str]]:
    truth, split = data.truth, data.split
    if truth is None:
        return
    yield "task", truth.task
    what = "columns" if truth.task == "regression" else "classes"
    yield "labelled samples", f"{len(truth.ids):,}, with {len(truth.class_names):,} {what}"
    if split is not None and (split.folds >= 0).any():
        counts = [(len(split.train_rows(fold)), len(split.valid_rows(fold))) for fold in range(split.num_folds)]
        yield "training + validation", "; ".join(f"{train:,} + {valid:,}" for train, valid in counts)


def _environment_facts(content: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "started", str(content.get("started", "-"))
    yield "command", shlex.join(map(str, content.get("command", ())))
    yield "device", f"{content.get('device', '-')}, threads: {content.get('threads', '-')}"
    yield "system", f"Python {content.get('python', '-')}, {content.get('platform', '-')}"
    known = {name: version for name, version in content.get("versions", {}).items() if version is not None}
    yield "versions", ", ".join(f"{name} {version}" for name, version in known.items())
    yield "git commit of the working directory", str(content.get("git_commit") or "none")


def _stages(config: Config) -> Table:
    header = ("stage", "what", "epochs", "batch", "learning rates", "schedule")
    rows = tuple(_stage(number, stage, config) for number, stage in enumerate(config.stages, start=1))
    return Table(header, rows, "Stages as planned in config.yaml; learning rates from the stem to the head", num_left=2)


def _stage(number: int, stage: StageConfig, config: Config) -> tuple[str, ...]:
    return (
        str(number),
        describe_stage(stage) or "all layers",
        " + ".join(map(str, cycle_epochs(stage))),
        str(stage.batch_size or config.train.batch_size),
        ", ".join(f"{lr:g}" for lr in stage.lr),
        stage.schedule or config.train.schedule,
    )
