"""How far one lake goes: the sections `commits`, of consumers on PostgreSQL, and `changes`, a refresh by its size."""

import tempfile
import time
from pathlib import Path

from billstream.cli import opening
from billstream.common.settings import Settings
from tests.benchmarks.aggregating import STEPS, Aggregator, load
from tests.benchmarks.arriving import start
from tests.benchmarks.files import PLAIN, Shape
from tests.benchmarks.fleet import MANY_HOSTS, new_fleet
from tests.benchmarks.report import Options, Report

CONSUMERS = (1, 2, 4)
BATCHES = {1: 300, 200: 3000}  # files in a commit at most → files that wait
CHANGED = (1_000, 10_000, 100_000, 1_000_000)


def commits(options: Options) -> Report:
    """A backlog on PostgreSQL and S3, with a commit for each file, where the snapshot id is the limit, and in batches.

    It is measured from when all consumers run: what was committed before that does not count.
    """
    figures = ("files/s", "commits/s", "CPU ms a file", "refused a commit", "times one")
    report = Report("Consumers on one PostgreSQL catalog", ("files a commit", "consumers"), figures)
    for batch, backlog in {1: 4}.items() if options.quick else BATCHES.items():
        alone = 0.0
        for consumers in CONSUMERS[:1] if options.quick else CONSUMERS:
            with new_fleet(MANY_HOSTS, BILLSTREAM_BATCH_FILES=str(batch)) as fleet:
                for number in range(backlog):
                    fleet.put(f"{number}.csv", number)
                start(fleet, consumers)
                began, cpu, before = time.time(), fleet.cpu_seconds(), fleet.snapshots()
                fleet.wait_until(lambda fleet=fleet, many=backlog: len(fleet.loaded()) == many, every=0.2)  # type: ignore[misc]
                cpu, after = fleet.cpu_seconds() - cpu, fleet.snapshots()
                times = [event["at"] for event in fleet.loaded().values() if event["at"] > began]
            if not times:
                raise RuntimeError("the backlog was gone before all consumers ran: it has to be larger")
            done, refused = (now - then for now, then in zip(after, before, strict=True))
            seconds = max(times) - began
            rate = len(times) / seconds
            alone = alone or rate
            shares = cpu / len(times) * 1000, refused / done, f"{rate / alone:.2f}"
            report.add(batch, consumers, rate, done / seconds, *shares)
    return report


def changes(options: Options) -> Report:
    """One commit of so many rows into a lake of a million, and what the aggregator then does."""
    report = Report("After one commit", ("rows changed",), (*(f"{step} CPU s" for step in STEPS), "together wall s"))
    base, changed = (1_000, (100,)) if options.quick else (1_000_000, CHANGED)
    with tempfile.TemporaryDirectory(prefix="billstream-bench-") as scratch:
        folder = Path(scratch)
        settings = Settings(home=folder / "home")
        with opening.opened_lake(settings, create=True) as lake:
            load(lake, settings, Shape("base", 1, base, PLAIN), folder / "base")
            aggregator = Aggregator(lake, settings)
            aggregator.go_round()
            load(lake, settings, Shape("warm", 1, 50, PLAIN), folder / "warm")
            aggregator.go_round()  # the first refresh is of all rows, and the second one warms up
            for rows in changed:
                load(lake, settings, Shape(f"of-{rows}", 1, rows, PLAIN), folder / f"{rows}")
                taken = aggregator.go_round()
                report.add(f"{rows:,}", *(one.cpu for one in taken.values()), sum(one.wall for one in taken.values()))
    return report
