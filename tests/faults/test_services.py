"""S3 and SQS throttle, fail, fall silent and break off; the consumer waits, says why, and ends with exact totals."""

from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from billstream.common import aws
from billstream.common.errors import ServiceUnavailable
from billstream.consumer.events import EventKind, ObjectEvent
from billstream.consumer.s3.objects import S3Objects
from billstream.consumer.sqs.queue import SqsQueue
from tests.e2e.billing import billing_file
from tests.faults.waiting import PATIENCE
from tests.servers.proxy import Fault, Proxy, Rule, error, garbled, reset, silent, stalled, truncated, unanswered
from tests.worlds import World

ATTEMPTS = 4  # botocore's own; a fault that befalls all of them reaches billstream
HTTPFS_ATTEMPTS = 4  # and those of DuckDB
FILES = [billing_file(f"2026/{number}.csv", seed=number) for number in range(4)]
ONE = "/billing-*/0.csv"

S3_FAULTS = {
    "server error": Rule("GetObject", error(500, "InternalError"), ATTEMPTS, ONE),
    "slow down": Rule("GetObject", error(503, "SlowDown"), ATTEMPTS, ONE),
    "reset": Rule("GetObject", reset(), ATTEMPTS, ONE),
    "torn body": Rule("GetObject", truncated(), 1, ONE),
    "headers only": Rule("GetObject", truncated(0), 1, ONE),
    "reset in the body": Rule("GetObject", stalled(0.1), 1, ONE),
    "not S3": Rule("GetObject", garbled(), 1, ONE),
}
SQS_FAULTS = {
    "receive fails": Rule("ReceiveMessage", error(500, "InternalFailure"), ATTEMPTS),
    "receive is throttled": Rule("ReceiveMessage", error(400, "ThrottlingException"), ATTEMPTS),
    "receive is reset": Rule("ReceiveMessage", reset(), ATTEMPTS),
    "received, but the reply is lost": Rule("ReceiveMessage", reset(after=True), ATTEMPTS),
    "delete fails": Rule("DeleteMessageBatch", error(503, "ServiceUnavailable"), ATTEMPTS),
    "delete is throttled": Rule("DeleteMessageBatch", error(400, "RequestThrottled"), ATTEMPTS),
    "deleted, but the reply is lost": Rule("DeleteMessageBatch", reset(after=True), ATTEMPTS),
    "depth fails": Rule("GetQueueAttributes", error(500, "InternalFailure"), ATTEMPTS),
    "depth is not of SQS": Rule("GetQueueAttributes", garbled(), 1),
}


def consume(world: World) -> None:
    process = world.start("consume", "--drain")
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, world.log()


def reasons(world: World, event: str) -> list[str]:
    return [str(line["reason"]) for line in world.events(event)]


@pytest.mark.parametrize("rule", S3_FAULTS.values(), ids=S3_FAULTS)
def test_an_object_that_cannot_be_read_now_is_read_later(world: World, proxy: Proxy, rule: Rule) -> None:
    world.put(*FILES)
    proxy.inject(rule)

    consume(world)

    assert rule.injected == rule.times
    world.assert_holds(FILES)
    released = reasons(world, "object_released")
    assert released
    assert all(reason.startswith(f"GET s3://{world.aws.bucket}/2026/") for reason in released)
    assert set(reasons(world, "consumer_waiting")) <= set(released)
    assert world.events("consumer_waiting")
    assert world.events("object_quarantined") == []


@pytest.mark.parametrize("rule", SQS_FAULTS.values(), ids=SQS_FAULTS)
def test_a_queue_that_fails_is_waited_for(world: World, proxy: Proxy, rule: Rule) -> None:
    world.put(*FILES)
    proxy.inject(rule)

    consume(world)

    assert rule.injected == rule.times
    world.assert_holds(FILES)
    assert len(world.events("object_loaded")) == len(FILES)
    waits = reasons(world, "consumer_waiting") + reasons(world, "dependency_awaited")
    assert waits
    assert all(
        reason.startswith(("receiving messages: ", "deleting messages: ", "reading the queue's")) for reason in waits
    )


def test_answers_that_are_none_are_no_messages_and_no_acknowledgement(world: World, proxy: Proxy) -> None:
    """botocore takes any JSON, or none, for an answer of SQS."""
    world.put(*FILES)
    rules = [proxy.inject(Rule(operation, garbled(), 1)) for operation in ("ReceiveMessage", "DeleteMessageBatch")]

    consume(world)

    assert [rule.injected for rule in rules] == [1, 1]
    world.assert_holds(FILES)


def test_a_silent_service_is_given_up_after_its_time_out(world: World, proxy: Proxy, tmp_path: Path) -> None:
    world.put(FILES[0])
    event = ObjectEvent(
        kind=EventKind.CREATED, bucket=world.aws.bucket, key=FILES[0].key, event_name="ObjectCreated:Put"
    )
    impatient = aws.s3_client().meta.config.merge(Config(read_timeout=0.2, retries={"total_max_attempts": 1}))
    client = boto3.client("s3", endpoint_url=proxy.endpoint_url, config=impatient)
    for fault in (silent(20), stalled(20), stalled(20, kept=0)):
        rule = proxy.inject(Rule("GetObject", fault, 1))

        with pytest.raises(ServiceUnavailable, match=r"(?i)timed? ?out"):
            S3Objects(client).fetch(event, tmp_path / "object")

        assert rule.injected == 1
    patient = S3Objects(aws.s3_client())
    assert patient.fetch(event, tmp_path / "object").path.read_bytes() == FILES[0].body


def test_a_silent_queue_is_given_up_after_its_time_out(world: World, proxy: Proxy) -> None:
    impatient = aws.sqs_client().meta.config.merge(Config(read_timeout=0.2, retries={"total_max_attempts": 1}))
    queue = SqsQueue(boto3.client("sqs", endpoint_url=proxy.endpoint_url, config=impatient), world.aws.queue_url)
    rule = proxy.inject(Rule("GetQueueAttributes", silent(20), 1))

    with pytest.raises(ServiceUnavailable, match=r"reading the queue's attributes: .*(?i:timed? ?out)"):
        queue.depth()

    assert rule.injected == 1
    patient = SqsQueue(aws.sqs_client(), world.aws.queue_url)
    assert patient.depth().total == 1  # S3's test event


def test_every_call_fails_now_and_then(fleet: World, proxy: Proxy) -> None:
    files = [billing_file(f"2026/{number}.csv", seed=number) for number in range(24)]
    # A message that could not be deleted, or whose delivery was lost, comes again after so many seconds.
    fleet.aws.sqs.set_queue_attributes(QueueUrl=fleet.aws.queue_url, Attributes={"VisibilityTimeout": "10"})
    fleet.put(*files)
    storm = [
        proxy.inject(Rule("*Object", error(503, "SlowDown"), 20, share=0.2, seed=1)),
        proxy.inject(Rule("GetObject", truncated(), 5, "/billing-*", share=0.2, seed=2)),
        proxy.inject(Rule("*Message*", error(500, "InternalFailure"), 10, share=0.2, seed=3)),
        proxy.inject(Rule("DeleteMessageBatch", reset(after=True), 3, share=0.5, seed=4)),
    ]
    consumers = [fleet.start("consume", "--drain", BILLSTREAM_BATCH_FILES="5") for _ in range(2)]
    for consumer in consumers:
        consumer.communicate(timeout=PATIENCE)
        assert consumer.returncode == 0, fleet.log()

    assert all(rule.injected for rule in storm)
    fleet.assert_holds(files)


DATA_PATH_FAULTS = {
    "slow down": (error(503, "SlowDown"), HTTPFS_ATTEMPTS, "the data path does not answer"),
    "empty reply": (unanswered(), HTTPFS_ATTEMPTS, "the data path does not answer"),
    # DuckDB tries a refused file once more as it closes it.
    "refused for a moment": (error(403, "AccessDenied"), 2, "Fresh credentials were taken"),
}


@pytest.mark.parametrize(("fault", "times", "words"), DATA_PATH_FAULTS.values(), ids=DATA_PATH_FAULTS)
def test_a_data_path_that_does_not_take_files_is_waited_for(
    fleet: World, proxy: Proxy, fault: Fault, times: int, words: str
) -> None:
    rule = proxy.inject(Rule("PutObject", fault, times, "/extra-*"))
    fleet.put(*FILES)

    consume(fleet)

    assert rule.injected == rule.times
    fleet.assert_holds(FILES)
    assert [reason for reason in reasons(fleet, "consumer_waiting") if words in reason]


def test_a_data_path_that_refuses_ends_the_consumer_and_the_messages_stay(fleet: World, proxy: Proxy) -> None:
    rule = proxy.inject(Rule("PutObject", error(403, "AccessDenied"), 100, "/extra-*"))
    fleet.put(FILES[0])

    process = fleet.start("consume", "--drain")
    process.communicate(timeout=PATIENCE)

    assert process.returncode not in {0, None}
    assert rule.injected
    assert "S3 refuses the data path s3://extra-" in fleet.log()
    assert "s3:PutObject" in fleet.log()
    rule.times = 0
    consume(fleet)
    fleet.assert_holds([FILES[0]])
