"""A blend: run folders, or prediction files, joined into one that can be decided on and submitted like any other."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from glob import escape
from pathlib import Path

from kgcv.config.schema import Config
from kgcv.data.predictions import Predictions, write_predictions
from kgcv.errors import CheckpointError, ConfigError, DataError
from kgcv.files import write_bytes, write_json
from kgcv.recipes.blend_members import Part, first_with
from kgcv.recipes.blend_report import BLEND_FILE, BlendResult, as_record, describe_blend
from kgcv.recipes.blend_scores import BlendRequest, Inputs, judge, read_inputs
from kgcv.recipes.decision import decide_run
from kgcv.recipes.run_folder import RUNS, RunFolder, only_here
from kgcv.scoring.blending import equal_shares


def blend(request: BlendRequest) -> BlendResult:
    """Blend members; folders give a folder, files give a file. Nothing is written unless all of it can be.

    Where weights are fitted, the blend's `oof.npz` holds the cross-fitted values, so that thresholds, or a blend of
    blends, are fitted to predictions as good as those of new samples.

    Raises:
        ConfigError: fewer than two members, files among folders, or a metric or a method that does not fit the task.
        DataError: members that do not fit together, or that lack what the method needs; or the output exists.
    """
    if len(request.members) < 2:
        raise ConfigError(["a blend needs two members or more"])
    path = _free_output(request)
    inputs = read_inputs(request)
    judged = judge(inputs, request)
    blender = equal_shares(request.rule, len(inputs.members), inputs.task) if judged is None else judged.blender
    blended = {part: joint.predictions(blender.blend(joint.values)) for part, joint in inputs.joints.items()}
    if judged is not None:
        blended["oof"] = inputs.joints["oof"].predictions(judged.values)
    result = describe_blend(path, request, inputs, blender, judged)
    if path.suffix == ".npz":
        (predictions,) = blended.values()
        write_predictions(path, predictions)
    else:
        result = _write_run(request, inputs, blended, result)
    return result


def _free_output(request: BlendRequest) -> Path:
    """Where the blend goes.

    Raises:
        ConfigError: a folder for files, or a file for folders.
        DataError: there is something already.
    """
    is_of_files = not request.members[0].is_dir()
    path = request.output
    if path is None and not is_of_files:
        path = RUNS / f"blend-{datetime.now():%Y%m%d-%H%M%S}"
    if path is None or (path.suffix == ".npz") != is_of_files:
        wanted = "files give a file: -o FILE.npz" if is_of_files else "run folders give a folder: -o DIR"
        raise ConfigError([f"a blend of {wanted}"])
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise DataError(f"{path}: exists already, and a run is never overwritten; choose another -o")
    return path


def _write_run(
    request: BlendRequest, inputs: Inputs, blended: dict[Part, Predictions], result: BlendResult
) -> BlendResult:
    """The blend as a run folder, with what the first member that has it knows of labels, folds and config.

    Returns:
        `result` with the score of the decision rule.
    """
    with _whole_folder(result.path) as run:
        for part, predictions in blended.items():
            write_predictions(run.predictions(part), predictions)
        labels = request.labels or first_with(inputs.members, lambda member: member.labels_file)
        split = first_with(inputs.members, lambda member: member.split_file)
        config = first_with(inputs.members, lambda member: member.config_file)
        copies = ((labels, run.labels_file), (split, run.split_file), (config, run.config_file))
        for source, target in copies:
            if source is not None:
                write_bytes(target, source.read_bytes())
        for name, score in (("oof", result.score), ("in_sample", result.in_sample)):
            if result.metric is not None and score is not None:
                run.add_scores(name, {result.metric: score})
        if inputs.config is not None and _can_be_decided(run, inputs.config):
            decision = decide_run(run.path, inputs.config)
            result = replace(result, decided=None if decision is None else decision.cross_fitted)
        write_json(run.path / BLEND_FILE, as_record(result))
    return result


def _can_be_decided(run: RunFolder, config: Config) -> bool:
    """Whether there is all that a rule is made of; thresholds are fitted to out-of-fold predictions."""
    has_oof = run.predictions("oof").is_file()
    return run.labels_file.is_file() and (has_oof or config.decision.thresholds == "fixed")


@contextmanager
def _whole_folder(path: Path) -> Iterator[RunFolder]:
    """A folder that takes the name `path` when the block ends well, and vanishes when it does not.

    What killed processes left of it vanishes as well; who is still at work there holds the folder's lock.
    """
    for left in path.parent.glob(f".{escape(path.name)}.*.tmp"):
        with suppress(CheckpointError), only_here(RunFolder(left)):
            shutil.rmtree(left)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    temporary.mkdir(parents=True)
    try:
        with only_here(RunFolder(temporary)):
            yield RunFolder(temporary)
            temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
