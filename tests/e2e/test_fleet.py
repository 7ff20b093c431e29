"""Many consumers on one queue: exactly once in effect, on both catalogs."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.billing import BillingFile, billing_file, expected_rows, expected_totals
from tests.e2e.commands import Billstream
from tests.servers.aws import AwsEnvironment

FILES = 60
CONSUMERS = 4


def deliver_three_times(aws: AwsEnvironment, files: list[BillingFile]) -> None:
    """Put the objects, then triple every message that S3 has sent."""

    def put(file: BillingFile) -> None:
        aws.s3.put_object(Bucket=aws.bucket, Key=file.key, Body=file.body)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, files))
    bodies: list[str] = []
    while len(bodies) < len(files):
        answer = aws.sqs.receive_message(QueueUrl=aws.queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            if '"Records"' in message["Body"]:
                bodies.append(message["Body"])
            aws.sqs.delete_message(QueueUrl=aws.queue_url, ReceiptHandle=message["ReceiptHandle"])
    for start in range(0, 3 * len(bodies), 10):
        entries = [
            {"Id": str(number), "MessageBody": bodies[number % len(bodies)]}
            for number in range(start, min(start + 10, 3 * len(bodies)))
        ]
        aws.sqs.send_message_batch(QueueUrl=aws.queue_url, Entries=entries)  # type: ignore[arg-type]


def consume_together(billstream: Billstream) -> None:
    consumers = [billstream.start("consume", "--drain") for _ in range(CONSUMERS)]
    for consumer in consumers:
        try:
            assert consumer.wait(timeout=600) == 0, (billstream.home / "consume.log").read_text()[-4000:]
        except subprocess.TimeoutExpired:
            consumer.kill()
            raise


@pytest.fixture(params=["sqlite", "postgres"])
def fleet(request: pytest.FixtureRequest, aws: AwsEnvironment, tmp_path: Path) -> Billstream:
    """A lake on one host, and one for a fleet: PostgreSQL catalog, data on S3."""
    environment = {**aws.environment(), "BILLSTREAM_BATCH_FILES": "7"}
    if request.param == "postgres":
        environment["BILLSTREAM_CATALOG"] = request.getfixturevalue("postgres_url")
        environment["BILLSTREAM_DATA_PATH"] = f"s3://{aws.new_bucket()}/lake/"
    billstream = Billstream(tmp_path, environment)
    billstream.run("init")
    return billstream


def test_four_consumers_and_every_message_three_times_load_each_file_once(
    fleet: Billstream, aws: AwsEnvironment
) -> None:
    files = [billing_file(f"year=2026/{number:03}.csv", seed=number) for number in range(FILES)]
    deliver_three_times(aws, files)

    consume_together(fleet)

    assert fleet.totals("charges") == expected_totals(files)
    assert fleet.sql("SELECT count(*) AS n FROM charges") == [{"n": expected_rows(files)}]
    loads = fleet.sql(
        "SELECT count(*) AS lines, count(DISTINCT scope) AS scopes, count(DISTINCT consumer_id) AS by FROM ledger"
    )
    assert (loads[0]["lines"], loads[0]["scopes"]) == (FILES, FILES)
    assert loads[0]["by"] > 1, "the consumers did not share the work, so nothing was proved"

    overwritten = [billing_file(file.key, seed=1000 + number, rows=11) for number, file in enumerate(files[:20])]
    deliver_three_times(aws, overwritten)
    consume_together(fleet)

    in_force = overwritten + files[20:]
    assert fleet.totals("charges") == expected_totals(in_force)
    fleet.run("aggregate", "--once")
    assert fleet.totals("daily_costs") == expected_totals(in_force)
