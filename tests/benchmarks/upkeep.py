"""What a lake costs to ask after many small commits, with and without maintenance.

    python -m tests.benchmarks.upkeep [--commits 2000] [--every 500] [--keep 60] [--catalog postgresql://…]

A fast-forward: small files are loaded one commit each, by the product's own way from file to commit, with a refresh
after every 20 of them, as a trickle of some files a minute has. Nothing waits, so that minutes here are weeks there: a
file is merged without having to age, and snapshots are kept for `--keep` seconds. 10,000 commits:
`--commits 10000 --every 1000`.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from billstream.aggregator.refresh import refresh_once
from billstream.cli import opening, wiring
from billstream.cli.status import read_status
from billstream.cli.verify import prove
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.consumer.backfill.local_files import find_files, load_files
from billstream.maintenance.upkeep import maintain
from billstream.maintenance.values import Limits
from tests.benchmarks.files import PLAIN, Shape

COLUMNS = ("commits", "upkeep", "sum", "refresh", "open", "status", "files", "snapshots", "disk / live", "seconds")
REFRESH_EVERY = 20
ROWS = 20


def seconds(work: Callable[[], object]) -> float:
    """The shorter of two runs: a process that others disturb is not the lake's fault."""
    taken = []
    for _ in range(2):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


def measured(lake: Lake, settings: Settings, folder: Path) -> list[str]:
    """One line of the table, but for its ends."""

    def opened() -> None:
        with closing(Lake.open(settings, read_only=True)):
            pass

    load(lake, settings, folder / "one")
    began = time.perf_counter()
    refresh_once(lake)
    refreshed = time.perf_counter() - began
    summed = seconds(lambda: lake.rows("SELECT service_name, sum(billed_cost) FROM charges GROUP BY ALL"))
    status = seconds(lambda: read_status(lake, None, None))
    ((files, live, snapshots),) = lake.rows(
        "SELECT count(*), sum(data_file_size_bytes + coalesce(delete_file_size_bytes, 0)), "
        "(SELECT count(*) FROM ducklake_snapshots('lake')) FROM ducklake_list_files('lake', 'charges')"
    )
    disk = sum(path.stat().st_size for path in Path(lake.data_path, "main", "charges").glob("*.parquet"))
    times = [f"{taken * 1000:,.0f} ms" for taken in (summed, refreshed, seconds(opened), status)]
    return [*times, f"{files:,}", f"{snapshots:,}", f"{disk / live:.2f}"]


def load(lake: Lake, settings: Settings, folder: Path) -> None:
    """Load a folder of new files, one commit each."""
    Shape("upkeep", REFRESH_EVERY, ROWS, PLAIN).write(folder)
    done = load_files(find_files([folder], settings), wiring.local_intake(settings, lake), settings)
    if done.troubles:
        raise RuntimeError(f"the benchmark's files did not load: {done.troubles[:3]}")


def fast_forward(
    settings: Settings, scratch: Path, options: argparse.Namespace, *, upkeep: bool
) -> Iterator[list[str]]:
    """Load and refresh, and yield a line now and then; prove the lake at the end."""
    limits = Limits(keep=timedelta(seconds=options.keep), grace=timedelta(0), settled=timedelta(0))
    began = time.perf_counter()
    with opening.opened_lake(settings, create=True) as lake:
        refresh_once(lake)
        for number in range(options.commits // REFRESH_EVERY):
            load(lake, settings, scratch / f"{upkeep}-{number}")
            refresh_once(lake)
            if upkeep:
                maintain(lake, limits)
            commits = (number + 1) * REFRESH_EVERY
            if number == 0 or commits % options.every == 0:
                found = measured(lake, settings, scratch / f"{upkeep}-{number}-more")
                yield [f"{commits:,}", "yes" if upkeep else "no", *found, f"{time.perf_counter() - began:,.0f}"]
        findings = prove(lake, settings).findings
        if findings:
            raise RuntimeError(f"the lake is not right: {findings[:3]}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commits", type=int, default=2000)
    parser.add_argument("--every", type=int, default=500)
    parser.add_argument("--keep", type=float, default=60)
    parser.add_argument("--catalog", help="a PostgreSQL database for the lake with upkeep, and none without")
    options = parser.parse_args()
    table = Table(*COLUMNS)
    with tempfile.TemporaryDirectory(prefix="billstream-upkeep-") as scratch:
        for upkeep in (True,) if options.catalog else (False, True):
            home = Path(scratch) / f"home-{upkeep}"
            catalog = SecretStr(options.catalog) if options.catalog else None
            settings = Settings(home=home, catalog=catalog, batch_files=1, log_level="error")
            for line in fast_forward(settings, Path(scratch), options, upkeep=upkeep):
                table.add_row(*line)
                Console(stderr=True).print(" ".join(line))
    Console().print(table)


if __name__ == "__main__":
    main()
