"""Other programs that draw a run's curves: asked for by `--log-to`, and never a reason for a run to end."""

from __future__ import annotations

from importlib.util import find_spec

import click

from kgcv.errors import ConfigError
from kgcv.events import Event, Message, Reporter, RunStarted
from kgcv.report.curves import CurveLogger, CurveSink

TARGETS = ("tensorboard", "wandb")

log_to_option = click.option(
    "--log-to",
    type=click.Choice(TARGETS),
    multiple=True,
    help="Draw the curves there, too: tensorboard writes into the run folder, wandb opens connections unless "
    "WANDB_MODE=offline. Repeatable.",
)
"""Programs to tell, as `log_to: tuple[str, ...]`."""


def build_logger(target: str) -> CurveLogger:
    """The listener that tells `target`, one of `TARGETS`.

    Raises:
        ConfigError: it is not installed, or nobody is logged in there.
    """
    # A folder of the name, which wandb leaves where it is used, would be found as a package without a file.
    if (spec := find_spec(target)) is None or spec.origin is None:
        raise ConfigError([f"--log-to {target}: is not installed; pip install 'kgcv[{target}]'"])
    return CurveLogger(_build_sink(target))


def _build_sink(target: str) -> CurveSink:
    if target == "tensorboard":
        from kgcv.report.tensorboard_curves import TensorBoardCurves

        return TensorBoardCurves()
    from kgcv.report.wandb_curves import WandbCurves, log_in

    log_in()
    return WandbCurves()


class Guarded:
    """Passes events on to a logger until it fails, which is said once; a run is worth more than its curves."""

    def __init__(self, target: str, logger: CurveLogger, listeners: Reporter) -> None:
        self._target = target
        self._logger: CurveLogger | None = logger
        self._listeners = listeners

    def report(self, event: Event) -> None:
        """Tell the logger, and where its curves are seen once it knows."""
        if self._logger is None:
            return
        try:
            self._logger.report(event)
        except Exception as error:  # whatever other people's programs raise
            self._give_up(error)
        else:
            if isinstance(event, RunStarted):
                self._listeners.report(Message(f"{self._target}: {self._logger.place}"))

    def close(self) -> None:
        """Finish the curves."""
        if self._logger is not None:
            try:
                self._logger.close()
            except Exception as error:
                self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self._logger = None
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        self._listeners.report(Message(f"{self._target}: {reason}; the run goes on without its curves", "warning"))
