"""Commands from start to end, each a process of its own: the sections `memory`, of big files, and `start`."""

import statistics
import tempfile
from dataclasses import replace
from pathlib import Path

from tests.benchmarks.files import FOCUS, PLAIN, Shape
from tests.benchmarks.fleet import new_fleet
from tests.benchmarks.report import Options, Report

GB = 1_000_000_000
MB = 1_000_000
STARTS = 3
BIG = (
    Shape("plain CSV", 1, 1000, PLAIN),
    Shape("plain CSV, gzip", 1, 1000, PLAIN, gzip=True),
    Shape("FOCUS CSV with quoted tags", 1, 1000, FOCUS),
)


def memory(options: Options) -> Report:
    """One big file each: the most memory that the process ever had."""
    figures = ("MB", "rows", "peak MB", "CPU s", "wall s")
    report = Report("One big file", ("file",), figures, compared=("peak MB", "CPU s"))
    for small in BIG:
        with new_fleet(aws=False) as fleet:
            shape = small if options.quick else replace(small, rows=_rows(small, options.big * GB))
            folder = fleet.home / "files"
            shape.write(folder)
            (path,) = folder.iterdir()
            taken, peak = fleet.run("load", str(path))
            report.add(small.name, round(path.stat().st_size / MB), shape.rows, peak / MB, taken.cpu, taken.wall)
    report.notes.append("The gzip file is the plain one, compressed. Peak: the resident set of the largest process.")
    return report


def start(options: Options) -> Report:
    """What a command costs before it does anything."""
    report = Report("Start of a command", ("command",), ("CPU s", "wall s"), compared=("CPU s",))
    with new_fleet() as fleet:
        for command in (["--help"], ["--version"], ["status"]):
            taken = [fleet.run(*command)[0] for _ in range(1 if options.quick else STARTS * options.repeat)]
            cpu, wall = statistics.median(one.cpu for one in taken), statistics.median(one.wall for one in taken)
            report.add(f"billstream {command[0]}", cpu, wall)
    return report


def _rows(shape: Shape, size: float) -> int:
    """Return how many rows make a file of that size, before it is compressed."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "sample"
        replace(shape, gzip=False, rows=100_000).write(folder)
        return int(size / sum(path.stat().st_size for path in folder.iterdir()) * 100_000)
