"""A sweep reconciles the ledger with the bucket where notifications were lost."""

import dataclasses
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from billstream.cli import wiring
from billstream.common.stop import Stop
from billstream.consumer.backfill.sweep import Difference, Sweep
from billstream.consumer.events import EventKind, ObjectEvent
from billstream.consumer.periodic import Periodic
from billstream.consumer.s3.listing import Bucket
from billstream.consumer.sqs.notifications import Notifications
from tests.e2e.billing import billing_file, expected_totals
from tests.integration.operator_support import Commands, commands, forget_notifications, put
from tests.servers.aws import AwsEnvironment

on_ministack = pytest.mark.parametrize("aws", ["ministack"], indirect=True)
FILES = [billing_file(f"year=2026/month=0{month}/a + b {month}.csv", seed=month) for month in (1, 2, 3)]
RESTATED = billing_file(FILES[0].key, seed=11, rows=7)
NEW = billing_file("new/ü%20.csv", seed=12)


@pytest.fixture
def billstream(aws: AwsEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Commands]:
    with commands(tmp_path, monkeypatch, aws.environment()) as made:
        yield made


def miss_everything(aws: AwsEnvironment) -> None:
    """Restate one object, add one, remove one, add one that is no billing file; lose all notifications."""
    put(aws, RESTATED, NEW)
    aws.s3.delete_object(Bucket=aws.bucket, Key=FILES[1].key)
    aws.s3.put_object(Bucket=aws.bucket, Key="notes.txt", Body=b"no billing file")
    forget_notifications(aws)


def test_changes_without_notifications_are_processed(aws: AwsEnvironment, billstream: Commands) -> None:
    put(aws, *FILES)
    forget_notifications(aws)
    billstream.run("sweep")
    assert billstream.totals() == expected_totals(FILES)
    miss_everything(aws)

    preview = billstream.run("sweep", "--dry-run")

    assert f"s3://{aws.bucket}/{RESTATED.key}: in the bucket, in another version" in preview
    assert f"s3://{aws.bucket}/{NEW.key}: in the bucket, unknown" in preview
    assert f"s3://{aws.bucket}/{FILES[1].key}: in the ledger, gone" in preview
    assert "notes.txt" not in preview
    assert billstream.totals() == expected_totals(FILES), "a dry run changed something"

    told = billstream.run("sweep")

    assert f"s3://{aws.bucket}/{FILES[1].key}: in the ledger, gone" in told
    assert "--retract-gone" in told
    assert "--keep-gone" in told
    assert billstream.totals() == expected_totals([RESTATED, NEW, *FILES[1:]]), (
        "what is gone was true when it was billed"
    )
    assert billstream.states()[FILES[1].key] == "loaded"
    lines = len(billstream.rows("FROM ledger"))
    assert billstream.json("sweep")["gone"] == 1
    assert len(billstream.rows("FROM ledger")) == lines, "a sweep with nothing to do wrote to the ledger"
    verified = billstream.run("verify", "--s3", "--repair", expect=1)
    assert "no longer in the bucket" in verified
    assert billstream.totals() == expected_totals([RESTATED, NEW, *FILES[1:]]), "a repair retracted what is gone"

    billstream.run("sweep", "--retract-gone", "--max-share", "0.5")

    assert billstream.totals() == expected_totals([RESTATED, NEW, FILES[2]])
    assert billstream.states()[FILES[1].key] == "removed"
    assert "Nothing to do" in billstream.run("sweep")
    billstream.run("verify", "--s3")


@on_ministack
def test_more_than_a_share_is_never_retracted_and_all_else_is_processed(
    aws: AwsEnvironment, billstream: Commands
) -> None:
    put(aws, *FILES)
    billstream.run("sweep")
    miss_everything(aws)

    told = billstream.run("sweep", "--retract-gone", expect=1)

    assert f"1 of 3 active objects of the bucket {aws.bucket} are gone" in told
    assert "--max-share" in told
    assert billstream.totals() == expected_totals([RESTATED, NEW, *FILES[1:]])
    assert billstream.states()[FILES[1].key] == "loaded"


@on_ministack
def test_a_person_may_record_what_is_gone_as_expired(aws: AwsEnvironment, billstream: Commands) -> None:
    put(aws, *FILES)
    billstream.run("sweep")
    aws.s3.delete_object(Bucket=aws.bucket, Key=FILES[1].key)
    forget_notifications(aws)

    assert billstream.json("sweep", "--keep-gone")["outcomes"] == {"expired": 1}

    assert billstream.totals() == expected_totals(FILES)
    assert "Nothing to do" in billstream.run("sweep", "--retract-gone")
    assert "agree" in billstream.run("sweep", "--dry-run")
    billstream.run("verify", "--s3")
    assert billstream.rows("SELECT count(*) FROM active_loads") == [(3,)]
    put(aws, RESTATED, billing_file(FILES[1].key, seed=5))
    billstream.run("sweep")
    assert billstream.states()[FILES[1].key] == "loaded"
    assert billstream.totals() == expected_totals([RESTATED, billing_file(FILES[1].key, seed=5), FILES[2]])


@on_ministack
@pytest.mark.parametrize("again", ["sweep", "message"])
def test_what_a_lifecycle_rule_takes_keeps_its_rows_on_both_roads(
    aws: AwsEnvironment, billstream: Commands, again: str
) -> None:
    put(aws, *FILES)
    billstream.run("consume", "--drain")
    aws.s3.delete_object(Bucket=aws.bucket, Key=FILES[1].key)
    forget_notifications(aws)
    expiry = ObjectEvent(
        kind=EventKind.EXPIRED, bucket=aws.bucket, key=FILES[1].key, event_name="LifecycleExpiration:Delete"
    )
    Notifications(aws.sqs, aws.queue_url).send([expiry])

    assert "expired by a lifecycle rule: rows kept" in billstream.run("consume", "--drain")
    assert billstream.states()[FILES[1].key] == "expired"
    billstream.run("sweep")
    billstream.run("sweep", "--retract-gone", "--max-share", "1")
    billstream.run("verify", "--s3", "--repair")
    assert billstream.totals() == expected_totals(FILES)

    put(aws, FILES[1])  # the same again, and later removed by somebody
    billstream.run("sweep") if again == "sweep" else billstream.run("consume", "--drain")
    assert billstream.states()[FILES[1].key] == "unchanged"
    aws.s3.delete_object(Bucket=aws.bucket, Key=FILES[1].key)
    billstream.run("consume", "--drain")
    assert billstream.totals() == expected_totals([FILES[0], FILES[2]])


@on_ministack
def test_each_configured_bucket_is_swept_and_rows_of_others_are_named_until_a_person_decides(
    aws: AwsEnvironment, billstream: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = aws.new_bucket()
    put(aws, FILES[0])
    parts = [f"cur/acme/20260301-20260401/{name}" for name in ("acme-00001.csv", "acme-Manifest.json")]
    manifest = {"reportKeys": [parts[0]], "billingPeriod": {"start": "20260301T000000.000Z"}}
    for key, body in zip(
        [FILES[1].key, *parts], [FILES[1].body, FILES[2].body, json.dumps(manifest).encode()], strict=True
    ):
        aws.s3.put_object(Bucket=other, Key=key, Body=body)
    monkeypatch.setenv("BILLSTREAM_BUCKETS", other)
    billstream.run("sweep")
    assert billstream.totals() == expected_totals(FILES), billstream.states()
    aws.s3.put_object(Bucket=other, Key="unannounced.csv", Body=RESTATED.body)
    assert f"s3://{other}/unannounced.csv: it is in the bucket" in billstream.run("verify", "--s3", expect=1)
    aws.s3.delete_object(Bucket=other, Key="unannounced.csv")
    assert f"4 objects in {aws.bucket}, {other}" in billstream.run("verify", "--s3")
    monkeypatch.delenv("BILLSTREAM_BUCKETS")

    told = billstream.run("verify", "--s3", "--repair", expect=1)

    for key in (FILES[1].key, parts[0]):
        assert f"s3://{other}/{key}: its rows are active, and its bucket is not configured" in told
    billstream.run("sweep", "--retract-gone", "--max-share", "1")
    assert billstream.totals() == expected_totals(FILES), "no repair and no sweep retracts them"
    assert billstream.json("sweep", "--dry-run")["differences"]["foreign"] == 2, "the file and the manifest"
    billstream.run("sweep", "--retract-foreign")
    assert billstream.totals() == expected_totals(FILES[:1])
    billstream.run("verify", "--s3")


@on_ministack
def test_json_is_printed_for_programs(aws: AwsEnvironment, billstream: Commands) -> None:
    put(aws, *FILES)
    billstream.run("sweep")
    miss_everything(aws)
    told = billstream.json("sweep", "--dry-run")
    assert told["bucket"] == aws.bucket
    assert told["differences"] == {"unknown": 1, "changed": 1, "gone": 1, "freed": 0}
    assert {"difference": "gone", "scope": f"s3://{aws.bucket}/{FILES[1].key}"} in told["examples"]
    assert told["finished"] is True
    done = billstream.json("sweep")
    assert (done["outcomes"], done["gone"]) == ({"loaded": 2}, 1)
    assert billstream.json("sweep", "--retract-gone", "--max-share", "1")["outcomes"] == {"removed": 1}
    assert billstream.json("sweep")["outcomes"] == {}


@on_ministack
def test_a_late_notification_after_a_sweep_changes_nothing(aws: AwsEnvironment, billstream: Commands) -> None:
    put(aws, *FILES, RESTATED)
    aws.s3.delete_object(Bucket=aws.bucket, Key=FILES[1].key)
    billstream.run("sweep")
    before = billstream.totals()

    summary = billstream.run("consume", "--drain")

    assert billstream.totals() == before == expected_totals([RESTATED, FILES[2]])
    assert "quarantined" not in summary


@on_ministack
def test_a_skipped_copy_is_loaded_when_its_original_is_gone(
    aws: AwsEnvironment, billstream: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that removed the original died before it loaded the copy."""
    monkeypatch.setenv("BILLSTREAM_ON_DUPLICATE_CONTENT", "skip")
    copy = dataclasses.replace(FILES[0], key="z copy.csv")
    put(aws, FILES[0], copy)
    billstream.run("sweep")
    assert billstream.states() == {FILES[0].key: "loaded", copy.key: "skipped"}
    assert "agree" in billstream.run("sweep", "--dry-run")
    aws.s3.delete_object(Bucket=aws.bucket, Key=FILES[0].key)
    monkeypatch.setenv("BILLSTREAM_ON_DUPLICATE_CONTENT", "warn")  # does not look for copies
    billstream.run("sweep", "--retract-gone", "--max-share", "1")
    assert billstream.totals() == {}

    assert f"s3://{aws.bucket}/{copy.key}: skipped as a copy" in billstream.run("sweep", "--dry-run")
    billstream.run("sweep")

    assert billstream.totals() == expected_totals([copy])
    assert "Nothing to do" in billstream.run("sweep")


@on_ministack
def test_rows_are_kept_if_the_policy_is_keep(
    aws: AwsEnvironment, billstream: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BILLSTREAM_ON_REMOVED", "keep")
    put(aws, *FILES)
    billstream.run("sweep")
    aws.s3.delete_object(Bucket=aws.bucket, Key=FILES[1].key)

    billstream.run("sweep")

    assert billstream.states()[FILES[1].key] == "kept"
    assert billstream.totals() == expected_totals(FILES)
    assert "Nothing to do" in billstream.run("sweep")
    billstream.run("verify", "--s3")


@on_ministack
def test_a_listing_that_is_older_than_a_load_replaces_nothing(aws: AwsEnvironment, billstream: Commands) -> None:
    put(aws, *FILES)
    billstream.run("sweep")
    put(aws, billing_file(FILES[0].key, seed=21))
    with billstream.another_process() as lake:
        stop = Stop()
        found = list(wiring.sweeps(billstream.settings, lake, stop)[0].differences())
        assert [one.difference for one in found] == [Difference.CHANGED]
        put(aws, RESTATED)
        billstream.run("consume", "--drain")  # is quicker

        backfill = wiring.operator_backfill(billstream.settings, lake, stop, role="late")
        outcomes = [outcome for batch in backfill.run(one.event for one in found) for outcome in batch]

    assert [outcome.label for outcome in outcomes] == ["stale"]
    assert billstream.totals() == expected_totals([RESTATED, *FILES[1:]])


@on_ministack
def test_an_object_that_arrives_during_the_listing_is_not_reported_as_gone(
    aws: AwsEnvironment, billstream: Commands
) -> None:
    put(aws, *FILES)
    with billstream.another_process() as lake:
        differences = wiring.sweeps(billstream.settings, lake, Stop())[0].differences()
        first = next(differences)
        put(aws, NEW)
        billstream.run("consume", "--drain")

        rest = list(differences)

    assert {one.difference for one in [first, *rest]} == {Difference.UNKNOWN}


@on_ministack
def test_a_stopped_sweep_reports_nothing_as_gone(aws: AwsEnvironment, billstream: Commands) -> None:
    put(aws, *FILES)
    billstream.run("sweep")
    aws.s3.delete_object(Bucket=aws.bucket, Key=FILES[1].key)
    stop = Stop()
    stop.request()
    assert list(wiring.sweeps(billstream.settings, billstream.lake, stop)[0].differences()) == []


@on_ministack
def test_a_listing_has_pages(aws: AwsEnvironment, billstream: Commands) -> None:
    assert "Nothing to do" in billstream.run("sweep"), "an empty bucket"
    put(aws, *FILES)
    stop = Stop()
    bucket = Bucket(aws.s3, aws.bucket, page_size=2)
    sizes: list[int] = []
    found = list(Sweep(billstream.lake, bucket, wiring.interest(billstream.settings), stop).differences(sizes.append))
    assert {one.event.key for one in found} == {file.key for file in FILES}
    assert sizes == [2, 1]


@on_ministack
def test_a_running_consumer_sweeps_periodically(
    aws: AwsEnvironment, billstream: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BILLSTREAM_SWEEP_SECONDS", "0.2")
    put(aws, *FILES)
    forget_notifications(aws)
    stop = Stop()
    with billstream.another_process() as lake:
        running = threading.Thread(target=wiring.worker(billstream.settings, lake, stop).run)
        running.start()
        try:
            deadline = time.monotonic() + 120
            while billstream.totals() != expected_totals(FILES) and time.monotonic() < deadline:
                time.sleep(0.1)
        finally:
            stop.request()
            running.join()
    assert billstream.totals() == expected_totals(FILES)


def test_a_periodic_task_waits_for_its_interval_and_is_due_again_after_a_failure() -> None:
    now = [0.0]
    runs: list[float] = []

    def task() -> None:
        runs.append(now[0])
        if len(runs) == 2:
            raise ValueError

    periodic = Periodic(10, task, clock=lambda: now[0])
    assert not periodic.run_if_due()
    now[0] = 10
    assert periodic.run_if_due()
    assert not periodic.run_if_due()
    now[0] = 20
    with pytest.raises(ValueError):  # noqa: PT011 - the task's own
        periodic.run_if_due()
    assert periodic.run_if_due(), "what failed is due again"
    assert runs == [10, 20, 20]


@on_ministack
def test_a_missing_bucket_is_reported_with_the_setting(
    aws: AwsEnvironment, billstream: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BILLSTREAM_BUCKET", f"{aws.bucket}-not")
    assert "BILLSTREAM_BUCKET" in billstream.run("sweep", expect=1)
