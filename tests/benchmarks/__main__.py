"""How fast `billstream load` is beside bare DuckDB on the same files, in one run.

    python -m tests.benchmarks [--many 400x1000] [--large 10x500000] [--repeat 3]

Bare DuckDB reads with `read_csv` and writes one Parquet file, costs as DECIMAL(18,6), with nothing checked and
nothing remembered. billstream checks encoding, hashes, finds the profile, keeps costs at full precision
(DECIMAL(38,18)), quarantines what does not fit, and commits rows, ledger and claims. Both run in this process and by
turns, on files that have been read before; the first round of each is not counted.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from billstream.cli import opening, wiring
from billstream.common.settings import Settings
from billstream.consumer.backfill.local_files import find_files, load_files

COSTS = ("BilledCost", "EffectiveCost", "ConsumedQuantity")
COLUMNS = {
    "ChargePeriodStart": "strftime(TIMESTAMP '2026-01-01' + INTERVAL (i % 2000) HOUR, '%Y-%m-%dT%H:%M:%SZ')",
    "BillingCurrency": "'USD'",
    "BilledCost": "(random() * 100)::DECIMAL(18, 10)",
    "EffectiveCost": "(random() * 100)::DECIMAL(18, 10)",
    "ConsumedQuantity": "(random() * 1000)::DECIMAL(18, 3)",
    "ConsumedUnit": "'Hours'",
    "ServiceName": "'Service ' || (i % 20)",
    "RegionId": "'eu-west-' || (i % 4)",
    "x_UserId": "'user' || (i % 500)",
    "x_ServiceTier": "['free', 'pro', 'team'][1 + i % 3]",
}


def write_files(folder: Path, files: int, rows: int) -> None:
    """FOCUS files, ten columns."""
    folder.mkdir(parents=True)
    columns = ", ".join(f'{value} AS "{name}"' for name, value in COLUMNS.items())
    with duckdb.connect() as con:
        for number in range(files):
            con.execute(f"COPY (SELECT {columns} FROM range({rows}) t(i)) TO '{folder}/{number:05}.csv' (HEADER)")


def bare_duckdb(folder: Path, target: Path) -> float:
    """Seconds from CSV to Parquet."""
    types = dict.fromkeys(COLUMNS, "VARCHAR") | dict.fromkeys(COSTS, "DECIMAL(18,6)")
    types["ChargePeriodStart"] = "TIMESTAMPTZ"
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in types.items())
    with duckdb.connect(config={"preserve_insertion_order": "false"}) as con:
        started = time.perf_counter()
        con.execute(
            f"COPY (SELECT * FROM read_csv('{folder}/*.csv', columns = {{{columns}}}, auto_detect = false, "
            f"header = true, filename = true)) TO '{target}' (FORMAT parquet)"
        )
        return time.perf_counter() - started


def billstream_load(folder: Path, home: Path) -> float:
    """Seconds of a load into a new lake; making the lake does not count."""
    settings = Settings(home=home)
    with opening.opened_lake(settings, create=True) as lake:
        started = time.perf_counter()
        files = find_files([folder], settings)
        done = load_files(files, wiring.local_intake(settings, lake), settings)
        seconds = time.perf_counter() - started
    if done.troubles or done.outcomes["loaded"] != len(files):
        raise RuntimeError(f"the benchmark's files did not load: {done.outcomes} {done.troubles[:3]}")
    return seconds


def by_turns(repeat: int, *runs: Callable[[int], float]) -> list[list[float]]:
    """Each run once for warming up, then all of them in turn."""
    times: list[list[float]] = [[] for _ in runs]
    for number in range(repeat + 1):
        for taken, run in zip(times, runs, strict=True):
            seconds = run(number)
            if number:
                taken.append(seconds)
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--many", default="400x1000")
    parser.add_argument("--large", default="10x500000")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    table = Table("files x rows", "bare DuckDB", "billstream", "files/s", "rows/s", "billstream's share of bare speed")
    with tempfile.TemporaryDirectory(prefix="billstream-bench-") as scratch:
        base = Path(scratch)
        for shape in (options.many, options.large):
            files, rows = (int(part) for part in shape.split("x"))
            folder = base / shape
            write_files(folder, files, rows)
            bare, ours = by_turns(
                options.repeat,
                lambda number, folder=folder: bare_duckdb(folder, base / f"{number}.parquet"),  # type: ignore[misc]
                lambda number, folder=folder, shape=shape: billstream_load(folder, base / f"home-{shape}-{number}"),  # type: ignore[misc]
            )
            ratios = [b / o for b, o in zip(bare, ours, strict=True)]
            seconds = statistics.median(ours)
            table.add_row(
                f"{files} x {rows:,}",
                f"{statistics.median(bare):.2f} s",
                f"{seconds:.2f} s",
                f"{files / seconds:,.0f}",
                f"{files * rows / seconds:,.0f}",
                f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
            )
    Console().print(table)


if __name__ == "__main__":
    main()
