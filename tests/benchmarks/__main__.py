"""How fast billstream is, and beside whom.

    python -m tests.benchmarks [sections…] [--repeat 3] [--quick] [--json FILE]

Without sections, all of them run, one after the other. docs/benchmarks.md says what each measures, and has the results.
"""

import argparse
import json
import logging
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import structlog
from rich.console import Console

from tests.benchmarks import aggregating, arriving, commands, decode, redeliveries, scaling, trickle
from tests.benchmarks.files import SHAPES
from tests.benchmarks.report import Options, Report, machine

# Name → what measures it. A new section is a module with a function from options to a report, and a line here.
SECTIONS: dict[str, Callable[[Options], Report]] = {
    **{name.replace(" ", "-").lower(): partial(decode.measure, shape) for name, shape in SHAPES.items()},
    "trickle": trickle.measure,
    "redeliveries": redeliveries.measure,
    "throughput": arriving.throughput,
    "latency": arriving.latency,
    "insights": arriving.insights,
    "refresh": aggregating.refresh,
    "idle": aggregating.idle,
    "commits": scaling.commits,
    "changes": scaling.changes,
    "memory": commands.memory,
    "start": commands.start,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="sections", help=", ".join(SECTIONS))
    parser.add_argument("--repeat", type=int, default=Options.repeat, help="rounds that count")
    parser.add_argument("--quick", action="store_true", help="tiny inputs: to see that all works")
    parser.add_argument("--big", type=float, default=Options.big, metavar="GB", help="size of the one big file")
    parser.add_argument(
        "--millions", type=int, nargs="+", default=Options.millions, help="rows in the lake of the section `refresh`"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    given = parser.parse_args()
    if unknown := [name for name in given.sections if name not in SECTIONS]:
        parser.error(f"no such section: {', '.join(unknown)}. There are {', '.join(SECTIONS)}.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that folders and processes are removed
    options = Options(repeat=given.repeat, quick=given.quick, big=given.big, millions=tuple(given.millions))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    console = Console(width=None if sys.stdout.isatty() else 140)
    found = {}
    for name in given.sections or SECTIONS:
        report = SECTIONS[name](options)
        report.title = f"{name}: {report.title}"
        console.print(report.table(), "")
        found[name] = report.values()
        if given.json:  # after each section, as a run of all takes long
            given.json.write_text(json.dumps({"machine": dict(machine()), "sections": found}, indent=2) + "\n")
    console.print(", ".join(f"{name}: {value}" for name, value in machine().items()))


if __name__ == "__main__":
    main()
