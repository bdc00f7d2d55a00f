"""Curves for Weights & Biases: online, unless the user's own settings (`WANDB_MODE`, `wandb offline`) say otherwise."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kgcv.config.yaml_source import read_written_yaml
from kgcv.errors import ConfigError
from kgcv.events import RunStarted
from kgcv.files import hash_file

if TYPE_CHECKING:
    import wandb

PROJECT = "kgcv"
"""Where WANDB_PROJECT names no other."""


def log_in() -> None:
    """Make sure that there is a login where one is needed; on a terminal wandb asks for it.

    Raises:
        ConfigError: there is none.
    """
    import wandb

    if wandb.setup().settings.mode in ("offline", "disabled"):
        return
    try:
        has_login = wandb.login()
    except wandb.errors.UsageError:
        has_login = False
    if not has_login:
        raise ConfigError(["--log-to wandb: there is no login; run `wandb login`, or set WANDB_MODE=offline"])


class WandbCurves:
    """One run of wandb's for each fold, grouped by the run folder, in which wandb's own files lie, too.

    The id is made of the run folder's `environment.json`, so that a process that goes on with a run goes on with its
    curves, also where the folder has moved.
    """

    def __init__(self) -> None:
        self._run: wandb.Run | None = None

    def start(self, event: RunStarted) -> str:
        """Begin or resume the fold's run; several folds follow each other."""
        import wandb

        self.close()
        folder = event.folder
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            id=f"{hash_file(folder / 'environment.json')[:12]}-fold{event.fold}",
            name=f"{folder.name}-fold{event.fold}",
            group=folder.name,
            config=read_written_yaml((folder / "config.yaml").read_text(encoding="utf-8")),
            dir=folder,
            resume="allow",
            settings=wandb.Settings(console="off", silent=True),  # the terminal is kgcv's
        )
        # Not wandb's own steps, which may not go back: a resume repeats some.
        self._run.define_metric("step", hidden=True)
        self._run.define_metric("*", step_metric="step")
        sync = f"wandb sync {folder / 'wandb'}/offline-run-*"
        return sync if self._run.offline else self._run.url or sync

    def write(self, step: int, values: dict[str, float]) -> None:
        """Add a point to each curve."""
        if self._run is not None:
            self._run.log({"step": step, **values})

    def close(self) -> None:
        """Wait until wandb has written, or sent, what is left."""
        if self._run is not None:
            self._run.finish()
            self._run = None
