"""What could not be loaded is listed with its reason, and is loaded once it has been mended."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from billstream.cli import wiring
from billstream.common.stop import Stop
from billstream.consumer.sqs.envelope import read_body
from tests.e2e.billing import HEADER, billing_file, expected_totals
from tests.integration.operator_support import Commands, commands, forget_notifications, put
from tests.servers.aws import AwsEnvironment

pytestmark = pytest.mark.parametrize("aws", ["ministack"], indirect=True)

GOOD = billing_file("good.csv", seed=1)
BROKEN = "year=2026/broken.csv"
PARTLY = "partly [x].csv"
ROW = "2026-01-0{day}T00:00:00Z,USD,{cost},1,2,Service 1,region-1,user1"
HOSTILE = "\x1b[31m[bold]1.5"
MESSAGE = '{"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put"}]}'


def body(*costs: str) -> bytes:
    return "\n".join([HEADER, *(ROW.format(day=day, cost=cost) for day, cost in enumerate(costs, 1)), ""]).encode()


@pytest.fixture
def billstream(aws: AwsEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Commands]:
    """A lake with a file that is no CSV, one that has two bad records, one that is good, and an unreadable message."""
    with commands(tmp_path, monkeypatch, aws.environment()) as made:
        put(aws, GOOD)
        aws.s3.put_object(Bucket=aws.bucket, Key=BROKEN, Body=b"\x00\x01")
        aws.s3.put_object(Bucket=aws.bucket, Key=PARTLY, Body=body("1.25", HOSTILE, "n/a", "2"))
        forget_notifications(aws)
        made.run("sweep")
        backfill = wiring.operator_backfill(made.settings, made.lake, Stop(), role="test")
        assert [outcome.label for batch in backfill.run(read_body(MESSAGE).events) for outcome in batch] == [
            "quarantined"
        ]
        yield made


def test_what_is_in_quarantine_is_listed_and_shown_with_its_reason(aws: AwsEnvironment, billstream: Commands) -> None:
    found = {item["key"]: item for item in billstream.json("quarantine", "list")}

    assert len(found) == 3
    assert (found[BROKEN]["state"], "NUL" in found[BROKEN]["why"]) == ("quarantined", True)
    assert (found[PARTLY]["state"], found[PARTLY]["rows_loaded"], found[PARTLY]["rows_rejected"]) == ("loaded", 2, 2)
    assert found[PARTLY]["why"] == "2 of 4 records do not fit; the others are loaded."
    assert f"s3://{aws.bucket}/{PARTLY}" in billstream.run("quarantine", "list")

    [shown] = billstream.json("quarantine", "show", PARTLY)
    assert [(record["line"], record["raw_value"]) for record in shown["records"]] == [(3, HOSTILE), (4, "n/a")]
    for_a_person = billstream.run("quarantine", "show", f"s3://{aws.bucket}/{PARTLY}", "--limit", "1")
    assert "1 of 2 records shown" in for_a_person
    assert "\x1b[31m" not in for_a_person, "a cell has reached the terminal as a command"
    [message] = [item for item in found.values() if item["bucket"] == "message:"]
    [shown] = billstream.json("quarantine", "show", message["scope"])
    assert shown["records"][0]["raw_record"] == MESSAGE
    assert "not in quarantine" in billstream.run("quarantine", "show", GOOD.key, expect=1)
    assert "not in quarantine" in billstream.run("quarantine", "reload", "nothing.csv", expect=1)
    assert "--all" in billstream.run("quarantine", "reload", expect=1)


def test_mended_objects_are_loaded_and_others_stay(aws: AwsEnvironment, billstream: Commands) -> None:
    message = "an unreadable message cannot be loaded again"
    told = billstream.run("quarantine", "reload", "--all", expect=1)
    assert "still in quarantine" in told
    assert "rejected again: 2 records" in told
    assert message in told
    mended = billing_file(BROKEN, seed=2)
    put(aws, mended)
    aws.s3.put_object(Bucket=aws.bucket, Key=PARTLY, Body=body("1.25", "1.5", "n/a", "2"))

    assert "loaded, 20 rows" in billstream.run("quarantine", "reload", BROKEN)
    assert "rejected again: 1 record" in billstream.run("quarantine", "reload", PARTLY, expect=1)
    aws.s3.put_object(Bucket=aws.bucket, Key=PARTLY, Body=body("1.25", "1.5", "3", "2"))
    billstream.run("quarantine", "reload", f"s3://{aws.bucket}/{PARTLY}")

    totals = expected_totals([GOOD, mended])
    assert billstream.totals() == totals | {"USD": totals["USD"] + Decimal("7.75")}
    assert [item["bucket"] for item in billstream.json("quarantine", "list")] == ["message:"]
    billstream.run("verify", "--s3")


def test_the_last_good_rows_stay_until_the_mended_ones_come(aws: AwsEnvironment, billstream: Commands) -> None:
    aws.s3.put_object(Bucket=aws.bucket, Key=GOOD.key, Body=b"\x00")
    billstream.run("sweep")
    [shown] = billstream.json("quarantine", "show", GOOD.key)
    assert shown["older_rows_active"]
    assert "last good version stay active" in billstream.run("quarantine", "show", GOOD.key)
    rows = billstream.rows("SELECT count(*) FROM charges")

    billstream.run("quarantine", "reload", GOOD.key, expect=1)
    assert billstream.rows("SELECT count(*) FROM charges") == rows

    restated = billing_file(GOOD.key, seed=9, rows=3)
    put(aws, restated)
    billstream.run("quarantine", "reload", GOOD.key)
    assert billstream.rows("SELECT count(*) FROM charges") == [(rows[0][0] - 20 + 3,)]


def test_an_object_that_is_gone_leaves_the_quarantine_and_local_files_do_when_mended(
    aws: AwsEnvironment, billstream: Commands, tmp_path: Path
) -> None:
    aws.s3.delete_object(Bucket=aws.bucket, Key=BROKEN)
    assert "missing" in billstream.run("quarantine", "reload", BROKEN, expect=1)
    assert billstream.states()[BROKEN] == "missing"
    billstream.run("sweep")
    assert billstream.states()[BROKEN] == "removed"

    file = tmp_path / "local.csv"
    file.write_bytes(b"\x00")
    billstream.run("load", str(file), expect=1)
    before = billstream.rows("SELECT count(*) FROM charges")[0][0]
    file.write_bytes(GOOD.body)
    billstream.run("quarantine", "reload", str(file))
    assert billstream.rows("SELECT count(*) FROM charges") == [(before + 20,)]


def test_late_news_does_not_hide_what_is_in_quarantine(aws: AwsEnvironment, billstream: Commands) -> None:
    """A stale line is the newest of its object, and still its newest version is the one that could not be loaded."""
    record = f"""{{"Records": [{{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {{
        "bucket": {{"name": "{aws.bucket}"}},
        "object": {{"key": "{BROKEN.replace("=", "%3D")}", "eTag": "older", "sequencer": "1"}}}}}}]}}"""
    backfill = wiring.operator_backfill(billstream.settings, billstream.lake, Stop(), role="test")
    put(aws, billing_file(BROKEN, seed=3))
    aws.s3.put_object(Bucket=aws.bucket, Key=BROKEN, Body=b"\x00\x01")
    assert [outcome.label for batch in backfill.run(read_body(record).events) for outcome in batch] == ["stale"]
    assert BROKEN in {item["key"] for item in billstream.json("quarantine", "list")}
