"""Seconds and peak memory of feature building, for a competition's tables and for copies of them with more rows.

Run: python tests/benchmarks/bench_features.py CONFIG [--rows 10000000] [--key Store] [--folder FOLDER]

The copies have every table with the column KEY again and again, each time with other keys, until `rows` has as many
rows as asked for: so groups, gaps and joins stay as they are, and only their number grows. Tables without KEY stay
as they are. Each size runs in a process of its own, whose largest resident set is what is printed.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kgcv.config.load import load_config
from kgcv.data.csv_table import read_csv_table
from kgcv.data.tables.features import load_features
from kgcv.events import Silent, never_stop


def main() -> None:
    """Measure the tables as they are, and copies with `--rows` rows."""
    options = _options()
    if options.measure:
        print(json.dumps(_measure(options)))
        return
    config = load_config(options.config, [f"data.root={options.root}"] if options.root else [])
    root, tables = Path(config.data.root), dict(config.data.tables)
    print(f"{'rows':>12} {'read':>8} {'steps':>8} {'all':>8} {'again':>8} {'peak GB':>8}")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        _print_row(_run(options, root, tables, Path(folder) / "cache"))
        tables, copied = _copy(root, tables, options.key, options.rows, Path(folder) / "copies")
        _print_row(_run(options, copied, tables, Path(folder) / "cache"))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("config", type=Path)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--key", default="Store")
    parser.add_argument("--root")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--measure", action="store_true", help="in the process that does the work")
    return parser.parse_args()


def _run(options: argparse.Namespace, root: Path, tables: dict[str, str], cache: Path) -> dict[str, float]:
    """Measure in a fresh process."""
    overrides = [f"data.root={root}", f"data.cache={cache}"]
    overrides += [f"data.tables.{name}={file}" for name, file in tables.items()]
    command = [sys.executable, __file__, str(options.config), "--measure"]
    command += [part for override in overrides for part in ("--set", override)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def _measure(options: argparse.Namespace) -> dict[str, float]:
    config = load_config(options.config, options.set)
    start = time.perf_counter()
    table, report = load_features(config, Silent(), never_stop)
    num_rows, built = len(table.frame), time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # kilobytes on Linux
    del table
    start = time.perf_counter()
    load_features(config, Silent(), never_stop)
    return {
        "rows": num_rows,
        "read": report.reading_seconds,
        "steps": sum(step.seconds for step in report.steps),
        "all": built,
        "again": time.perf_counter() - start,
        "peak": peak,
    }


def _print_row(found: dict[str, float]) -> None:
    times = " ".join(f"{found[name]:8.2f}" for name in ("read", "steps", "all", "again", "peak"))
    print(f"{found['rows']:12,d} {times}", flush=True)


def _copy(root: Path, tables: dict[str, str], key: str, num_rows: int, folder: Path) -> tuple[dict[str, str], Path]:
    """Write the copies; give their files and their folder."""
    folder.mkdir()
    parts = [read_csv_table(root / tables[name]) for name in ("train", "test") if name in tables]
    copies = -(-num_rows // sum(len(part.column(key)) for part in parts))
    step = max(int(number) for part in parts for number in part.column(key)) + 1
    for file in set(tables.values()):
        table = read_csv_table(root / file)
        with (folder / file.removesuffix(".gz")).open("w", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(table.names)
            for copy in range(copies if key in table.names else 1):
                columns = dict(table.columns)
                if copy:
                    columns[key] = tuple(str(int(number) + copy * step) for number in columns[key])
                writer.writerows(zip(*columns.values(), strict=True))
    return {name: file.removesuffix(".gz") for name, file in tables.items()}, folder


if __name__ == "__main__":
    main()
