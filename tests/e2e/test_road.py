"""The whole road on a real queue: objects put, overwritten, removed, announced twice; and the numbers at its end."""

import json
import time
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from tests.e2e.billing import BillingFile, billing_file, expected_rows, expected_totals
from tests.e2e.commands import Billstream
from tests.servers.aws import AwsEnvironment


def put(aws: AwsEnvironment, file: BillingFile) -> None:
    aws.s3.put_object(Bucket=aws.bucket, Key=file.key, Body=file.body)


def until_logged(log: Path, event: str) -> None:
    deadline = time.monotonic() + 300
    while event not in log.read_text():
        assert time.monotonic() < deadline, f"{event} was never logged:\n{log.read_text()}"
        time.sleep(0.05)


def announce_again(aws: AwsEnvironment, file: BillingFile) -> None:
    """Send what S3 sends, once more."""
    head = aws.s3.head_object(Bucket=aws.bucket, Key=file.key)
    record = {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "bucket": {"name": aws.bucket},
            "object": {
                "key": quote_plus(file.key),
                "size": head["ContentLength"],
                "eTag": head["ETag"].strip('"'),
            },
        },
    }
    aws.sqs.send_message(QueueUrl=aws.queue_url, MessageBody=json.dumps({"Records": [record]}))


def test_what_the_bucket_holds_is_what_charges_and_aggregates_say(aws: AwsEnvironment, tmp_path: Path) -> None:
    billstream = Billstream(tmp_path, aws.environment(), as_shipped=True)
    billstream.run("init")
    files = [billing_file(f"year=2026/month=01/day={day:02}/usage + more.csv", seed=day) for day in range(1, 9)]
    for file in files:
        put(aws, file)
    billstream.run("consume", "--drain")
    restated = billing_file(files[0].key, seed=100, rows=33)
    put(aws, restated)
    aws.s3.delete_object(Bucket=aws.bucket, Key=files[1].key)
    aws.s3.put_object(Bucket=aws.bucket, Key="year=2026/month=01/day=09/broken.csv", Body=b"\x00\x01 no billing file")
    announce_again(aws, files[2])

    summary = billstream.run("consume", "--drain")

    in_force = [restated, *files[2:]]
    assert billstream.totals("charges") == expected_totals(in_force)
    assert billstream.sql("SELECT count(*) AS n FROM charges") == [{"n": expected_rows(in_force)}]
    for table in ("daily_costs", "user_costs", "service_costs", "region_costs", "cost_cells"):
        billstream.run("aggregate", "--once")
        assert billstream.totals(table) == expected_totals(in_force), table
    states = {row["key"]: row["state"] for row in billstream.sql("SELECT key, state FROM latest_entries")}
    assert states[files[1].key] == "removed"
    assert states["year=2026/month=01/day=09/broken.csv"] == "quarantined"
    assert "already loaded" in summary
    insights = json.loads((tmp_path / "insights" / "insights.json").read_text())
    assert insights["schema_version"]
    status = json.loads(billstream.run("status", "--json"))
    assert status["queue"] == {"visible": 0, "in_flight": 0, "delayed": 0}


def test_a_consumer_that_is_told_to_stop_ends_well_and_leaves_nothing_half_done(
    aws: AwsEnvironment, tmp_path: Path
) -> None:
    billstream = Billstream(tmp_path, {**aws.environment(), "BILLSTREAM_BATCH_FILES": "5"})
    billstream.run("init")
    files = [billing_file(f"{number}.csv", seed=number) for number in range(30)]
    for file in files:
        put(aws, file)
    consumer = billstream.start("consume")
    until_logged(tmp_path / "consume.log", "object_loaded")
    consumer.terminate()
    assert consumer.wait(timeout=300) == 0

    billstream.run("consume", "--drain")

    assert billstream.totals("charges") == expected_totals(files)


@pytest.mark.parametrize("aws", ["ministack"], indirect=True)
def test_localstack_variables_are_enough_to_find_the_services(aws: AwsEnvironment, tmp_path: Path) -> None:
    endpoint = aws.endpoint_url.removeprefix("http://")
    environment = {name: value for name, value in aws.environment().items() if not name.startswith("AWS_")}
    billstream = Billstream(tmp_path, {**environment, "USE_LOCALSTACK": "1", "LOCALSTACK_HOST": endpoint})
    billstream.run("init")
    file = billing_file("one.csv", seed=1)
    put(aws, file)

    billstream.run("consume", "--drain")

    assert billstream.totals("charges") == expected_totals([file])
