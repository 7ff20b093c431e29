"""Files through S3 and SQS: the sections `throughput`, `latency` and `insights`.

A file counts as visible when its consumer has logged that it is loaded, which is after the commit. All times are of one
clock, from before the put.
"""

import json
import random
import time

from tests.benchmarks.fleet import LAKES, ROWS, Fleet, new_fleet
from tests.benchmarks.measure import percentile
from tests.benchmarks.report import Options, Report

CONSUMERS = (1, 2)
BACKLOG = 1000
RATES = {1: 60, 20: 30}  # files a second → seconds
WARM_UP = 3
PUBLICATIONS = 12
PAUSE = 6.0


def throughput(options: Options) -> Report:
    """A backlog: files a second from when the consumers run to the last commit."""
    report = Report("A backlog of small files", ("lake", "consumers"), ("files/s", "CPU ms a file", "times one"))
    backlog = 12 if options.quick else BACKLOG
    for lake in LAKES[:1] if options.quick else LAKES:
        alone = 0.0
        for consumers in CONSUMERS:
            with new_fleet(lake) as fleet:
                for number in range(backlog):
                    fleet.put(f"{number}.csv", number)
                start(fleet, consumers)
                began, cpu = time.time(), fleet.cpu_seconds()
                fleet.wait_until(lambda fleet=fleet: len(fleet.loaded()) == backlog, every=0.2)  # type: ignore[misc]
                cpu = fleet.cpu_seconds() - cpu
                rate = backlog / (max(event["at"] for event in fleet.loaded().values()) - began)
            alone = alone or rate
            report.add(lake, consumers, rate, cpu / backlog * 1000, f"{rate / alone:.2f}")
    return report


def latency(options: Options) -> Report:
    """Put → visible at a steady rate."""
    figures = ("p50 s", "p95 s", "p99 s", "most s", "CPU ms a file")
    keys, compared = ("lake", "consumers", "files/s put"), ("p50 s", "p99 s", "CPU ms a file")
    report = Report("From put to visible", keys, figures, compared)
    for lake in LAKES[:1] if options.quick else LAKES:
        for consumers in CONSUMERS[:1] if options.quick else CONSUMERS:
            with new_fleet(lake) as fleet:
                start(fleet, consumers)
                for rate, seconds in {5: 1}.items() if options.quick else RATES.items():
                    waits, cpu = _steady(fleet, rate, seconds)
                    shares = [percentile(waits, share) for share in (0.5, 0.95, 0.99)]
                    report.add(lake, consumers, rate, *shares, max(waits), cpu / len(waits) * 1000)
    return report


def insights(options: Options) -> Report:
    """Put → insights.json at the default settings, with a consumer and an aggregator."""
    report = Report("From put to insights.json", ("lake", "files"), ("p50 s", "p95 s", "most s"))
    pause, files = (0.1, 1) if options.quick else (PAUSE, PUBLICATIONS)
    for lake in LAKES[:1] if options.quick else LAKES:
        with new_fleet(lake) as fleet:
            start(fleet, 1)
            fleet.start("aggregate")
            waits = list[float]()
            for number in range(files + 1):
                name, rows = f"{number}.csv", (number + 1) * ROWS
                fleet.put(name, number)
                fleet.wait_until(lambda fleet=fleet, rows=rows: _published(fleet) == rows)  # type: ignore[misc]
                waits.append(time.time() - fleet.put_at[name])
                time.sleep(random.uniform(0, pause))  # noqa: S311 - so that puts are at any point of a cycle
        del waits[0]  # the first publication of a lake is other work
        report.add(lake, files, percentile(waits, 0.5), percentile(waits, 0.95), max(waits))
    return report


def start(fleet: Fleet, consumers: int) -> None:
    """Start consumers, and return when all of them run; the first makes the lake."""
    for number in range(consumers):
        fleet.start("consume")
        fleet.wait_until(lambda number=number: len(fleet.events("process_started", "consume")) > number)  # type: ignore[misc]


def _steady(fleet: Fleet, rate: int, seconds: int) -> tuple[list[float], float]:
    """Put so many files a second; return how long each took to be visible, and the CPU seconds of the consumers."""
    names = [f"at-{rate}-{number}.csv" for number in range(-WARM_UP, rate * seconds)]
    for number, name in enumerate(names[:WARM_UP]):
        fleet.put(name, rate * 10**6 + number)
    fleet.wait_until(lambda: names[WARM_UP - 1] in fleet.loaded())
    cpu, began = fleet.cpu_seconds(), time.monotonic()
    for number, name in enumerate(names[WARM_UP:]):
        # Not all at the same distance: what comes in step with the consumer's polls would measure that step.
        time.sleep(max(0.0, began + (number + random.random()) / rate - time.monotonic()))  # noqa: S311
        fleet.put(name, rate * 10**6 + WARM_UP + number)
    fleet.wait_until(lambda: fleet.loaded().keys() >= set(names), every=0.2)
    loaded = fleet.loaded()
    return [loaded[name]["at"] - fleet.put_at[name] for name in names[WARM_UP:]], fleet.cpu_seconds() - cpu


def _published(fleet: Fleet) -> int:
    """Return how many charges the insights are of."""
    path = fleet.home / "lake" / "insights" / "insights.json"
    return int(json.loads(path.read_text())["charge_rows"]) if path.exists() else 0
