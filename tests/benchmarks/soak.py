"""Whether billstream can be left alone: a consumer and an aggregator run for hours, and nothing may grow for ever.

    python -m tests.benchmarks.soak --minutes 120 --rate 2 [--catalog URL] [--home FOLDER]

Small billing files are put into a bucket of MiniStack at a steady rate; one in twenty restates an earlier file, one in
fifty cannot be read. Every minute a line is added to `soak.csv`; at the end the lake is proved, and a table compares
the last half with the first. After a kill the same command goes on in the same folder: the lines are appended. Keys
are used again after `KEYS` files, and logs are emptied once they are read, so the disk fills no further. Needs Linux.
"""

import argparse
import contextlib
import csv
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import FrameType

from pydantic import SecretStr

from billstream.cli.demo.emulator import free_port
from billstream.cli.demo.supervisor import SupervisedProcess
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from tests.benchmarks.soak_feed import Feed
from tests.e2e.commands import Billstream
from tests.servers.aws import aws_environment
from tests.servers.ministack import running_emulator

COMMANDS = ("consume", "aggregate")
MEASURES = ("rss_mb", "anon_mb", "descriptors", "threads", "cpu_seconds")
COLUMNS = (
    *("time", "minute", "put", "loaded", "data_files", "snapshots", "latency_p50", "latency_p95"),
    *(f"{command}_{measure}" for command in COMMANDS for measure in MEASURES),
)
SETTINGS = {
    "BILLSTREAM_LOG_FORMAT": "json",
    "BILLSTREAM_BREAKER_CONSECUTIVE": "0",
    "BILLSTREAM_BREAKER_SHARE": "1",
    "BILLSTREAM_KEEP_SNAPSHOTS": "15m",  # so that what expires and what is added are in balance within the run
}
TICKS = os.sysconf("SC_CLK_TCK")

Line = dict[str, float | str]


@dataclass
class Soak:
    """One run: the processes, what is fed to them, and what was measured."""

    billstream: Billstream
    settings: Settings
    feed: Feed
    processes: dict[str, SupervisedProcess] = field(default_factory=dict)
    loaded: int = 0

    def start(self) -> None:
        """Start the consumer and the aggregator; they end with this process, however that ends."""
        for command in COMMANDS:
            env = self.billstream.env()
            if "metrics_address" in Settings.model_fields:
                env["BILLSTREAM_METRICS_ADDRESS"] = f"127.0.0.1:{free_port()}"
            run = [sys.executable, "-m", "billstream.cli.main", command]
            self.processes[command] = SupervisedProcess(run, env=env, log=self._log(command), grace_seconds=60)

    def stop(self) -> None:
        """Stop what runs."""
        for process in self.processes.values():
            process.stop()

    def sample(self, minute: float) -> Line:
        """Return a line of measurements.

        Raises:
            RuntimeError: a process has ended.
        """
        latencies = sorted(self._latencies())
        self.loaded += len(latencies)
        line: Line = {
            "time": datetime.now().astimezone().isoformat(timespec="seconds"),
            "minute": round(minute, 1),
            "put": self.feed.number,
            "loaded": self.loaded,
            **self._lake(),
            "latency_p50": round(statistics.median(latencies), 2) if latencies else "",
            "latency_p95": round(latencies[int(0.95 * (len(latencies) - 1))], 2) if latencies else "",
        }
        for command, process in self.processes.items():
            if not process.running:
                raise RuntimeError(f"`billstream {command}` has ended:\n{process.log_tail()}")
            line |= {f"{command}_{name}": value for name, value in usage(process).items()}
        return line

    def _lake(self) -> Line:
        # A new connection for each look: this process must not keep what it measures in the others.
        with Lake.open(self.settings, read_only=True) as lake:
            ((files,),) = lake.rows("SELECT sum(file_count) FROM ducklake_table_info('lake')")
            ((snapshots,),) = lake.rows("SELECT count(*) FROM ducklake_snapshots('lake')")
        return {"data_files": int(files or 0), "snapshots": int(snapshots)}

    def _latencies(self) -> Iterator[float]:
        """Yield the seconds from put to commit of what was loaded since the last look; empty the logs."""
        self._log("aggregate").write_text("")
        log = self._log("consume")
        text = log.read_text("utf-8", "replace")
        log.write_text("")  # the processes append; a line that is written just now may be lost to the measurement
        for raw in text.splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                entry = json.loads(raw)
                if entry["event"] == "object_loaded":
                    at = datetime.fromisoformat(entry["timestamp"]).timestamp()
                    yield at - self.feed.put_at[entry["scope"].rpartition("/")[2]]

    def _log(self, command: str) -> Path:
        return self.billstream.home / f"{command}.log"


def usage(process: SupervisedProcess) -> dict[str, float]:
    """Return what the process uses, from `/proc`; zeros while it is being started or has just ended."""
    try:
        child = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0]
        proc = Path(f"/proc/{child}")
        status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
        times = (proc / "stat").read_text().rpartition(")")[2].split()
        return {
            "rss_mb": round(int(status["VmRSS"].split()[0]) / 1024, 1),
            "anon_mb": round(int(status["RssAnon"].split()[0]) / 1024, 1),
            "descriptors": len(list((proc / "fd").iterdir())),
            "threads": int(status["Threads"]),
            "cpu_seconds": round((int(times[11]) + int(times[12])) / TICKS, 1),
        }
    except (OSError, IndexError, KeyError):
        return dict.fromkeys(MEASURES, 0)


def run(soak: Soak, minutes: float, every: float, lines: Path) -> list[Line]:
    """Feed and measure for so many minutes; each line is on the disk as soon as it is measured."""
    measured: list[Line] = []
    fresh = not lines.exists()
    with lines.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if fresh:
            writer.writeheader()
        began, due = time.monotonic(), time.monotonic() + every
        while (now := time.monotonic()) < began + minutes * 60:
            soak.feed.put_what_is_due(now - began)
            if now >= due:
                measured.append(soak.sample((now - began) / 60))
                writer.writerow(measured[-1])
                file.flush()
                due += every
            time.sleep(0.05)
    return measured


def slopes(lines: Sequence[Line]) -> dict[str, tuple[float, float, float, float]]:
    """Return for each column: mean of the first half and of the last, and the slope of each, per minute."""
    series: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for line in lines:
        for name in COLUMNS[2:]:
            if isinstance(value := line[name], int | float):
                series[name].append((float(line["minute"]), float(value)))
    found = {}
    for name, points in series.items():
        halves = points[: len(points) // 2], points[len(points) // 2 :]
        if min(map(len, halves)) >= 2:
            means = [statistics.mean(value for _, value in half) for half in halves]
            rises = [statistics.linear_regression(*zip(*half, strict=True)).slope for half in halves]
            found[name] = (means[0], means[1], rises[0], rises[1])
    return found


def report(lines: Sequence[Line]) -> str:
    """Return the Markdown table."""
    head = "| measure | mean, first half | mean, last half | per minute, first half | per minute, last half |"
    rows = [f"| {name} | " + " | ".join(f"{value:,.2f}" for value in row) + " |" for name, row in slopes(lines).items()]
    return "\n".join([head, "|---|---:|---:|---:|---:|", *rows])


def prove(soak: Soak) -> bool:
    """Stop the processes, bring the aggregates up to date, and run `billstream verify`; return whether all is right."""
    soak.stop()
    soak.billstream.run("consume", "--drain")
    soak.billstream.run("aggregate", "--once")
    command = [sys.executable, "-m", "billstream.cli.main", "verify"]
    return subprocess.run(command, env=soak.billstream.env(), check=False).returncode == 0


@contextmanager
def soaking(home: Path, catalog: str | None, rate: float) -> Iterator[Soak]:
    """Make the lake unless it is there, and run everything for the length of the block."""
    with running_emulator() as url, aws_environment("ministack", url) as aws:
        environment = {**aws.environment(), **SETTINGS, **({"BILLSTREAM_CATALOG": catalog} if catalog else {})}
        billstream = Billstream(home, environment)
        billstream.run("init")
        settings = Settings(home=home, threads=1, catalog=SecretStr(catalog) if catalog else None)
        soak = Soak(billstream, settings, Feed(aws, rate, home / "soak.position"))
        try:
            soak.start()
            yield soak
        finally:
            soak.stop()


def main() -> int:
    """Run, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--rate", type=float, default=2, help="files a second")
    parser.add_argument("--every", type=float, default=60, help="seconds between two measurements")
    parser.add_argument("--catalog", help="default: SQLite in the home")
    parser.add_argument("--home", type=Path, help="default: a temporary folder, removed at the end")
    options = parser.parse_args()

    def end(_signum: int, _frame: FrameType | None) -> None:
        raise SystemExit(143)

    signal.signal(signal.SIGTERM, end)
    with contextlib.ExitStack() as stack:
        home = options.home or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="billstream-soak-")))
        home.mkdir(parents=True, exist_ok=True)
        soak = stack.enter_context(soaking(home, options.catalog, options.rate))
        measured = run(soak, options.minutes, options.every, home / "soak.csv")
        right = prove(soak)
    sys.stdout.write(f"{report(measured)}\n\n`billstream verify`: {'all is right' if right else 'NOT RIGHT'}\n")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
