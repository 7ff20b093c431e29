"""The processes of a demo: the emulated AWS, a consumer, an aggregator; all end with the block."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from billstream.cli.demo.emulator import Emulator
from billstream.cli.demo.supervisor import SupervisedProcess
from billstream.cli.demo.surroundings import surroundings
from billstream.common import aws
from billstream.common.errors import Fatal
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.consumer.provision import set_up_aws

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

GRACE_SECONDS = 5.0
COMMANDS = ("consume", "aggregate")


@dataclass(frozen=True)
class World:
    """A running billstream. `lake` is open for reading."""

    folder: Path
    settings: Settings
    endpoint_url: str
    queue_url: str
    dead_letter_url: str
    s3: "S3Client"
    sqs: "SQSClient"
    lake: Lake
    processes: dict[str, SupervisedProcess]

    def check(self) -> None:
        """Check that every process still runs.

        Raises:
            Fatal: one of the processes has ended by itself; the text has the end of its log.
        """
        for command, process in self.processes.items():
            if not process.running:
                raise Fatal(f"`billstream {command}` has ended by itself. {self._log_end(command)}")

    def log(self, command: str) -> Path:
        """Return the path of a process's log."""
        return _log(self.folder, command)

    def log_ends(self) -> str:
        """Return the last lines of each process's log."""
        return "\n".join(self._log_end(command) for command in self.processes)

    def _log_end(self, command: str) -> str:
        return f"The end of {self.log(command)}:\n{self.processes[command].log_tail(12)}"


@contextmanager
def running_world(folder: Path) -> Iterator[World]:
    """Start all processes in `folder`, and stop them in reverse order whatever happens in the block.

    Raises:
        EmulatorError: the emulator is not installed or does not start.
        BillstreamError: its resources, or the lake, could not be created.
    """
    with ExitStack() as stack:
        endpoint_url = _start_emulator(stack, folder / "aws")
        stack.enter_context(surroundings(folder, endpoint_url))
        settings = Settings.from_environment()
        s3, sqs = aws.s3_client(), aws.sqs_client()
        stack.callback(s3.close)
        stack.callback(sqs.close)
        report = set_up_aws(settings, s3, sqs)
        Lake.open(settings, create=True).close()
        yield World(
            folder=folder,
            settings=settings,
            endpoint_url=endpoint_url,
            queue_url=report.queue_url,
            dead_letter_url=report.dead_letter_url,
            s3=s3,
            sqs=sqs,
            lake=stack.enter_context(Lake.open(settings, read_only=True)),
            processes=_start_processes(stack, folder),
        )


def _start_emulator(stack: ExitStack, folder: Path) -> str:
    folder.mkdir()
    emulator = Emulator(folder)
    stack.callback(emulator.stop)
    emulator.start()
    return emulator.endpoint_url


def _start_processes(stack: ExitStack, folder: Path) -> dict[str, SupervisedProcess]:
    processes: dict[str, SupervisedProcess] = {}
    for command in COMMANDS:
        processes[command] = SupervisedProcess(
            [sys.executable, "-P", "-m", "billstream.cli.main", command],
            env=os.environ,
            log=_log(folder, command),
            grace_seconds=GRACE_SECONDS,
        )
        stack.callback(processes[command].stop)
    return processes


def _log(folder: Path, command: str) -> Path:
    return folder / f"{command}.log"
