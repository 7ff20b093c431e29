"""billstream as it runs: a bucket that tells a queue, a lake, and consumers and aggregators as processes of their own.

The settings are the defaults of the product. S3 and SQS are MiniStack, one Python process on the same machine: it takes
a share of the cores, and answers faster than AWS does.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from billstream.cli.demo.supervisor import SupervisedProcess
from tests.benchmarks.measure import Taken
from tests.benchmarks.peers import REPOSITORY
from tests.e2e.billing import billing_file
from tests.servers.aws import AwsEnvironment, aws_environment
from tests.servers.ministack import running_emulator
from tests.servers.postgres import PostgresServer, running_postgres

EMBEDDED, MANY_HOSTS = LAKES = ("SQLite and a folder", "PostgreSQL and S3")
PATIENCE = 600.0
ROWS = 100
Event = dict[str, Any]

# A child begins with the memory of the process that started it as its peak, so that has to be a small one.
ALONE = """
import json, os, subprocess, sys, time
began = time.perf_counter()
child = subprocess.Popen(sys.argv[1:], stdout=sys.stderr)
_, status, used = os.wait4(child.pid, 0)
wall, code = time.perf_counter() - began, os.waitstatus_to_exitcode(status)
print(json.dumps([code, used.ru_utime + used.ru_stime, wall, used.ru_maxrss]))
"""


@dataclass
class Fleet:
    """The processes over one lake. Each has a log of its own, which is what the measurements are read from."""

    home: Path
    environment: dict[str, str]
    aws: AwsEnvironment | None = None
    postgres: PostgresServer | None = None
    put_at: dict[str, float] = field(default_factory=dict)
    _processes: dict[Path, SupervisedProcess] = field(default_factory=dict)

    def start(self, *command: str) -> SupervisedProcess:
        """Start a command; it ends with the fleet."""
        log = self.home / f"{command[0]}-{len(self._processes)}.log"
        run = [sys.executable, "-m", "billstream.cli.main", *command]
        process = SupervisedProcess(run, env=self.environment, log=log, grace_seconds=60)
        self._processes[log] = process
        return process

    def run(self, *command: str) -> tuple[Taken, int]:
        """Run a command to its end; return its seconds, start-up included, and the most bytes that it had in memory.

        Raises:
            RuntimeError: it failed.
        """
        output = self.home / "output.log"
        run = [sys.executable, "-c", ALONE, sys.executable, "-m", "billstream.cli.main", *command]
        with output.open("wb") as log:
            done = subprocess.run(run, env=self.environment, stdout=subprocess.PIPE, stderr=log, check=True)
        exit_code, cpu, wall, peak = json.loads(done.stdout)
        if exit_code:
            raise RuntimeError(f"billstream {' '.join(command)} failed. It said:\n{output.read_text()[-2000:]}")
        return Taken(cpu, wall), peak * 1024

    def stop(self) -> None:
        """Stop what runs."""
        for process in self._processes.values():
            process.stop()

    def put(self, name: str, number: int) -> None:
        """Put a small file of its own content, and note when."""
        assert self.aws
        body = billing_file(name, seed=number, rows=ROWS).body
        self.put_at[name] = time.time()
        self.aws.s3.put_object(Bucket=self.aws.bucket, Key=name, Body=body)

    def events(self, name: str, command: str) -> list[Event]:
        """Return the log events of this name of all processes of a command, each with `at`, the time in seconds."""
        found = []
        for log in self._processes:
            if log.name.startswith(command):
                for line in log.read_text("utf-8", "replace").splitlines():
                    with suppress(ValueError):  # a line that is being written
                        event = json.loads(line)
                        if event["event"] == name:
                            found.append(event | {"at": datetime.fromisoformat(event["timestamp"]).timestamp()})
        return found

    def loaded(self) -> dict[str, Event]:
        """Return the event of each file that was loaded. It is written after the commit."""
        return {event["scope"].rpartition("/")[2]: event for event in self.events("object_loaded", "consume")}

    def wait_until(self, reached: Callable[[], bool], every: float = 0.05) -> None:
        """Wait for something.

        Raises:
            RuntimeError: a process has ended, or it took too long.
        """
        deadline = time.monotonic() + PATIENCE
        while not reached():
            for process in self._processes.values():
                if not process.running or time.monotonic() > deadline:
                    raise RuntimeError(f"billstream has ended, or is too slow. Its log ends:\n{process.log_tail()}")
            time.sleep(every)

    def snapshots(self) -> tuple[int, int]:
        """Return the newest snapshot of a lake on PostgreSQL, and how many transactions its catalog has rolled back."""
        assert self.postgres
        database = self.environment["BILLSTREAM_CATALOG"].rpartition("/")[2]
        rolled_back = f"SELECT xact_rollback FROM pg_stat_database WHERE datname = '{database}'"
        newest = "SELECT max(snapshot_id) FROM public.ducklake_snapshot"
        return int(self.postgres.execute(newest, database)), int(self.postgres.execute(rolled_back))

    def cpu_seconds(self) -> float:
        """Return the CPU seconds of all processes so far, their children included."""
        return sum(cpu_seconds(process) for process in self._processes.values())


def cpu_seconds(process: SupervisedProcess) -> float:
    """Return the CPU seconds that a process and its children have used so far."""
    (child,) = psutil.Process(process.pid).children()
    return sum(child.cpu_times()[:4])


@contextmanager
def new_fleet(lake: str = EMBEDDED, *, aws: bool = True, **settings: str) -> Iterator[Fleet]:
    """Make an empty lake and what else it needs; nothing of billstream runs yet."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory(prefix="billstream-bench-", ignore_cleanup_errors=True)))
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(REPOSITORY),
            "BILLSTREAM_HOME": str(home / "lake"),
            "BILLSTREAM_LOG_FORMAT": "json",
            "AWS_EC2_METADATA_DISABLED": "true",
            **settings,
        }
        emulator = server = None
        if aws:
            emulator = stack.enter_context(aws_environment("ministack", stack.enter_context(running_emulator())))
            environment |= emulator.environment()
        if lake == MANY_HOSTS:
            assert emulator
            server = stack.enter_context(running_postgres())
            environment["BILLSTREAM_CATALOG"] = server.create_database()
            environment["BILLSTREAM_DATA_PATH"] = f"s3://{emulator.new_bucket()}/lake/"
        fleet = Fleet(home, environment, emulator, server)
        stack.callback(fleet.stop)
        fleet.run("init")
        yield fleet
