"""What the harnesses against the stand-in for Kaggle share."""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar


class Named(Protocol):
    """A case that can be chosen by its name."""

    @property
    def name(self) -> str:
        """What is wrong in it."""
        ...


ROOT = Path(__file__).resolve().parents[2]

Case = TypeVar("Case", bound=Named)


def load_loopback() -> Any:
    """The module of the stand-in, which lies in no package: one called kaggle would hide Kaggle's own."""
    place = ROOT / "tests" / "kaggle" / "loopback.py"
    spec = importlib.util.spec_from_file_location("loopback_kaggle", place)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def run_worker(
    module: str, arguments: Sequence[str], folder: Path, environ: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """The `work` of a harness in a process of its own, in `folder`."""
    command = [sys.executable, "-m", module, "--worker", *arguments]
    settings = {**os.environ, **environ, "OMP_NUM_THREADS": "1", "VERBOSE": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True, check=False, timeout=120)


def run_cases(
    about: str | None,
    heading: str,
    cases: Iterable[Case],
    try_out: Callable[[Case, Any], list[str]],
    work: Callable[[list[str]], None],
) -> None:
    """The program of a harness: `try_out` tells what is wrong with a case; exit 1 if anything is.

    Args:
        about: for `--help`.
        heading: of the columns that `try_out` prints.
        cases: all there are.
        try_out: runs a case against the stand-in, by `run_worker`.
        work: what that does.
    """
    if sys.argv[1:2] == ["--worker"]:
        return work(sys.argv[2:])
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="cases whose name holds these words")
    only = parser.parse_args().only
    loopback = load_loopback()
    print(heading)
    outcomes = [try_out(case, loopback) for case in cases if only in case.name]
    wrong = sum(map(bool, outcomes))
    print(f"{len(outcomes)} cases, {wrong} of them wrong")
    sys.exit(int(wrong > 0))
