"""The `kgcv` command: its subcommands, and what becomes of their errors."""

from __future__ import annotations

import atexit
import errno
import gc
import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from kgcv import __version__
from kgcv.cli.blend import blend
from kgcv.cli.check import check
from kgcv.cli.completion import completion
from kgcv.cli.config import config
from kgcv.cli.decide import decide
from kgcv.cli.download import download
from kgcv.cli.embeddings import embeddings
from kgcv.cli.explain import explain
from kgcv.cli.features import features
from kgcv.cli.folds import folds
from kgcv.cli.init import init
from kgcv.cli.kaggle import kaggle
from kgcv.cli.leaderboard import leaderboard
from kgcv.cli.ledger import ledger
from kgcv.cli.lr_find import lr_find
from kgcv.cli.options import RUN_FOLDER
from kgcv.cli.predict_one import predict_one
from kgcv.cli.report import report
from kgcv.cli.resize import resize
from kgcv.cli.runs import runs
from kgcv.cli.sample import sample
from kgcv.cli.streams import open_missing_streams
from kgcv.cli.submit import submit
from kgcv.cli.summary import summary
from kgcv.cli.train import train
from kgcv.cli.tta import tta
from kgcv.errors import KgcvError, printable
from kgcv.launch import read_launch

BUG_EXIT_CODE = 3
INTERRUPT_EXIT_CODE = 130

# Trouble with the machine rather than with the program: disk full, quota, no permission, read-only.
_MACHINE_TROUBLE = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS}


class KgcvGroup(click.Group):
    """A group that lists its commands in the order of work and turns errors into exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order in which they were added."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with their whole first sentences, which click would cut off."""
        with formatter.section("Commands"):
            rows = [(name, self.commands[name].get_short_help_str(1000)) for name in self.list_commands(ctx)]
            formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error becomes a line on stderr and its exit code.

        Click itself sees to wrong command lines (2) and to a closed pipe.
        """
        try:
            return super().invoke(ctx)
        except KgcvError as error:
            _complain(str(error))
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            _complain("interrupted")
            ctx.exit(INTERRUPT_EXIT_CODE)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            ctx.exit(_end_unexpectedly(error, ctx.meta.get(RUN_FOLDER)))


def _complain(text: str) -> None:
    with suppress(OSError):  # the terminal may have gone, and the exit code still counts
        launch = read_launch()
        name = "kgcv" if launch.is_first else f"kgcv, process {launch.rank}"
        for line in text.split("\n"):
            click.echo(f"{name}: {printable(line)}", err=True)


def _end_unexpectedly(error: Exception, run: Path | None) -> int:
    if isinstance(error, OSError) and error.errno in _MACHINE_TROUBLE:
        _complain(f"{error.filename or 'cannot go on'}: {error.strerror}")
        return KgcvError.exit_code
    import traceback  # with what it loads, a tenth of the time of `kgcv --help`

    log = (run if run is not None and run.is_dir() else Path()) / "kgcv.log"
    when = datetime.now().astimezone().isoformat(timespec="seconds")
    record = f"{when} kgcv {__version__}: {' '.join(sys.argv)}\n{traceback.format_exc()}"
    place = f"in {log}"
    try:
        with log.open("a", encoding="utf-8") as stream:
            stream.write(record)
    except OSError:
        click.echo(record, err=True)
        place = "above"
    _complain(f"unexpected {type(error).__name__}: {error} (a bug; the traceback is {place})")
    return BUG_EXIT_CODE


@click.group(
    cls=KgcvGroup,
    name="kgcv",
    context_settings={
        "auto_envvar_prefix": "KGCV",
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
    },
)
@click.version_option(__version__, prog_name="kgcv")
@click.pass_context
def main(context: click.Context) -> None:
    """From a folder of images and a YAML file to a checked submission.

    \b
    Usual order:
      kgcv sample fashion data/fashion
      kgcv train data/fashion/fashion.yaml
      kgcv tta runs/latest --split test
      kgcv submit runs/latest --check

    Environment variables stand in for options: KGCV_TRAIN_RUN_DIR for the option --run-dir of train,
    KGCV_PROGRESS, KGCV_SET and KGCV_JSON for --progress, --set and --json everywhere.

    Exit codes: 0 done, 1 expected failure, 2 wrong command line or config, 3 a bug, 4 Kaggle, 128 + n stopped
    by signal n, after saving (Ctrl-C 130, SIGTERM 143, SIGHUP 129, SIGUSR1 138).
    """
    open_missing_streams()
    # Else Python, before it ends, looks through all objects of torch and timm for cycles: 0.9 of 1.0 s, measured.
    atexit.register(gc.freeze)
    if read_launch().world_size > 1 and context.invoked_subcommand not in ("resize", "train", "tta"):
        raise click.UsageError(f"{context.invoked_subcommand} is one process; torchrun is for resize, train and tta")


for _command in (
    sample,
    download,
    init,
    check,
    folds,
    resize,
    features,
    lr_find,
    train,
    tta,
    decide,
    blend,
    submit,
    ledger,
    leaderboard,
    kaggle,
    predict_one,
    explain,
    embeddings,
    runs,
    report,
    summary,
    config,
    completion,
):
    main.add_command(_command)
