"""CPU seconds of one small file from queue to commit, one file a commit, as a quiet queue delivers them.

    python -m tests.benchmarks.trickle [--files 60] [--rows 100]

Queue and bucket are in memory, so that only billstream's own work counts: receive, decide, decode, commit, delete. The
lake is a real one on SQLite and a folder. The first files are for warming up and are not counted.
"""

import argparse
import logging
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import structlog

from billstream.cli import wiring
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.common.stop import Stop
from billstream.consumer.layouts.interest import BillingFiles
from billstream.consumer.layouts.layout import Layouts
from billstream.consumer.s3.objects import S3Objects
from billstream.consumer.worker import Worker
from tests.benchmarks.report import Options, Report
from tests.fakes.notifications import body_of
from tests.fakes.objects import FakeBucket
from tests.fakes.queue import FakeQueue

WARM_UP = 10
HEADER = (
    "ChargePeriodStart,BillingCurrency,BilledCost,EffectiveCost,ConsumedQuantity,ConsumedUnit,"
    "ServiceName,RegionId,x_UserId,x_ServiceTier"
)


def small_file(number: int, rows: int) -> str:
    """A FOCUS file of ten columns, different from all others."""
    lines = [
        f"2026-01-{1 + row % 28:02}T00:00:00Z,USD,{number}.{row:04},{number}.{row:04},{row},Hours,"
        f"Service {row % 20},eu-west-{row % 4},user{row % 50},free"
        for row in range(rows)
    ]
    return "\n".join([HEADER, *lines]) + "\n"


def cpu_of_files(home: Path, files: int, rows: int) -> list[float]:
    """CPU seconds of each file, all threads of the process together."""
    settings = Settings(home=home, log_level="ERROR")
    queue, bucket, stop = FakeQueue(), FakeBucket(now=datetime.now(UTC)), Stop()
    seconds: list[float] = []
    with Lake.open(settings, create=True) as lake:
        intake = wiring.intake(settings, lake, cast("S3Objects", bucket), role="consumer")
        worker = Worker(queue, intake, settings, stop, interest=BillingFiles(settings, Layouts()), clock=queue.clock)
        for number in range(WARM_UP + files):
            event = bucket.put(f"billing/{number:05}.csv", small_file(number, rows))
            queue.send(body_of(event))
            before = time.process_time()
            worker.run(drain=True)
            seconds.append(time.process_time() - before)
        if worker.summary.outcomes["loaded"] != len(seconds):
            raise RuntimeError(f"the benchmark's files did not load: {worker.summary}")
    return seconds[WARM_UP:]


def measure(options: Options) -> Report:
    """The section of the harness: milliseconds of CPU a file, in this process."""
    report = Report("One small file from queue to commit", ("rows",), ("CPU ms, median", "CPU ms, most"))
    for rows in (100, 1_000):
        with tempfile.TemporaryDirectory() as home:
            seconds = cpu_of_files(Path(home), 2 if options.quick else 20 * options.repeat, rows)
        report.add(rows, statistics.median(seconds) * 1000, max(seconds) * 1000)
    return report


def main() -> None:
    """Measure, and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=60)
    parser.add_argument("--rows", type=int, default=100)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory() as home:
        seconds = cpu_of_files(Path(home), options.files, options.rows)
    middle, worst = statistics.median(seconds), max(seconds)
    print(f"one file of {options.rows} rows: {middle * 1000:.0f} ms of CPU (median), {worst * 1000:.0f} at most")  # noqa: T201


if __name__ == "__main__":
    main()
