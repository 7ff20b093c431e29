"""The lake that many histories share, each with a bucket of its own, and the comparison with what is to be in it."""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import structlog

from billstream.aggregator.refresh import rebuild, refresh_once
from billstream.aggregator.rollups import ROLLUPS
from billstream.cli.verify import prove
from billstream.common import failpoints
from billstream.common.lake.catalog import literal
from billstream.common.policies import DuplicatePolicy, RemovalPolicy
from billstream.common.settings import Settings
from billstream.consumer.commit.ledger import EntryBuilder
from billstream.consumer.context import Context
from billstream.consumer.decode import Staging
from billstream.consumer.intake import Intake
from billstream.consumer.profiles import ProfileRegistry
from billstream.consumer.s3.fetch import Spool
from billstream.maintenance.values import Renew
from tests.fakes.clock import FakeClock
from tests.fakes.objects import FakeBucket, Sequencer, growing
from tests.fakes.queue import FakeQueue
from tests.integration.intake_support import START, House
from tests.integration.maintenance_support import maintained
from tests.model.fleet import Consumer, Listing, ShakyLake
from tests.model.histories import KEYS, NAMES, POISON, TRUTHS, History, Truth
from tests.model.world import VISIBILITY_SECONDS, World

LARGEST_FLEET = 4
HISTORIES_BETWEEN_REFRESHES = 15
MANY_RECEIVES = 10_000  # no message is to die here


@dataclass
class Seen:
    """What the lake has of one bucket."""

    rows: dict[str, dict[str, Truth]]  # by key, by load
    lines: list[dict[str, Any]]  # the ledger, in the order in which its lines were committed

    def newest(self, key: str) -> dict[str, Any]:
        """The line that tells the state of a key; late news changes nothing."""
        return next((line for line in reversed(self.lines) if line["key"] == key and line["state"] != "stale"), {})


@dataclass
class Estate:
    """A lake, and as many attachments to it as there may be consumers."""

    home: Path
    sequencer: Sequencer
    versioned: bool
    settings: Settings = field(init=False)
    lakes: list[ShakyLake] = field(default_factory=list)
    intakes: list[Intake] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    total: dict[str, Decimal] = field(default_factory=dict)
    rows: int = 0
    in_force: list[str] = field(default_factory=list)
    orphans: set[str] = field(default_factory=set)
    _world: World | None = None
    _ticks: "count[int]" = field(default_factory=count)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.settings = Settings(
            home=self.home, threads=1, batch_files=4, poll_seconds=20, memory_limit="256MB", log_level="error"
        )

    def open(self) -> None:
        for number in range(LARGEST_FLEET):
            lake = self._stack.enter_context(ShakyLake.open(self.settings, create=number == 0))
            lake.reach, lake.happened = self.reach, self.happened
            self.lakes.append(lake)
        self.lakes.append(self._stack.enter_context(ShakyLake.open(self.settings)))  # of maintenance
        profiles = ProfileRegistry.load(None, columns=self.lakes[0].columns("charges"))
        for number, lake in enumerate(self.lakes[:LARGEST_FLEET]):
            self.intakes.append(
                Intake(
                    Context(
                        lake=lake,
                        objects=FakeBucket(),
                        profiles=profiles,
                        spool=Spool(self.settings.spool),
                        staging=Staging(lake),
                        entries=EntryBuilder(
                            f"consumer {number}",
                            RemovalPolicy.RETRACT,
                            lambda: START + timedelta(seconds=next(self._ticks)),
                        ),
                        on_duplicate_content=DuplicatePolicy.WARN,
                    )
                )
            )

    def close(self) -> None:
        self._stack.close()

    def maintain(self) -> None:
        """Do all that can be worth it, by an attachment of its own. Nobody else writes meanwhile: nothing may fail."""
        report = maintained(self.lakes[-1])
        assert not report.failed
        assert not report.refused
        self.happened["maintained"] += bool(report.done)
        self.happened["renewed"] += any(isinstance(done.step, Renew) for done in report.done)

    def reach(self, point: str) -> None:
        if self._world:
            self._world.reach(point)

    @property
    def faults(self) -> int:
        """How often somebody was killed, left without an answer, or overtaken by another consumer."""
        kinds = ("killed", "no answer", "claim refused")
        return sum(times for name, times in self.happened.items() if name.startswith(kinds))

    # -- one history -------------------------------------------------------------------------------------

    def play(self, history: History) -> None:
        """Let it happen, deliver what is left, and compare."""
        self.happened["history"] += 1
        self._world = world = self._new_world(history.consumers)
        try:
            for act in history.acts:
                world.take(act)
            world.finish(history.last)
            seen = self._check(world, but=world.lost())
            if world.lost():
                self.happened["swept after losses"] += 1
                world.sweep(history.last)
                seen = self._check(world)
            if history.again:
                seen = self._again(world, history.last, seen)
        finally:
            self._world = None
        self._count(world, seen)
        if self.happened["history"] % HISTORIES_BETWEEN_REFRESHES == 0:
            refresh_once(self.lakes[0])

    def _again(self, world: World, last: int, before: Seen) -> Seen:
        """What is told once more changes no row. Each event is written down once, though it may be for the first time:
        of an object that was overwritten before it was fetched, the ledger knows the version that it got instead.
        """
        world.deliver_again(last)
        once = self._check(world)
        world.deliver_again(last)
        twice = self._check(world)
        assert before.rows == once.rows == twice.rows
        assert self.sequencer is not growing or len(once.lines) == len(twice.lines), "a redelivery wrote a line"
        return twice

    def _new_world(self, consumers: int) -> World:
        clock = FakeClock()
        bucket = FakeBucket(
            name=f"bucket-{self.happened['history']}", versioned=self.versioned, sequencer=self.sequencer
        )
        queue = FakeQueue(clock, timeout=VISIBILITY_SECONDS, max_receives=MANY_RECEIVES)
        world = World(bucket, clock, queue, self.happened, maintain=self.maintain)
        listing = Listing(bucket, self.reach)
        world.consumers = [
            Consumer(Intake(replace(intake.context, objects=bucket)), queue, clock, listing, self.settings)
            for intake in self.intakes[:consumers]
        ]
        return world

    def _count(self, world: World, seen: Seen) -> None:
        self.happened["expired"] += len(world.queue.expired)
        self.in_force += [load_id for key in KEYS if (load_id := seen.newest(key).get("load_id"))]
        with localcontext(prec=80):
            for truth in (truth for loads in seen.rows.values() for truth in loads.values()):
                self.rows += truth.rows
                for currency, cost in truth.totals:
                    self.total[currency] = self.total.get(currency, Decimal(0)) + cost
        for line in seen.lines:
            self.happened[f"settled as {line['state']}"] += 1

    # -- what is to be true of a bucket ------------------------------------------------------------------

    def _check(self, world: World, but: "set[str] | frozenset[str]" = frozenset()) -> Seen:
        """The lake has what the bucket holds; `but` are keys that it cannot have heard of."""
        assert world.queue.ids() == [], "messages are left"
        assert world.queue.dead == []
        seen = self._see(world.bucket)
        for key in KEYS:
            content = world.bucket.content(key)
            if key in but:
                continue
            if content is None:
                assert seen.rows.get(key, {}) == {}, f"{key} is gone, and has rows"
                assert seen.newest(key).get("load_id") is None, f"{key} is gone, and is in force"
            elif (name := NAMES[content]) in POISON:
                self._check_poison(key, seen, world.put[key])
            else:
                self._check_good(key, seen, TRUTHS[name])
        self._check_ledger(seen)
        self._check_garbled(world)
        self._check_files(world)
        return seen

    def _check_good(self, key: str, seen: Seen, truth: Truth) -> None:
        in_force = seen.newest(key).get("load_id")
        assert in_force, f"{key} is not in force"
        assert seen.rows.get(key, {}) == ({in_force: truth} if truth.rows else {}), f"{key}: its rows"
        (load,) = [line for line in seen.lines if line["entry_id"] == in_force]
        assert load["rows_loaded"] == truth.rows, f"{key}: what the ledger says"
        assert tuple(sorted(load["billed_totals"])) == truth.totals, f"{key}: what the ledger says"

    def _check_poison(self, key: str, seen: Seen, names: set[str]) -> None:
        """It is quarantined with a reason; if an earlier version could be loaded, that one's rows stay."""
        newest = seen.newest(key)
        assert newest, f"{key} is not known"
        assert newest["state"] == "quarantined", f"{key} is {newest['state']}"
        assert newest["reason"]
        found = seen.rows.get(key, {})
        assert found.keys() <= {newest["load_id"]}, f"{key} has rows that are not in force"
        assert set(found.values()) <= {TRUTHS[name] for name in names}, f"{key}: rows that no version of it had"

    def _check_ledger(self, seen: Seen) -> None:
        """A notification makes one load of a version at most, where it can be told from all others.

        One whose object has been overwritten meanwhile brings what is there by then, so that it may load another
        version each time it comes.
        """
        if self.sequencer is not growing:
            return
        names = ("key", "version_id", "etag", "sequencer")
        lines = [line for line in seen.lines if line["state"] == "loaded" and line["sequencer"]]
        loaded = Counter(tuple(line[name] for name in names) for line in lines)
        assert max(loaded.values(), default=1) == 1, "a version was loaded twice"

    def _check_garbled(self, world: World) -> None:
        for body in set(world.garbled):
            scope = f"message://{sha256(body.encode()).hexdigest()}"
            kept = self.lakes[0].rows("SELECT raw_record FROM quarantined_rows WHERE scope = ?", [scope])
            assert kept == [(body,)]

    def _check_files(self, world: World) -> None:
        """Staged files that nothing refers to are left by those alone who could not know whether they had committed."""
        left = House(self.lakes[0], self.settings).staged_files_left() - self.orphans
        self.orphans |= left  # before it is judged: the next history is not to be blamed for them
        assert not left or world.interrupted, left

    def _see(self, bucket: FakeBucket) -> Seen:
        lines = self.lakes[0].query("SELECT * FROM ledger WHERE bucket = ? ORDER BY rowid", [bucket.name]).to_pylist()
        keys = {line["entry_id"]: line["key"] for line in lines if line["state"] == "loaded"}
        if not keys:
            return Seen({}, lines)
        # Literals, not parameters: DuckLake then reads only the files that have one of these loads.
        loads = ", ".join(literal(load_id) for load_id in keys)
        sql = (
            "SELECT load_id, billing_currency, sum(billed_cost), count(*) FROM charges "
            f"WHERE load_id IN ({loads}) GROUP BY ALL ORDER BY ALL"
        )
        rows: dict[str, dict[str, Truth]] = {}
        for load_id, currency, cost, count_ in self.lakes[0].rows(sql):
            of_key = rows.setdefault(keys[load_id], {})
            before = of_key.get(load_id, Truth())
            of_key[load_id] = Truth((*before.totals, (currency, cost)), before.rows + count_)
        return Seen(rows, lines)

    # -- what is to be true of the whole lake ------------------------------------------------------------

    def check_whole(self) -> None:
        """`verify` finds nothing, and the aggregates are the sums of the model: folded, and computed anew."""
        lake = self.lakes[0]
        loads = lake.rows("SELECT load_id FROM active_loads")
        assert sorted(load_id for (load_id,) in loads) == sorted(self.in_force)
        now = datetime.now(UTC)
        for compute in (refresh_once, rebuild):
            compute(lake, now=now)
            assert prove(lake, self.settings).findings == ()
            for rollup in ROLLUPS:
                sums = "sum(billed_cost), sum(charge_rows)::BIGINT"
                found = lake.rows(f"SELECT billing_currency, {sums} FROM {rollup.table} GROUP BY ALL")
                assert {currency: cost for currency, cost, _ in found} == self.total, rollup.table
                assert sum(rows for _, _, rows in found) == self.rows, rollup.table


@contextmanager
def estate(home: Path, sequencer: Sequencer, *, versioned: bool) -> Iterator[Estate]:
    """A new lake for as long as the context lasts, with every failpoint of the code in its hands."""
    made = Estate(home, sequencer, versioned)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(failpoints, "_pass", made.reach)
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
        try:
            made.open()
            yield made
        finally:
            made.close()
            structlog.reset_defaults()
