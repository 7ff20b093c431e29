"""Settled messages per CPU second: notifications of objects that were loaded before, as SQS delivers them again.

    python -m tests.benchmarks.redeliveries [--messages 1000] [--repeat 7] [--emulator]

The objects are loaded first, and every notification is sent again and again; the median drain counts. The queue is in
memory, or with `--emulator` one of the emulator over boto3: only the CPU of this process counts, not the emulator's.
Logs are written as a service writes them, to /dev/null.
"""

import argparse
import contextlib
import os
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast
from unittest import mock

from billstream.cli import wiring
from billstream.common import aws
from billstream.common.lake import Lake
from billstream.common.policies import LogFormat
from billstream.common.runtime import configure_logs
from billstream.common.settings import Settings
from billstream.common.stop import Stop
from billstream.consumer.events import batches
from billstream.consumer.layouts.interest import BillingFiles
from billstream.consumer.layouts.layout import Layouts
from billstream.consumer.s3.objects import S3Objects
from billstream.consumer.sqs.queue import Depth, Message, SqsQueue
from billstream.consumer.worker import Worker
from tests.benchmarks.report import Options, Report
from tests.benchmarks.trickle import small_file
from tests.fakes.notifications import body_of
from tests.fakes.objects import FakeBucket
from tests.servers.ministack import running_emulator


class InMemory:
    """A queue that costs next to nothing: what is received once never comes again."""

    def __init__(self) -> None:
        self._messages: deque[str] = deque()

    def send(self, bodies: Sequence[str]) -> None:
        """Put messages into the queue."""
        self._messages.extend(bodies)

    def receive(self, limit: int, wait_seconds: int) -> list[Message]:  # noqa: ARG002 - the port's form
        """See `Queue`."""
        bodies = [self._messages.popleft() for _ in range(min(limit, len(self._messages)))]
        return [Message(f"message {number}", f"{id(body)}", body, 1) for number, body in enumerate(bodies)]

    def delete(self, messages: Sequence[Message]) -> None:
        """See `Queue`."""

    def release(self, messages: Sequence[Message], seconds: int) -> None:
        """See `Queue`."""

    def extend(self, messages: Sequence[Message], seconds: int) -> list[Message]:  # noqa: ARG002
        """See `Queue`."""
        return []

    def depth(self) -> Depth:
        """See `Queue`."""
        return Depth(len(self._messages), 0, 0)

    def visibility_timeout(self) -> int:
        """See `Queue`."""
        return 30


class Emulated(SqsQueue):
    """A queue of the emulator."""

    def send(self, bodies: Sequence[str]) -> None:
        """Put messages into the queue."""
        for batch in batches(bodies, 10):
            entries: list[Any] = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(batch)]
            self._sqs.send_message_batch(QueueUrl=self.url, Entries=entries)


@contextlib.contextmanager
def emulated_queue() -> Iterator[Emulated]:
    """A queue of the emulator."""
    with running_emulator() as endpoint_url:
        told = {
            "AWS_ENDPOINT_URL": endpoint_url,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        with mock.patch.dict(os.environ, told):
            client = aws.sqs_client()
            yield Emulated(client, client.create_queue(QueueName="redeliveries")["QueueUrl"])


def cpu_of_redeliveries(home: Path, queue: InMemory | Emulated, messages: int, repeat: int) -> list[float]:
    """CPU seconds of each drain of so many messages about objects that are loaded."""
    settings = Settings(home=home / "home", poll_seconds=0)
    bucket, seconds = FakeBucket(), list[float]()
    keys = [f"vendor/focus/account={number % 20}/2026-01/part-{number:06}.csv" for number in range(messages)]
    events = [bucket.put(key, small_file(number, rows=1)) for number, key in enumerate(keys)]
    bodies = [body_of(event) for event in events]
    with Lake.open(settings, create=True) as lake:
        intake = wiring.intake(settings, lake, cast("S3Objects", bucket), role="consumer")
        worker = Worker(queue, intake, settings, Stop(), interest=BillingFiles(settings, Layouts()))
        queue.send(bodies)
        worker.run(drain=True)
        for _ in range(repeat):
            queue.send(bodies)
            before = time.process_time()
            worker.run(drain=True)
            seconds.append(time.process_time() - before)
    if (worker.summary.outcomes["loaded"], worker.summary.outcomes["duplicate"]) != (messages, messages * repeat):
        raise RuntimeError(f"not every message was settled: {worker.summary}")
    return seconds


def measure(options: Options) -> Report:
    """The section of the harness: messages of objects that are loaded, settled per CPU second of this process."""
    report = Report("Redeliveries", ("queue",), ("settled per CPU s",))
    messages = 20 if options.quick else 1000
    for where, opened in (("in memory", contextlib.nullcontext(InMemory())), ("emulator, by boto3", emulated_queue())):
        with tempfile.TemporaryDirectory() as home, opened as queue:
            seconds = cpu_of_redeliveries(Path(home), queue, messages, 1 if options.quick else 2 * options.repeat + 1)
        report.add(where, messages / statistics.median(seconds))
    return report


def main() -> None:
    """Measure, and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--emulator", action="store_true")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        nowhere = stack.enter_context(Path(os.devnull).open("w"))
        with contextlib.redirect_stderr(nowhere):  # the logs go there to the end
            configure_logs(Settings(log_format=LogFormat.JSON))
        queue = stack.enter_context(emulated_queue()) if options.emulator else InMemory()
        seconds = cpu_of_redeliveries(home, queue, options.messages, options.repeat)
    where = "the emulator" if options.emulator else "memory"
    rate = options.messages / statistics.median(seconds)
    print(f"{options.messages} messages of a queue in {where}: {rate:,.0f} settled per CPU second")  # noqa: T201


if __name__ == "__main__":
    main()
