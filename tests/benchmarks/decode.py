"""Files into a lake, beside engines that only read and write: the sections `small`, `large`, `focus`, `cur` and more.

billstream checks encoding, hashes, finds the profile, keeps costs at full precision, quarantines what does not fit, and
commits rows, ledger and claims. All run by turns on files that have been read before; making the lake does not count.
"""

import statistics
import tempfile
from functools import partial
from pathlib import Path

from billstream.cli import opening, wiring
from billstream.common.settings import Settings
from billstream.consumer.backfill.local_files import find_files, load_files
from tests.benchmarks import bare, peers
from tests.benchmarks.files import Shape
from tests.benchmarks.measure import Ratio, Run, Taken, by_turns, clock
from tests.benchmarks.report import Options, Report

SPEED = "billstream's speed, CPU"
FIGURES = ("CPU s", "wall s", "rows per CPU s", SPEED, "billstream's speed, wall")
OURS = "billstream"


def billstream_load(shape: Shape, folder: Path, home: Path) -> Taken:
    """Load the files into a new lake."""
    settings = Settings(home=home)
    with opening.opened_lake(settings, create=True) as lake:
        with clock() as taken:
            files = find_files([folder], settings)
            done = load_files(files, wiring.local_intake(settings, lake), settings)
        ((rows,),) = lake.rows("SELECT count(*) FROM charges")
    if done.troubles or done.rejected or rows != shape.files * shape.rows:
        raise RuntimeError(f"the benchmark's files did not load: {done.outcomes} {done.troubles[:3]}")
    return taken


def measure(shape: Shape, options: Options) -> Report:
    """Return what each engine took."""
    shape = shape.tiny() if options.quick else shape
    report = Report(shape.words, ("engine",), FIGURES, compared=("CPU s", SPEED))
    with tempfile.TemporaryDirectory(prefix="billstream-bench-") as scratch, peers.running_peers() as others:
        base = Path(scratch)
        folder = base / "files"
        shape.write(folder)
        runs: dict[str, Run] = {
            OURS: lambda number: billstream_load(shape, folder, base / f"home-{number}"),
            "bare DuckDB, equal work": lambda _: bare.equal(shape, folder, base / "equal.parquet"),
            "bare DuckDB, cheapest": lambda _: bare.cheapest(shape, folder, base / "cheapest.parquet"),
        }
        for name, peer in others.items():
            runs[name] = partial(peer.load, shape, folder)
        taken = by_turns(options.repeat, runs)
    if not others:
        report.notes.append(peers.MISSING)
    for name, seconds in taken.items():
        cpu, wall = statistics.median(one.cpu for one in seconds), statistics.median(one.wall for one in seconds)
        ratios = (
            ("", "")
            if name == OURS
            else (
                Ratio.of([one.cpu for one in seconds], [one.cpu for one in taken[OURS]]),
                Ratio.of([one.wall for one in seconds], [one.wall for one in taken[OURS]]),
            )
        )
        report.add(name, cpu, wall, shape.files * shape.rows / cpu, *ratios)
    return report
