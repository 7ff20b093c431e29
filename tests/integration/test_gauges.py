"""What the aggregator's metrics tell of lake, insights and queue, and that they cost little and raise nothing."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from billstream.aggregator.gauges import SHARE, Gauges
from billstream.common import aws
from billstream.common.errors import CatalogUnavailable, Misconfigured, ServiceUnavailable
from billstream.common.lake import Lake
from billstream.common.metrics import catalogue
from billstream.common.metrics.exposition import exporting, exposition
from billstream.common.metrics.instruments import AGGREGATOR
from billstream.common.settings import Settings
from billstream.consumer.events import EXPORT_BUCKET
from billstream.consumer.sqs import watch
from billstream.consumer.sqs.dead_letters import DeadLetterQueue
from billstream.consumer.sqs.queue import Depth
from billstream.consumer.sqs.watch import AGE_SECONDS, QueueWatch
from tests.fakes.clock import FakeClock

COUNTS = ("rows_loaded", "rows_rejected", "values_rounded")
OLD = datetime(2026, 3, 1, tzinfo=UTC)


pytestmark = pytest.mark.usefixtures("no_gauge_known")


@dataclass
class Counted:
    """A lake that counts what it is asked, and takes time for it."""

    lake: Lake
    clock: FakeClock
    seconds: float = 0.0
    asked: int = 0
    error: Exception | None = None

    def snapshot_id(self) -> int:
        if self.error:
            raise self.error
        return self.lake.snapshot_id()

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        self.asked += 1
        self.clock.advance(self.seconds)
        return self.lake.rows(sql, parameters)


def insert(con: duckdb.DuckDBPyConnection, table: str, **row: object) -> None:
    con.execute(f"INSERT INTO {table} BY NAME SELECT {', '.join(f'? AS {name}' for name in row)}", list(row.values()))


def fill(lake: Lake) -> None:
    """Something of each kind that a gauge counts, as the rooms that own the tables would write it."""
    day, today = OLD.date(), datetime.now(UTC).date()
    entries = ["loaded", "quarantined", "awaiting_manifest", "awaiting_manifest", "delivered"]
    counts = dict.fromkeys(COUNTS, 0)
    anomaly: dict[str, object] = {"anomaly_id": "x", "kind": "spike", "direction": "up"}
    anomaly |= dict.fromkeys(("first_day", "last_day", "detected_on"), day)

    def write(con: duckdb.DuckDBPyConnection) -> None:
        for number, state in enumerate(entries):
            bucket, name = EXPORT_BUCKET if state == "delivered" else "bucket", str(number)
            own = dict.fromkeys(("entry_id", "scope", "scope_id", "key", "consumer_id"), name)
            since = OLD + timedelta(hours=number)
            insert(con, "ledger", **own, **counts, state=state, bucket=bucket, processed_at=since)
        for tier, state in (("page", "open"), ("notice", "open"), ("notice", "open"), ("page", "ended")):
            insert(con, "anomalies", **anomaly, tier=tier, state=state)
        for budget, rule, last_day in (("one", "a", today), ("one", "b", today), ("over", "a", day)):
            insert(
                con,
                "budget_states",
                budget=budget,
                rule=rule,
                first_day=day,
                last_day=last_day,
                state="firing",
                changed_at=OLD,
                sentence="",
            )
        for state in ("pending", "failed", "failed", "sent"):
            insert(con, "alert_deliveries", alert_id="x", sink="s", state=state, attempts=1, queued_at=OLD)

    lake.commit(write, claims=[], author="test", message="something of each kind")


def test_the_gauges_tell_of_lake_and_insights_at_a_bounded_cost(tmp_path: Path) -> None:
    clock = FakeClock()
    insights = tmp_path / "insights.json"
    with Lake.open(Settings(home=tmp_path / "home", threads=1), create=True) as real:
        lake = Counted(real, clock, seconds=2.0)
        gauges = Gauges(lake, tmp_path, clock)  # type: ignore[arg-type]
        gauges.read()
        assert catalogue.LEDGER.known() == dict.fromkeys(catalogue.LEDGER.values, 0.0)
        assert catalogue.OLDEST_AWAITING.known() == {}
        assert catalogue.OBSERVED.known() == {"lake": 1.0}
        assert catalogue.LAGGING.known() == {}

        # Something has changed: it is read, but not before the time for it is there.
        fill(real)
        gauges.read()
        assert lake.asked == 1
        clock.advance(lake.seconds * (1 / SHARE - 1))
        gauges.read()
        assert lake.asked == 2
        clock.advance(10**6)
        gauges.read()
        assert lake.asked == 2, "nothing has changed since"

        known = {state: amount for state, amount in catalogue.LEDGER.known().items() if amount}
        assert known == {"loaded": 1, "quarantined": 1, "awaiting_manifest": 2}
        assert catalogue.OLDEST_AWAITING.known() == {"": (OLD + timedelta(hours=2)).timestamp()}
        assert catalogue.ANOMALIES.known() == {"page": 1, "notice": 2, "other": 0}
        assert catalogue.BUDGETS.known() == {"": 1}
        assert catalogue.OUTBOX.known() == {"pending": 1, "sending": 0, "failed": 2, "other": 0}
        assert catalogue.OLDEST_IN_OUTBOX.known() == {"": OLD.timestamp()}
        assert catalogue.OVERLAPS.known() == {"": 0}
        ((snapshots,),) = real.rows("SELECT count(*) FROM ducklake_snapshots('lake')")
        assert catalogue.LAKE_SNAPSHOTS.known() == {"": snapshots}
        assert catalogue.LAKE_FILES.known()["data"] == len(real.rows("FROM ducklake_list_files('lake', 'ledger')"))

        # The insights are read when they are published, and only then.
        omissions = [{"kind": "stale_sources", "count": 2}, {"kind": "lagging_sources", "count": 1}]
        insights.write_text(json.dumps({"omissions": [*omissions, {"kind": "quarantined", "count": 9}]}))
        gauges.read()
        assert catalogue.LAGGING.known() == {"": 3}
        for torn in ('{"omiss', "[]", '{"omissions": [7]}'):
            insights.write_text(torn)
            gauges.read()
            assert catalogue.LAGGING.known() == {}

        # A lake that does not answer: what is not known is not told, and nothing is raised.
        with exporting(AGGREGATOR, {}) as registry:
            assert b"billstream_ledger_objects{" in exposition(registry)
            lake.error = CatalogUnavailable("away")
            gauges.read()
            assert b"billstream_ledger_objects" not in exposition(registry)
            assert b'billstream_observed{what="lake"} 0.0' in exposition(registry)
            lake.error = None
            gauges.read()
            assert b"billstream_ledger_objects{" in exposition(registry)
            gauges.lost(CatalogUnavailable("away"))
            assert b"billstream_ledger_objects" not in exposition(registry)


@dataclass
class Sqs:
    """The queues, as the watch asks for them."""

    url: str = "https://sqs.eu-central-1.amazonaws.com/1/q"
    error: Exception | None = None
    dead_error: Exception | None = None
    ages: dict[str, float] = field(default_factory=dict)
    asked_ages: int = 0

    def depth(self) -> Depth:
        if self.error:
            raise self.error
        return Depth(visible=5, in_flight=2, delayed=1)

    def count(self) -> int:
        if self.dead_error:
            raise self.dead_error
        return 4

    def age(self, _: object, url: str) -> float | None:
        self.asked_ages += 1
        return self.ages.get(url)


def test_the_watch_tells_of_the_queue_and_raises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sqs, clock = Sqs(), FakeClock()
    monkeypatch.setattr(aws, "sqs_client", lambda: None)
    monkeypatch.setattr(aws, "cloudwatch_client", lambda: None)
    monkeypatch.setattr(watch, "find_queue", lambda *_: sqs)
    monkeypatch.setattr(DeadLetterQueue, "of", lambda *_: sqs)
    monkeypatch.setattr(watch, "oldest_message_seconds", sqs.age)
    watching = QueueWatch(Settings(), clock)

    watching.look()
    assert catalogue.QUEUE.known() == {"visible": 5, "in_flight": 2, "delayed": 1}
    assert catalogue.DEAD_LETTERS.known() == {"": 4}
    assert catalogue.QUEUE_AGE.known() == {}, "CloudWatch does not tell"
    sqs.ages[sqs.url] = 70.0
    watching.look()
    assert sqs.asked_ages == 2, "an age for each minute, and each question costs money"
    clock.advance(AGE_SECONDS)
    watching.look()
    assert (catalogue.QUEUE_AGE.known(), catalogue.DEAD_LETTERS_AGE.known()) == ({"": 70.0}, {"": 70.0})

    sqs.dead_error = Misconfigured("no permission on the dead-letter queue")
    watching.look()
    assert catalogue.QUEUE.known()["visible"] == 5
    assert (catalogue.DEAD_LETTERS.known(), catalogue.DEAD_LETTERS_AGE.known()) == ({}, {})

    for error in (ServiceUnavailable("away"), RuntimeError("a bug")):
        sqs.error = error
        watching.look()
        assert catalogue.OBSERVED.known() == {"queue": 0.0}
        assert (catalogue.QUEUE.known(), catalogue.QUEUE_AGE.known()) == ({}, {})
    sqs.error = sqs.dead_error = None
    with watching.watching():
        pass
    assert catalogue.OBSERVED.known() == {"queue": 1.0}
    assert catalogue.DEAD_LETTERS.known() == {"": 4}
