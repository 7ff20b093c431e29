"""Objects are decided about once more: those that are meant, either way, and never to the harm of what is newer."""

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from billstream.cli import wiring
from billstream.common.stop import Stop
from billstream.consumer.backfill.execution import replay_directly
from billstream.consumer.backfill.partition import Days, partition_days
from billstream.consumer.backfill.replay import FromLedger, FromListing, Source
from billstream.consumer.backfill.selection import Selection
from billstream.consumer.decide.states import State
from billstream.consumer.s3.listing import Bucket
from tests.e2e.billing import billing_file, expected_totals
from tests.integration.operator_support import Commands, commands, forget_notifications, put
from tests.servers.aws import AwsEnvironment

on_ministack = pytest.mark.parametrize("aws", ["ministack"], indirect=True)
JANUARY = billing_file("bills/year=2026/month=01/a + b=ü.csv", seed=1)
MARCH = billing_file("bills/year=2026/month=03/day=07/c.csv", seed=2)
PLAIN = billing_file("other/plain.csv", seed=3)
FILES = [JANUARY, MARCH, PLAIN]


@pytest.fixture
def billstream(aws: AwsEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Commands]:
    with commands(tmp_path, monkeypatch, aws.environment()) as made:
        put(aws, *FILES)
        forget_notifications(aws)
        yield made


def test_a_bucket_is_loaded_from_its_listing_and_again_without_a_change(
    aws: AwsEnvironment, billstream: Commands
) -> None:
    foreseen = billstream.run("replay", "--dry-run")
    assert "would be read, and loaded unless unchanged" in foreseen
    assert f"{sum(len(file.body) for file in FILES):,}" in foreseen
    assert billstream.rows("FROM ledger") == []

    billstream.run("replay")

    assert billstream.totals() == expected_totals(FILES)
    assert "already processed: nothing would change" in billstream.run("replay", "--dry-run")
    assert "already loaded" in billstream.run("replay")
    assert "already loaded" in billstream.run("replay", "--from", "ledger")
    assert len(billstream.rows("FROM ledger")) == 3
    restated = billing_file(PLAIN.key, seed=4)
    put(aws, restated)
    billstream.run("replay", "--from", "ledger")
    assert billstream.totals() == expected_totals([JANUARY, MARCH, restated])


def test_the_consumers_do_it_when_asked_through_the_queue(aws: AwsEnvironment, billstream: Commands) -> None:
    assert "3 notifications sent" in billstream.run("replay", "--via-queue")
    billstream.run("consume", "--drain")
    assert billstream.totals() == expected_totals(FILES)
    loads = billstream.rows("SELECT load_id FROM active_loads")

    billstream.run("replay", "--via-queue")
    billstream.run("consume", "--drain")
    assert billstream.rows("SELECT load_id FROM active_loads") == loads

    billstream.run("replay", "--via-queue", "--force")
    billstream.run("consume", "--drain")
    assert not set(billstream.rows("SELECT load_id FROM active_loads")) & set(loads)
    assert billstream.totals() == expected_totals(FILES)
    assert aws.bucket


@on_ministack
def test_a_notification_of_ours_is_written_as_s3_writes_it(aws: AwsEnvironment, billstream: Commands) -> None:
    aws.s3.put_object(Bucket=aws.bucket, Key=JANUARY.key, Body=JANUARY.body)
    [from_s3] = aws.take_records(1)
    billstream.run("replay", "--via-queue", "--prefix", "bills/year=2026/month=01")
    [ours] = aws.take_records(1)
    assert ours["s3"]["object"]["key"] == from_s3["s3"]["object"]["key"]
    assert ours["s3"]["object"]["eTag"] == from_s3["s3"]["object"]["eTag"]
    assert "billstream" not in ours
    billstream.run("replay", "--via-queue", "--prefix", "bills/year=2026/month=01", "--force")
    [forced] = aws.take_records(1)
    assert forced["billstream"] == {"force": True}
    assert "eTag" not in forced["s3"]["object"], "a forced one is of whatever the bucket has then"


@on_ministack
def test_programs_are_told_in_json(aws: AwsEnvironment, billstream: Commands) -> None:
    size = sum(len(file.body) for file in FILES)
    foreseen = billstream.json("replay", "--dry-run")
    assert foreseen == {"objects": 3, "bytes": size, "verdicts": {"load": 3}, "finished": True}
    sent = billstream.json("replay", "--via-queue")
    assert sent == {"notifications": 3, "local_files_left_out": 0, "finished": True}
    rows = sum(len(file.rows) for file in FILES)
    done = billstream.json("replay")
    assert done == {"outcomes": {"loaded": 3}, "rows": rows, "rejected": 0, "unprocessed": [], "finished": True}
    assert billstream.json("replay")["outcomes"] == {"duplicate": 3}
    aws.s3.delete_object(Bucket=aws.bucket, Key=PLAIN.key)
    failed = billstream.json("replay", "--from", "ledger", expect=1)
    assert [one["scope"] for one in failed["unprocessed"]] == [f"s3://{aws.bucket}/{PLAIN.key}"]
    assert "404" in failed["unprocessed"][0]["reason"] or "NoSuchKey" in failed["unprocessed"][0]["reason"]


MEANT = [
    (Selection(), FILES),
    (Selection(prefix="bills/"), [JANUARY, MARCH]),
    (Selection(partition="year=2026/month=03"), [MARCH]),
    (Selection(partition="month=01/"), [JANUARY]),
    (Selection(since=date(2026, 1, 31), until=date(2026, 3, 6)), [JANUARY]),
    (Selection(since=date(2026, 3, 7), until=date(2026, 3, 7)), [MARCH]),
    (Selection(until=date(2026, 3, 31), prefix="bills/"), [JANUARY, MARCH]),
    (Selection(since=datetime.now(UTC).date() - timedelta(days=1), prefix="other"), [PLAIN]),
    (Selection(until=datetime.now(UTC).date() - timedelta(days=2), prefix="other"), []),
    (Selection(prefix="nothing"), []),
]


@on_ministack
def test_only_what_is_meant_is_replayed(aws: AwsEnvironment, billstream: Commands) -> None:
    bucket = Bucket(aws.s3, aws.bucket)
    for selection, meant in MEANT:
        source = FromListing(billstream.lake, bucket, wiring.interest(billstream.settings), selection)
        assert _keys(source) == {file.key for file in meant}, selection
    billstream.run("replay", "--prefix", "bills/", "--until", "2026-01-31")
    assert billstream.states() == {JANUARY.key: "loaded"}
    billstream.run("replay")
    for selection, meant in MEANT:
        assert _keys(FromLedger(billstream.lake, selection)) == {file.key for file in meant}, selection
    assert "'lost' is not a state of the ledger" in billstream.run("replay", "--state", "lost", expect=1)
    assert "must not be after --until" in billstream.run(
        "replay", "--since", "2026-02-01", "--until", "2026-01-01", expect=1
    )


def _keys(source: Source) -> set[str]:
    return {candidate.event.key for page in source() for candidate in page}


@on_ministack
def test_naming_the_state_of_what_did_not_load_tries_it_again(aws: AwsEnvironment, billstream: Commands) -> None:
    aws.s3.put_object(Bucket=aws.bucket, Key="broken.csv", Body=b"\x00")
    billstream.run("replay")
    lines = len(billstream.rows("FROM ledger"))
    assert "already loaded" in billstream.run("replay", "--prefix", "broken")
    assert len(billstream.rows("FROM ledger")) == lines

    for origin in ("listing", "ledger"):
        told = billstream.run("replay", "--state", "quarantined,missing", "--from", origin)
        assert "quarantined  1" in " ".join(told.replace("\n", "  ").split(" ")), told
    assert len(billstream.rows("FROM ledger")) == lines + 2


@on_ministack
def test_an_object_that_is_gone_is_told_of_and_changes_nothing(aws: AwsEnvironment, billstream: Commands) -> None:
    billstream.run("replay")
    aws.s3.delete_object(Bucket=aws.bucket, Key=PLAIN.key)
    told = billstream.run("replay", "--from", "ledger", expect=1)
    assert f"s3://{aws.bucket}/{PLAIN.key}: not processed" in told
    assert billstream.totals() == expected_totals(FILES)
    billstream.run("sweep", "--keep-gone")
    assert "already loaded" in billstream.run("replay", "--from", "ledger"), "what is known to be gone is left alone"


@on_ministack
def test_local_files_are_replayed_from_the_ledger(aws: AwsEnvironment, billstream: Commands, tmp_path: Path) -> None:
    file = tmp_path / "local.csv"
    file.write_bytes(PLAIN.body)
    billstream.run("load", str(file))
    restated = billing_file("local.csv", seed=8)
    file.write_bytes(restated.body)
    assert "1 local file left out" in billstream.run("replay", "--from", "ledger", "--via-queue")

    billstream.run("replay", "--from", "ledger", "--prefix", str(tmp_path))

    assert billstream.totals() == expected_totals([restated])
    assert aws.bucket


@on_ministack
def test_a_replay_that_is_told_to_stop_finishes_its_batch_and_goes_on_the_next_time(
    aws: AwsEnvironment, billstream: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BILLSTREAM_BATCH_FILES", "1")
    stop = Stop()
    settings = billstream.settings
    source = FromListing(billstream.lake, Bucket(aws.s3, aws.bucket), settings, Selection())
    backfill = wiring.operator_backfill(settings, billstream.lake, stop, role="replay")

    result = replay_directly(source, backfill, lambda _: stop.request())

    assert sum(result.outcomes.values()) == 1
    assert len(billstream.states()) == 1
    billstream.run("replay")
    assert billstream.totals() == expected_totals(FILES)
    assert len(billstream.rows("FROM ledger")) == 3


@on_ministack
def test_a_forced_load_that_is_overtaken_fetches_what_is_newer(
    aws: AwsEnvironment, billstream: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its fetch and its commit another consumer loads a newer version: the older one must not come back."""
    billstream.run("replay")
    newer = billing_file(PLAIN.key, seed=6)
    with billstream.another_process() as lake:
        commit, overtaken = lake.commit, threading.Event()

        def commit_too_late(*arguments: object, **more: object) -> int:
            if not overtaken.is_set():
                overtaken.set()
                put(aws, newer)
                billstream.run("consume", "--drain")
            return commit(*arguments, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(lake, "commit", commit_too_late)
        source = FromListing(
            lake, wiring.buckets(billstream.settings)[0], billstream.settings, Selection(prefix=PLAIN.key, force=True)
        )
        backfill = wiring.operator_backfill(billstream.settings, lake, Stop(), role="replay")
        result = replay_directly(source, backfill, lambda _: None)
    assert overtaken.is_set()
    assert result.outcomes == {"loaded": 1}
    assert billstream.totals() == expected_totals([JANUARY, MARCH, newer])


@pytest.mark.parametrize(
    ("key", "days"),
    [
        ("a/year=2026/month=03/day=07/f.csv", Days(date(2026, 3, 7), date(2026, 3, 7))),
        ("year=2024/month=2/f.csv", Days(date(2024, 2, 1), date(2024, 2, 29))),
        ("year=2026/f.csv", Days(date(2026, 1, 1), date(2026, 12, 31))),
        ("year=2026/month=13/f.csv", None),
        ("year=2026/day=07/f.csv", None),
        ("month=03/f.csv", None),
        ("year=2026", None),
        ("theyear=2026/f.csv", None),
        ("plain.csv", None),
    ],
)
def test_the_days_of_a_partition(key: str, days: Days | None) -> None:
    assert partition_days(key) == days


def test_a_state_that_did_not_load_forces_only_when_it_was_asked_for() -> None:
    assert Selection().forces(None) is False
    assert Selection(force=True).forces(None)
    assert Selection().forces(State.QUARANTINED)
    assert not Selection().forces(State.LOADED)
