"""Measures kgcv and its peers on the same files, by turns, and prints medians and ratios.

    python -m tests.benchmarks.bench [ROW ...] [--rounds 5] [--json FILE] [--folder FOLDER] [--list]

Each measurement is a process of its own on the same number of cores. A ratio is the peer's median divided by kgcv's;
a peer that is not installed is listed as such. `make bench` installs the peers and measures every row.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.benchmarks.row import Row, use_cores

MISSING_EXIT_CODE = 77
PACKAGES = ("kgcv", "torch", "torchvision", "timm", "pillow", "fastai", "lightning", "webdataset", "ffcv")


def find_rows() -> dict[str, Row]:
    """All rows, in the order of the files beside this one and within them."""
    files = sorted((Path(__file__).parent / "rows").glob("[a-z]*.py"))
    modules = [importlib.import_module(f"tests.benchmarks.rows.{file.stem}") for file in files]
    return {row.name: row for module in modules for row in module.ROWS}


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", metavar="ROW")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--folder", type=Path, default=Path("cache/bench"))
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--only", metavar="CONTENDER", help="one measurement, in this process: what the bench starts")
    options = parser.parse_args()
    rows = find_rows()
    if unknown := set(options.names) - set(rows):
        parser.error(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(rows)}")
    chosen = [rows[name] for name in options.names or rows]
    if options.list:
        print("\n".join(f"{row.name:<22} {row.work}" for row in chosen))
    elif options.only:
        measure_here(chosen[0], options.only, options.folder.resolve())
    else:
        run(chosen, options)


def measure_here(row: Row, contender: str, folder: Path) -> None:
    """One measurement; the seconds are the last line on stdout."""
    try:
        seconds = row.contenders[contender](folder)
    except ImportError as error:
        print(error, file=sys.stderr)
        sys.exit(MISSING_EXIT_CODE)
    print(f"\n{seconds!r}")


def run(rows: list[Row], options: argparse.Namespace) -> None:
    """Measure rows one after the other and print each as soon as it is done."""
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    machine = describe_machine()
    print(" ".join(f"{name} {value}," for name, value in machine.items()).rstrip(","))
    print(f"\n{'row':<20} {'who':<22} {'median':>14} {'range':>17} {'times kgcv':>11} {'meant':>6} {'load':>5}")
    found = []
    for row in rows:
        row.prepare(folder)
        result = measure_row(row, folder, row.rounds or options.rounds)
        result["note"] = row.note(folder)
        print_row(row, result)
        found.append(result)
        if options.json:  # anew after each row, for a bench takes an hour and may be cut short
            options.json.write_text(json.dumps({"machine": machine, "rows": found}, indent=1) + "\n")


def measure_row(row: Row, folder: Path, rounds: int) -> dict[str, Any]:
    """All contenders by turns, `rounds` times; who fails is measured no more, and the reason kept."""
    seconds: dict[str, list[float]] = {name: [] for name in row.contenders}
    failures: dict[str, str] = {}
    load = os.getloadavg()[0]
    for _ in range(rounds):
        for name in row.contenders:
            if name not in failures:
                try:
                    seconds[name].append(measure(row, name, folder))
                except RuntimeError as error:
                    failures[name] = str(error)
    medians = {name: statistics.median(each) for name, each in seconds.items() if each and name not in failures}
    own = medians.get(next(iter(row.contenders)))
    ratios = {name: median / own for name, median in medians.items()} if own else {}
    return {
        "row": row.name,
        "work": row.work,
        "cores": row.cores,
        "load": load,
        "seconds": seconds,
        "medians": medians,
        "ratios": ratios,
        "targets": dict(row.targets),
        "failures": failures,
    }


def measure(row: Row, contender: str, folder: Path) -> float:
    """Seconds of one measurement, in a process of its own.

    Raises:
        RuntimeError: the contender is not installed, or failed.
    """
    command = [sys.executable, "-m", "tests.benchmarks.bench", row.name, "--only", contender, "--folder", str(folder)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=row.limit,
            preexec_fn=lambda: use_cores(row.cores),
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"given up after {row.limit} s") from error
    if done.returncode == MISSING_EXIT_CODE:
        raise RuntimeError(f"not installed: {done.stderr.strip()}")
    if done.returncode:
        raise RuntimeError(f"failed: {done.stderr[-1500:]}")
    return float(done.stdout.splitlines()[-1])


def print_row(row: Row, result: dict[str, Any]) -> None:
    """A line for each contender."""
    print(f"{row.name}: {row.work}")
    for name in row.contenders:
        if name in result["failures"]:
            print(f"{'':<20} {name:<22} {result['failures'][name].strip().splitlines()[-1]}")
            continue
        each = result["seconds"][name]
        shown = [figure(row, value) for value in (result["medians"][name], min(each), max(each))]
        ratio, target = result["ratios"].get(name), row.targets.get(name)
        ratio_text = f"{ratio:.3g}" if ratio is not None else ""
        spread = f"{shown[1]} to {shown[2]}"
        print(
            f"{'':<20} {name:<22} {shown[0] + ' ' + (row.unit or 's'):>14} {spread:>17} {ratio_text:>11} "
            f"{'' if target is None else target:>6} {result['load']:>5.2f}",
            flush=True,
        )
    if result["note"]:
        print(f"{'':<20} {result['note']}", flush=True)


def figure(row: Row, seconds: float) -> str:
    """Units a second, or the seconds."""
    return f"{row.amount / seconds:,.0f}" if row.unit else f"{seconds:.3g}"


def describe_machine() -> dict[str, str]:
    """Versions, processor, cores, load, day."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return {
        **versions,
        "python": platform.python_version(),
        "processor": processor(),
        "cores": str(os.cpu_count()),
        "day": datetime.now(UTC).date().isoformat(),
    }


def processor() -> str:
    """The processor's name, and whether it multiplies in bfloat16."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    by_key = {key.strip(): value.strip() for key, value in fields.items()}
    flags = by_key.get("flags", "").split()
    kind = "native bfloat16" if {"avx512_bf16", "amx_bf16"} & set(flags) else "no native bfloat16"
    return f"{by_key.get('model name', platform.machine())} ({kind})"


if __name__ == "__main__":
    main()
