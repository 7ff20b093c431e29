"""Everything at once: bad objects, hostile messages, broken servers, lost files, and an operator who works beside.

Each history takes every act once, in the order of its seed, while consumers and an aggregator are at work; a longer one
takes each several times. In the end every good row counts once, to the last decimal.

`CHAOS_SEEDS=10 CHAOS_ROUNDS=4` plays longer histories of more seeds.
"""

import gzip
import io
import os
import random
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import pytest

from tests.chaos.estate import Estate
from tests.e2e.billing import BillingFile, billing_file
from tests.faults.waiting import until
from tests.servers.proxy import Rule, error

SEEDS = range(int(os.environ.get("CHAOS_SEEDS", "1")))
ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "1"))
PREFIXES = ("year=2026/month=01", "year=2026/month=02", "exports/a", "exports/b & c")
FOREVER = 10**9
LATEST = "F" * 32


@dataclass
class Chaos:
    """The acts of one history."""

    estate: Estate
    dice: random.Random
    files: int = 0
    denied: dict[str, Rule] = field(default_factory=dict)
    said_to_expire: set[str] = field(default_factory=set)

    def new_file(self, key: str | None = None) -> BillingFile:
        self.files += 1
        return billing_file(
            key or f"{self.dice.choice(PREFIXES)}/bill {self.files}.csv", seed=self.dice.randrange(10**9)
        )

    def some_key(self, but: Collection[str] = ()) -> str:
        """The key of a good object that is in the bucket and that nobody denies."""
        keys = [file.key for file in self.estate.present if file.key not in self.denied]
        return self.dice.choice([key for key in keys if key not in but])

    # -- an ordinary day -------------------------------------------------------------------------------------

    def deliver(self) -> None:
        self.estate.put(*[self.new_file() for _ in range(5)])

    def restate(self) -> None:
        self.estate.put(*[self.new_file(self.some_key()) for _ in range(3)])

    def remove(self) -> None:
        # A made-up expiry that is read after this and before its own message would keep the rows: see the threat model.
        key = self.some_key(but=self.said_to_expire)
        del self.estate.in_force[key]
        self.estate.aws.s3.delete_object(Bucket=self.estate.aws.bucket, Key=key)

    def deliver_unannounced(self) -> None:
        with self.estate.unannounced():
            self.estate.put(self.new_file())

    def expire(self) -> None:
        """A lifecycle rule removes an object; what it billed was true."""
        self._vanish(key := self.some_key())
        self.estate.send("LifecycleExpiration:Delete", key)

    def vanish(self) -> None:
        """An object is gone, and nobody has said that it was removed."""
        self._vanish(self.some_key())

    def _vanish(self, key: str) -> None:
        # Rows that were never loaded cannot be kept.
        until(lambda: self._is_loaded(key), f"{key} is not loaded")
        with self.estate.unannounced():
            self.estate.aws.s3.delete_object(Bucket=self.estate.aws.bucket, Key=key)
        self.estate.gone.add(key)

    def _is_loaded(self, key: str) -> bool:
        etag = self.estate.aws.s3.head_object(Bucket=self.estate.aws.bucket, Key=key)["ETag"].strip('"')
        lake = self.estate.world.lake
        lake.reconnect_if_lost()
        return bool(lake.rows("SELECT 1 FROM active_loads WHERE key = ? AND etag = ?", [key, etag]))

    # -- bad objects -----------------------------------------------------------------------------------------

    def poison(self) -> None:
        for number in range(3):
            self.estate.put_bad(f"{self.dice.choice(PREFIXES)}/poison {self.files}-{number}.csv", b"\x00\x01no bill")

    def deny(self) -> None:
        """S3 denies one object of the bucket: its key is another's."""
        file = self.new_file(f"{PREFIXES[0]}/denied {self.files}.csv")
        rule = Rule("*Object", error(403, "AccessDenied"), FOREVER, f"*/denied%20{self.files - 1}.csv")
        self.denied[file.key] = self.estate.proxy.inject(rule)
        self.estate.put(file)

    def drop_memory_bomb(self) -> None:
        """A few kilobytes that become more than a gigabyte of lines as long as a book."""
        packed = io.BytesIO()
        with gzip.open(packed, "wb", 6) as file:
            file.write(b"date,cost,currency,user,extra\n")
            for _ in range(125):
                file.write(b"2026-03-14,1,USD,u," + b"y" * 1_990_000 + b"\n")
        self.estate.put_bad(f"{self.dice.choice(PREFIXES)}/bomb {self.files}.csv.gz", packed.getvalue())

    # -- hostile messages ------------------------------------------------------------------------------------

    def send_garbage(self) -> None:
        self.estate.aws.sqs.send_message(QueueUrl=self.estate.aws.queue_url, MessageBody='{"Records": [{"s3":')

    def announce_foreign(self) -> None:
        bucket = self.estate.aws.new_bucket()
        self.estate.aws.s3.put_object(Bucket=bucket, Key="fake.csv", Body=self.new_file("fake.csv").body)
        self.estate.send("ObjectCreated:Put", "fake.csv", bucket)

    def forge_removal(self) -> None:
        self.estate.send("ObjectRemoved:Delete", self.some_key(), sequencer=LATEST)

    def forge_sequencer(self) -> None:
        """Claim that a version of the far future was put; then the vendor restates the object."""
        key = self.some_key()
        self.estate.send("ObjectCreated:Put", key, sequencer=LATEST, eTag="0" * 32)
        time.sleep(1)
        self.estate.put(self.new_file(key))

    def forge_expiry(self) -> None:
        self.said_to_expire.add(key := self.some_key())
        self.estate.send("LifecycleExpiration:Delete", key, sequencer=LATEST)

    # -- broken machines -------------------------------------------------------------------------------------

    def kill_consumer(self) -> None:
        self.deliver()
        self.estate.kill_consumer()

    def lose_catalog(self) -> None:
        self.deliver()
        self.estate.catalog_away(2)

    def lose_data_path(self) -> None:
        if self.estate.postgres is None:
            return  # the data path is a folder of this machine
        rule = self.estate.proxy.inject(Rule("PutObject", error(503, "SlowDown"), FOREVER, "/extra-*"))
        self.deliver()
        until(lambda: rule.injected, "no file was written to the data path")
        time.sleep(2)
        rule.times = 0

    def lose_data_file(self) -> None:
        """A data file is lost, emptied or cut; an object in it is restated, and the operator repairs the lake."""
        self.deliver()
        keys = {file.key for file in self.estate.present if file.key not in self.denied}
        until(lambda: self.estate.data_file_of(keys), "no data file has only objects of the bucket")
        path = self.estate.data_file_of(keys)
        assert path
        self.estate.destroy(path, kept=self.dice.choice([0, 0.01, 0.5, 0.99]))
        self.restate()
        self.estate.command("verify", "--repair")

    # -- the operator ----------------------------------------------------------------------------------------

    def sweep(self) -> None:
        self.estate.command("sweep")

    def reload(self) -> None:
        self.estate.command("quarantine", "reload", "--all")

    def rebuild(self) -> None:
        self.estate.command("rebuild")

    def look(self) -> None:
        for words in (("status",), ("sql", "SELECT count(*) FROM charges"), ("quarantine", "list")):
            self.estate.command(*words)

    def acts(self) -> list[Callable[[], None]]:
        """Every act once, in the order of the dice."""
        acts: list[Callable[[], None]] = [
            *(self.deliver, self.restate, self.remove, self.deliver_unannounced, self.expire, self.vanish),
            *(self.poison, self.deny, self.drop_memory_bomb),
            *(self.send_garbage, self.announce_foreign, self.forge_removal, self.forge_sequencer, self.forge_expiry),
            *(self.kill_consumer, self.lose_catalog, self.lose_data_path, self.lose_data_file),
            *(self.sweep, self.reload, self.rebuild, self.look),
        ]
        self.dice.shuffle(acts)
        return acts

    def end(self) -> None:
        """The denied objects are allowed, and the operator goes round once more."""
        until(lambda: all(rule.injected for rule in self.denied.values()), "nothing was denied")
        until(lambda: self.estate.world.depth() == 0, "the queue is not emptied")
        for rule in self.denied.values():
            rule.times = 0
        self.estate.command("quarantine", "reload", "--all")
        self.estate.command("sweep")
        self.estate.settle()


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_the_end_is_exact(estate: Estate, seed: int) -> None:
    chaos = Chaos(estate, random.Random(seed))  # noqa: S311 - a seed, so that a history can be played again
    chaos.deliver()
    chaos.deliver()
    for _ in range(ROUNDS):
        for act in chaos.acts():
            act()
            estate.assert_alive()
            time.sleep(chaos.dice.random() / 2)

    chaos.end()

    estate.assert_exact()
