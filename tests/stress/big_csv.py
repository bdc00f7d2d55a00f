"""Reads CSV files of a gigabyte, and says how much memory that took.

    python -m tests.stress.big_csv [labels sample table] [--gigabytes 1] [--folder FOLDER]

Each file is made in a temporary folder (below FOLDER) and removed again; each is read by a process of its own, whose
peak of own memory counts, Python and its imports included. Ids are short, which makes rows many and is the worst case.
Exit 1 where a reader takes more than `most` in the table below.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROWS_A_BLOCK = 100_000


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file."""

    header: str
    row: Callable[[int], str]
    read: Callable[[Path], int]
    """Gives the number of rows."""
    most: float
    """Bytes of memory that a byte may take; of a gigabyte, labels took 5.0, sample files 12.2 and tables 9.8."""


def read_labels(path: Path) -> int:
    from kgcv.data.csv_table import read_csv_table

    return len(read_csv_table(path).column("label"))


def read_sample(path: Path) -> int:
    from kgcv.submission.table import read_sample

    return len(read_sample(path).ids)


def read_table(path: Path) -> int:
    from kgcv.config.schema import DataConfig
    from kgcv.data.tables.reading import read_tables

    data = DataConfig(kind="table", root=str(path.parent), tables={"train": path.name}, id_column="Id")
    return read_tables(data).num_train


KINDS = {
    "labels": Kind("id,label", lambda n: f"{n:08d}.jpg,{('cat', 'dog', 'horse')[n % 3]}", read_labels, 6),
    "sample": Kind("id,p", lambda n: f"{n:08d}.jpg,0.5", read_sample, 14),
    "table": Kind(
        "Id,Shop,Date,Sales,Open,Promo",
        lambda n: f"{n},{n % 1115:04d},2015-{n % 12 + 1:02d}-{n % 28 + 1:02d},{n * 7 % 40000},{n % 7 != 0:d},{n % 2}",
        read_table,
        13,
    ),
}


def main() -> None:
    """Make, read and measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("kinds", nargs="*", metavar="KIND", default=list(KINDS))
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read is not None:
        number = KINDS[options.kinds[0]].read(options.read)
        print(number, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
        return
    sys.exit(any([not measure(name, options) for name in options.kinds]))  # noqa: C419  all of them


def measure(name: str, options: argparse.Namespace) -> bool:
    """Whether the memory stays below what is promised."""
    kind = KINDS[name]
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        path = Path(place) / f"{name}.csv"
        with path.open("w", encoding="utf-8") as stream:
            for block in blocks(kind):
                stream.write(block)
                if stream.tell() >= options.gigabytes * 1e9:
                    break
        began = time.perf_counter()
        command = [sys.executable, "-m", "tests.stress.big_csv", name, "--read", str(path)]
        done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{name}: exit {done.returncode}: {done.stderr[-1000:]}", flush=True)
            return False
        rows, peak = map(int, done.stdout.split())
        size = path.stat().st_size
    print(
        f"{name}: {size / 1e9:.2f} GB, {rows:,} rows in {time.perf_counter() - began:.0f} s: {peak / 1e9:.2f} GB at "
        f"the peak, {peak / size:.1f} bytes a byte (at most {kind.most:g})",
        flush=True,
    )
    return peak <= kind.most * size


def blocks(kind: Kind) -> Iterator[str]:
    """The header, then rows without end."""
    yield kind.header + "\n"
    first = 0
    while True:
        yield "".join(f"{kind.row(number)}\n" for number in range(first, first + ROWS_A_BLOCK))
        first += ROWS_A_BLOCK


if __name__ == "__main__":
    main()
