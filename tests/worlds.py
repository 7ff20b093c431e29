"""A whole billstream in miniature: bucket, queue and lake, a consumer, and what must be true in the end."""

import dataclasses
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from billstream.aggregator.refresh import refresh_once
from billstream.aggregator.rollups import ROLLUPS
from billstream.aggregator.verify import verify
from billstream.cli import wiring
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.common.stop import Stop
from billstream.consumer.summary import Summary
from tests.e2e.billing import BillingFile, expected_totals
from tests.e2e.commands import Billstream
from tests.servers.aws import AwsEnvironment

if TYPE_CHECKING:
    import subprocess

VISIBILITY_SECONDS = 1
MANY_RECEIVES = "100"  # a test of faults is not about the dead-letter queue

Totals = dict[str | None, Decimal]


@dataclass(frozen=True)
class World:
    """One lake, one bucket with its queue, and the commands over them.

    `lake` is the test's own hold on the lake, for what runs in the test's process.
    """

    billstream: Billstream
    aws: AwsEnvironment
    settings: Settings
    lake: Lake
    put_so_far: dict[str, list[BillingFile]] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.billstream.home

    # -- what happens in the bucket ----------------------------------------------------------------------

    def put(self, *files: BillingFile) -> None:
        for file in files:
            self.aws.s3.put_object(Bucket=self.aws.bucket, Key=file.key, Body=file.body)
            self.put_so_far.setdefault(file.key, []).append(file)

    def remove(self, file: BillingFile) -> None:
        self.aws.s3.delete_object(Bucket=self.aws.bucket, Key=file.key)

    # -- what billstream does ----------------------------------------------------------------------------

    def drain(self) -> Summary:
        """A new consumer, in this process, works until the queue is empty."""
        return wiring.worker(self.settings, self.lake, Stop()).run(drain=True)

    def start(self, *command: str, **environment: str) -> "subprocess.Popen[str]":
        """Start a command in a process of its own, with more in its environment."""
        everything = {**self.billstream.environment, **environment}
        return dataclasses.replace(self.billstream, environment=everything).start(*command)

    # -- what is true ------------------------------------------------------------------------------------

    def log(self, command: str = "consume") -> str:
        """What the processes of a command have said so far."""
        path = self.home / f"{command}.log"
        return path.read_text() if path.exists() else ""

    def events(self, name: str, command: str = "consume") -> list[dict[str, object]]:
        """The log events of this name."""
        lines = [json.loads(line) for line in self.log(command).splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == name]

    def depth(self) -> int:
        answer = self.aws.sqs.get_queue_attributes(QueueUrl=self.aws.queue_url, AttributeNames=["All"])
        return sum(int(value) for name, value in answer["Attributes"].items() if name.startswith("ApproximateNumberOf"))

    def visible(self) -> int:
        """How many messages anybody could receive now."""
        answer = self.aws.sqs.get_queue_attributes(QueueUrl=self.aws.queue_url, AttributeNames=["All"])
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def dead_letters(self) -> int:
        answer = self.aws.sqs.get_queue_attributes(QueueUrl=self.aws.dlq_url, AttributeNames=["All"])
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def assert_holds(self, in_force: Sequence[BillingFile], *, loads: int | None = None) -> None:
        """The lake has the rows of these files, each as often as its file has it, and one line for each version put."""
        assert self.depth() == 0
        assert self.dead_letters() == 0
        self.lake.reconnect_if_lost()
        assert charged(self.lake) == billed(in_force)
        assert totals(self.lake, "charges") == expected_totals(list(in_force))
        loaded = Counter(self.lake.rows("SELECT scope, etag FROM ledger WHERE state = 'loaded'"))
        assert set(loaded.values()) <= {1}, "a version has been loaded twice"
        assert len(loaded) == (sum(map(len, self.put_so_far.values())) if loads is None else loads)
        refresh_once(self.lake)
        self.assert_aggregates_are_true()

    def assert_aggregates_are_true(self) -> None:
        assert verify(self.lake) == []
        for rollup in ROLLUPS:
            assert totals(self.lake, rollup.table) == totals(self.lake, "charges"), rollup.table


@contextmanager
def new_world(home: Path, aws: AwsEnvironment, catalog: str | None = None, **environment: str) -> Iterator[World]:
    """A new lake over an emulator; with a catalog on PostgreSQL, its data is on S3.

    Sets the environment of this process too, as boto3 reads it.
    """
    told = {
        **aws.environment(),
        "BILLSTREAM_HOME": str(home),
        "BILLSTREAM_POLL_SECONDS": "0",
        "BILLSTREAM_LOG_FORMAT": "json",
        "BILLSTREAM_THREADS": "1",
    }
    if catalog:
        told["BILLSTREAM_CATALOG"] = catalog
        told["BILLSTREAM_DATA_PATH"] = f"s3://{aws.new_bucket()}/lake/"
    told |= environment
    policy = json.dumps({"deadLetterTargetArn": aws.queue_arn(aws.dlq_url), "maxReceiveCount": MANY_RECEIVES})
    aws.sqs.set_queue_attributes(
        QueueUrl=aws.queue_url,
        Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS), "RedrivePolicy": policy},
    )
    with pytest.MonkeyPatch.context() as patch:
        for name, value in told.items():
            patch.setenv(name, value)
        settings = Settings.from_environment()
        with Lake.open(settings, create=True) as lake:
            yield World(Billstream(home, told), aws, settings, lake)


def charged(lake: Lake) -> Counter[tuple[str, str | None, Decimal]]:
    """How often the lake has a charge of a key, currency and cost."""
    rows = lake.rows(
        "SELECT l.key, c.billing_currency, c.billed_cost, count(*) FROM charges c "
        "JOIN ledger l ON l.entry_id = c.load_id GROUP BY ALL"
    )
    return Counter({(key, currency, cost): count for key, currency, cost, count in rows})


def billed(files: Sequence[BillingFile]) -> Counter[tuple[str, str | None, Decimal]]:
    """How often these files have a charge of a key, currency and cost."""
    return Counter((file.key, currency, cost) for file in files for currency, cost in file.rows)


def totals(lake: Lake, table: str) -> Totals:
    """Billed cost by currency."""
    found = lake.rows(f"SELECT billing_currency, sum(billed_cost) FROM {table} GROUP BY ALL")
    return {currency: cost for currency, cost in found if cost is not None}
