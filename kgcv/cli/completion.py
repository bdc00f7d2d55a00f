"""`kgcv completion`: the tab key knows commands, options, paths and config keys."""

from __future__ import annotations

from typing import Literal

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", metavar="SHELL", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: Literal["bash", "zsh", "fish"]) -> None:
    """Print a script for SHELL (bash, zsh or fish) that completes commands, options, paths and keys of --set.

    \b
    Examples:
      kgcv completion bash >> ~/.bashrc
      kgcv completion zsh >> ~/.zshrc
      kgcv completion fish > ~/.config/fish/completions/kgcv.fish
    """
    found = get_completion_class(shell)
    assert found is not None, "click knows all three"
    # The script calls kgcv with this variable, and click answers before any command runs.
    click.echo(found(context.find_root().command, {}, "kgcv", "_KGCV_COMPLETE").source())
