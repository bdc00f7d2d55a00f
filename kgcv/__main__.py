"""`python -m kgcv` is `kgcv`."""

from kgcv.cli.main import main

main(prog_name="kgcv")
