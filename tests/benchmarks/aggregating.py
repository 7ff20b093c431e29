"""The aggregator's work: the sections `refresh`, after one small commit, and `idle`, when nothing has changed."""

import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from billstream.aggregator.alerts.config import read_sinks
from billstream.aggregator.analysis.analyst import Analyst
from billstream.aggregator.publish import Publisher, target_of
from billstream.aggregator.refresh import refresh_once
from billstream.cli import opening, wiring
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.consumer.backfill.local_files import find_files, load_files
from tests.benchmarks.files import PLAIN, Shape
from tests.benchmarks.fleet import new_fleet
from tests.benchmarks.measure import Taken, clock
from tests.benchmarks.report import Options, Report

MILLION = 1_000_000
ROUNDS = 5  # for each of `--repeat`, as one round is a second
SMALL = 100
COMMITS = (20, 200)
SETTLE, WINDOW = 90.0, 120.0
STEPS = ("refresh", "analyse", "publish")


def refresh(options: Options) -> Report:
    """One small commit in a lake of many rows, and what the aggregator then does, in a process that goes on running."""
    figures = (*(f"{step} CPU s" for step in STEPS), "together CPU s", "together wall s")
    report = Report("After one commit of 100 rows", ("rows in the lake",), figures, compared=figures[:-1])
    for millions in (0.001,) if options.quick else options.millions:
        rows = int(millions * MILLION)
        files = max(1, rows // 500_000)
        with tempfile.TemporaryDirectory(prefix="billstream-bench-") as scratch:
            base = Path(scratch)
            settings = Settings(home=base / "home")
            with opening.opened_lake(settings, create=True) as lake:
                load(lake, settings, Shape("rows", files, rows // files, PLAIN), base / "rows")
                rounds = 1 if options.quick else ROUNDS * options.repeat
                aggregator, taken = Aggregator(lake, settings), []
                for number in range(-1, rounds):
                    load(lake, settings, Shape("one", 1, SMALL, PLAIN), base / f"{number}")
                    taken.append(aggregator.go_round())
                del taken[0]  # the first refresh is of all rows
        cpu = {step: statistics.median(one[step].cpu for one in taken) for step in STEPS}
        together = statistics.median(sum(one[step].cpu for step in STEPS) for one in taken)
        wall = statistics.median(sum(one[step].wall for step in STEPS) for one in taken)
        report.add(f"{rows:,}", *cpu.values(), together, wall)
    return report


def idle(options: Options) -> Report:
    """Processes that have nothing to do."""
    report = Report("Nothing to do", ("process",), ("CPU s a minute",))
    settle, window = (0.5, 1.0) if options.quick else (SETTLE, WINDOW)
    commits = (3,) if options.quick else COMMITS
    with ExitStack() as stack:
        fleets = {"consumer, empty queue": (stack.enter_context(new_fleet()), "consume")}
        for count in commits:
            fleet = stack.enter_context(new_fleet(aws=False))
            settings = Settings(home=fleet.home / "lake", batch_files=1)
            with opening.opened_lake(settings, create=True) as lake:
                load(lake, settings, Shape("small", count, 20, PLAIN), fleet.home / "files")
            fleets[f"aggregator, lake of {count} commits"] = (fleet, "aggregate")
        for fleet, command in fleets.values():
            fleet.start(command)
        for fleet, command in fleets.values():
            working = "insights_published" if command == "aggregate" else "process_started"
            fleet.wait_until(lambda fleet=fleet, what=(working, command): bool(fleet.events(*what)))  # type: ignore[misc]
        time.sleep(settle)
        before = {name: fleet.cpu_seconds() for name, (fleet, _) in fleets.items()}
        time.sleep(window)
        for name, (fleet, _) in fleets.items():
            report.add(name, (fleet.cpu_seconds() - before[name]) * 60 / window)
    return report


class Aggregator:
    """What `billstream aggregate` keeps between two rounds, and the steps of a round."""

    def __init__(self, lake: Lake, settings: Settings) -> None:
        self._lake, self._settings = lake, settings
        self._analyst = Analyst(lake, settings, read_sinks(settings.alerts))
        self._publisher, self._target = Publisher(lake), target_of(settings)

    def go_round(self) -> dict[str, Taken]:
        """Refresh, analyse and publish; return what each step took."""
        with clock() as refreshing:
            refreshed = refresh_once(self._lake, tag_keys=self._settings.tag_keys)
        with clock() as analysing:
            self._analyst.analyse()
        with clock() as publishing:
            self._publisher.publish(self._target, refreshed)
        return dict(zip(STEPS, (refreshing, analysing, publishing), strict=True))


def load(lake: Lake, settings: Settings, shape: Shape, folder: Path) -> None:
    """Write files and load them."""
    shape.write(folder)
    done = load_files(find_files([folder], settings), wiring.local_intake(settings, lake), settings)
    if done.troubles:
        raise RuntimeError(f"the benchmark's files did not load: {done.troubles[:3]}")
