"""A billing estate, real processes at work in it, and what is true of it whatever befalls them."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tests.e2e.billing import BillingFile
from tests.e2e.commands import REPOSITORY
from tests.faults.waiting import PATIENCE, until
from tests.servers.aws import AwsEnvironment
from tests.servers.postgres import PostgresServer
from tests.servers.proxy import Proxy
from tests.worlds import World, billed, charged, new_world

MAX_RECEIVES = "12"  # as `init --aws` sets it
VISIBILITY_SECONDS = "8"
EXIT_CODES_BESIDE_FAULTS = {0, 1, 75}
"""Of a command that runs while something is broken: fine, something is left to do, or try again."""


@dataclass
class Estate:
    """One lake with its consumers and its aggregator, and the truth about its bucket.

    Args:
        in_force: the files whose rows must count in the end, by key; also those that have expired.
        gone: keys of `in_force` whose objects are no longer in the bucket.
        bad: keys of objects that can never be loaded.
    """

    world: World
    proxy: Proxy
    postgres: PostgresServer | None
    in_force: dict[str, BillingFile] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    bad: set[str] = field(default_factory=set)
    consumers: list["subprocess.Popen[str]"] = field(default_factory=list)
    aggregator: "subprocess.Popen[str] | None" = None

    @property
    def aws(self) -> AwsEnvironment:
        return self.world.aws

    @property
    def present(self) -> list[BillingFile]:
        """The good files that are in the bucket."""
        return [file for key, file in sorted(self.in_force.items()) if key not in self.gone]

    # -- the bucket ------------------------------------------------------------------------------------------

    def put(self, *files: BillingFile) -> None:
        for file in files:
            self.aws.s3.put_object(Bucket=self.aws.bucket, Key=file.key, Body=file.body)
            self.in_force[file.key] = file
            self.gone.discard(file.key)

    def put_bad(self, key: str, body: bytes) -> None:
        self.bad.add(key)
        self.aws.s3.put_object(Bucket=self.aws.bucket, Key=key, Body=body)

    def send(self, event_name: str, key: str, bucket: str | None = None, **details: str) -> None:
        """Send a message that claims to come from S3."""
        told = {"bucket": {"name": bucket or self.aws.bucket}, "object": {"key": key, **details}}
        record = {"eventSource": "aws:s3", "eventName": event_name, "s3": told}
        self.aws.sqs.send_message(QueueUrl=self.aws.queue_url, MessageBody=json.dumps({"Records": [record]}))

    @contextmanager
    def unannounced(self) -> Iterator[None]:
        """The bucket tells nobody what happens to it in this block."""
        s3, bucket = self.aws.s3, self.aws.bucket
        before = s3.get_bucket_notification_configuration(Bucket=bucket)
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
        yield
        s3.put_bucket_notification_configuration(
            Bucket=bucket,
            NotificationConfiguration={"QueueConfigurations": before["QueueConfigurations"]},
        )

    # -- processes -------------------------------------------------------------------------------------------

    def start_consumer(self) -> None:
        self.consumers.append(self.world.start("consume"))

    def start(self) -> None:
        """Start two consumers and an aggregator."""
        self.start_consumer()
        self.start_consumer()
        self.aggregator = self.world.start("aggregate", BILLSTREAM_AGGREGATE_SECONDS="1")

    def command(self, *words: str) -> int:
        """Run an operator's command beside all the others; it ends in good order, whatever is broken."""
        done = subprocess.run(
            [sys.executable, "-m", "billstream.cli.main", *words],
            env=self.world.billstream.env(),
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode in EXIT_CODES_BESIDE_FAULTS, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.returncode

    def kill_consumer(self) -> None:
        """SIGKILL the oldest consumer, and start another in its place."""
        process = self.consumers.pop(0)
        process.kill()
        process.communicate(timeout=PATIENCE)
        assert process.returncode == -signal.SIGKILL, self.world.log()[-4000:]
        self.start_consumer()

    def logs(self) -> str:
        """The ends of what consumers and aggregator have said."""
        return self.world.log()[-4000:] + self.world.log("aggregate")[-4000:]

    def assert_alive(self) -> None:
        for process in [*self.consumers, self.aggregator]:
            assert process is None or process.poll() is None, self.logs()

    def stop(self) -> None:
        """End all processes as a container platform does, and see that they end in good order."""
        processes = [*self.consumers, *([self.aggregator] if self.aggregator else [])]
        for process in processes:
            process.terminate()
        for process in processes:
            process.communicate(timeout=PATIENCE)
            assert process.returncode == 0, self.logs()
        self.consumers, self.aggregator = [], None

    # -- the lake's own troubles -----------------------------------------------------------------------------

    def catalog_away(self, seconds: float) -> None:
        """Crash the PostgreSQL server, or hold SQLite's lock, for so long."""
        if self.postgres:
            self.postgres.kill()
            time.sleep(seconds)
            self.postgres.start()
            return
        with sqlite3.connect(self.world.settings.catalog_url, timeout=60, isolation_level=None) as con:
            con.execute("BEGIN EXCLUSIVE")
            time.sleep(seconds)
            con.execute("ROLLBACK")

    def data_file_of(self, keys: set[str]) -> str | None:
        """A data file with active rows all of whose loads are of these keys."""
        lake = self.world.lake
        lake.reconnect_if_lost()
        of_load = dict(lake.rows("SELECT load_id, key FROM active_loads"))
        for (path,) in lake.rows("SELECT data_file FROM ducklake_list_files('lake', 'charges') ORDER BY data_file"):
            with suppress(Exception):  # one that an earlier fault has destroyed
                loads = {load for (load,) in lake.rows(f"SELECT DISTINCT load_id FROM read_parquet('{path}')")}
                if loads and all(of_load.get(load) in keys for load in loads):
                    return str(path)
        return None

    def destroy(self, path: str, kept: float) -> None:
        """Leave only the first part of a data file, or nothing of it."""
        if path.startswith("s3://"):
            where, s3 = urlsplit(path), self.aws.s3
            bucket, key = where.netloc, where.path.lstrip("/")
            body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            s3.delete_object(Bucket=bucket, Key=key)
            if kept:
                s3.put_object(Bucket=bucket, Key=key, Body=body[: int(len(body) * kept)])
            return
        file = Path(path)
        body = file.read_bytes()
        file.unlink()
        if kept:
            file.write_bytes(body[: int(len(body) * kept)])

    # -- the end ---------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Let the consumers empty the queue, then end all processes."""
        until(lambda: self.world.depth() == 0, f"the queue is not emptied: {self.world.log()[-4000:]}")
        self.assert_alive()
        self.stop()

    def dead_letters(self) -> list[str]:
        """The bodies of the messages in the dead-letter queue."""
        bodies = []
        while found := self.aws.sqs.receive_message(QueueUrl=self.aws.dlq_url, MaxNumberOfMessages=10).get("Messages"):
            bodies += [message["Body"] for message in found]
        return bodies

    def history(self, key: str) -> list[tuple[object, ...]]:
        """All that the ledger has of a key, for whoever has to find out what went wrong."""
        columns = "key, state, reason, event_name, load_id, previous_load_id, rows_loaded, processed_at, consumer_id"
        return self.world.lake.rows(f"SELECT {columns} FROM ledger WHERE key = ? ORDER BY rowid", [key])

    def assert_exact(self) -> None:
        """Every good row counts once, to the last decimal; no bad one does; no good object is a dead letter."""
        dead = self.dead_letters()
        assert not [body for body in dead if any(f'"{key}"' in body for key in self.in_force)]
        lake = self.world.lake
        lake.reconnect_if_lost()
        found, expected = charged(lake), billed(list(self.in_force.values()))
        wrong = sorted({row[0] for row in (found - expected) + (expected - found)})
        assert not wrong, [self.history(key) for key in wrong]
        states = dict(lake.rows("SELECT key, state FROM latest_entries"))
        assert {key: states.get(key) for key in self.bad} == dict.fromkeys(self.bad, "quarantined")
        assert "failed" not in states.values(), "a bug of our own"
        self.world.billstream.run("verify")
        self.world.billstream.run("aggregate", "--once")
        self.world.assert_aggregates_are_true()


@contextmanager
def running_estate(
    home: Path, aws: AwsEnvironment, proxy: Proxy, postgres: PostgresServer | None, url: str | None
) -> Iterator[Estate]:
    """Make a lake and start its processes; whatever happens, none of them outlives the block."""
    told = {
        "AWS_ENDPOINT_URL": proxy.endpoint_url,
        "BILLSTREAM_MEMORY_LIMIT": "256MB",
        "BILLSTREAM_BATCH_FILES": "6",
        "BILLSTREAM_BATCH_SECONDS": "0.5",
    }
    with new_world(home, aws, url, **told) as world:
        policy = {"deadLetterTargetArn": aws.queue_arn(aws.dlq_url), "maxReceiveCount": MAX_RECEIVES}
        aws.sqs.set_queue_attributes(
            QueueUrl=aws.queue_url,
            Attributes={"VisibilityTimeout": VISIBILITY_SECONDS, "RedrivePolicy": json.dumps(policy)},
        )
        estate = Estate(world, proxy, postgres)
        estate.start()
        try:
            yield estate
        finally:
            for process in [*estate.consumers, estate.aggregator]:
                if process and process.poll() is None:
                    process.kill()
                    process.communicate()
