"""Messages that were received in vain: what is known of them, and the way back."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from billstream.common.stop import Stop
from billstream.consumer.sqs.dead_letters import DeadLetterQueue
from billstream.consumer.sqs.queue import SqsQueue
from billstream.consumer.sqs.redrive import Redrive
from tests.e2e.billing import billing_file, expected_totals
from tests.integration.operator_support import Commands, commands, forget_notifications, put
from tests.servers.aws import AwsEnvironment

on_ministack = pytest.mark.parametrize("aws", ["ministack"], indirect=True)
FILES = [billing_file(f"a + b/{number}.csv", seed=number) for number in range(3)]


@pytest.fixture
def billstream(aws: AwsEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Commands]:
    with commands(tmp_path, monkeypatch, aws.environment()) as made:
        yield made


@pytest.fixture(autouse=True)
def _empty_queue(aws: AwsEnvironment) -> None:
    """Without the test event that S3 sent when the bucket was joined to the queue."""
    forget_notifications(aws)


def bury(aws: AwsEnvironment) -> None:
    """Have every message of the queue received in vain until SQS gives it up."""
    waiting = SqsQueue(aws.sqs, aws.queue_url)
    deadline = time.monotonic() + 120
    while waiting.depth().total and time.monotonic() < deadline:
        aws.sqs.receive_message(QueueUrl=aws.queue_url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    assert waiting.depth().total == 0


def dead(aws: AwsEnvironment, *bodies: str) -> None:
    """Put messages straight into the dead-letter queue."""
    for body in bodies:
        attributes: Any = {"origin": {"DataType": "String", "StringValue": "tëst"}}
        aws.sqs.send_message(QueueUrl=aws.dlq_url, MessageBody=body, MessageAttributes=attributes)


def letters(aws: AwsEnvironment) -> DeadLetterQueue:
    return DeadLetterQueue.of(SqsQueue(aws.sqs, aws.queue_url), aws.sqs)


def everything(aws: AwsEnvironment, url: str) -> list[Any]:
    """Every message of a queue, taken out of it."""
    found: list[Any] = []
    while messages := aws.sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=60
    ).get("Messages"):
        found += messages
    return found


def test_dead_letters_are_told_of_and_come_back_and_are_loaded(aws: AwsEnvironment, billstream: Commands) -> None:
    put(aws, *FILES)
    billstream.run("replay", "--prefix", FILES[0].key)  # one of them has been settled by other means
    bury(aws)
    dead(aws, "no JSON", json.dumps({"Event": "s3:TestEvent"}))

    told = billstream.json("dlq")

    assert told["messages"] == len(told["shown"]) == 5
    cases = {case["scope"]: case for one in told["shown"] for case in one["cases"]}
    settled = cases[f"s3://{aws.bucket}/{FILES[0].key}"]
    assert (settled["state"], settled["verdict"]) == ("loaded", "duplicate")
    never = cases[f"s3://{aws.bucket}/{FILES[1].key}"]
    assert (never["state"], never["verdict"]) == (None, "load")
    assert "consumer's log" in never["reason"]
    [unreadable] = [case for case in cases.values() if case["event_name"] == "unreadable"]
    assert "not JSON" in unreadable["reason"]
    assert {one["remark"] for one in told["shown"]} == {None, "No object event: s3:TestEvent."}
    assert all(one["receive_count"] >= 1 and one["sent_at"] for one in told["shown"])
    assert "2 messages, 3 more not shown" in billstream.run("dlq", "--limit", "2")
    for_a_person = billstream.run("dlq")
    assert "already processed: nothing would change" in for_a_person
    assert "would be read, and loaded unless unchanged" in for_a_person
    assert "5 messages would be moved" in billstream.run("redrive", "--dry-run")

    assert "5 messages moved back to the queue, 0 left" in billstream.run("redrive")

    assert "is empty" in billstream.run("redrive")
    assert "empty" in billstream.run("dlq")
    billstream.run("consume", "--drain")
    assert billstream.totals() == expected_totals(FILES)


def test_some_messages_are_moved_with_all_they_carry(aws: AwsEnvironment, billstream: Commands) -> None:
    dead(aws, *(f"message {number}" for number in range(23)))

    assert "12 messages moved back to the queue, 11 left" in billstream.run("redrive", "--limit", "12")

    back = everything(aws, aws.queue_url)
    left = everything(aws, aws.dlq_url)
    bodies = [message["Body"] for message in [*back, *left]]
    assert sorted(bodies) == sorted(f"message {number}" for number in range(23))
    assert {message["MessageAttributes"]["origin"]["StringValue"] for message in back} == {"tëst"}


def test_a_rate_is_kept_and_a_stop_loses_nothing(aws: AwsEnvironment) -> None:
    dead(aws, *(f"message {number}" for number in range(12)))
    stop = Stop()
    progress: list[int] = []
    redrive = Redrive(letters(aws), aws.queue_url, stop, rate=2, progress=progress.append)
    started = time.monotonic()
    timer = threading.Timer(1.2, stop.request)
    timer.start()

    moved = redrive.run()

    assert moved <= 2 * (time.monotonic() - started + 1), "faster than two a second"
    assert 1 <= moved < 12
    assert progress == sorted(progress)
    time.sleep(0.5)
    bodies = [m["Body"] for url in (aws.queue_url, aws.dlq_url) for m in everything(aws, url)]
    assert sorted(bodies) == sorted(f"message {number}" for number in range(12))


@on_ministack
def test_what_cannot_be_sent_stays(aws: AwsEnvironment, monkeypatch: pytest.MonkeyPatch) -> None:
    dead(aws, *(f"message {number}" for number in range(5)))
    source = letters(aws)
    send: Any = aws.sqs.send_message_batch

    def send_some(**call: Any) -> Any:  # noqa: ANN401 - boto3's own
        refused = [entry for entry in call["Entries"] if entry["MessageBody"] == "message 3"]
        taken = [entry for entry in call["Entries"] if entry not in refused]
        answer = send(**{**call, "Entries": taken}) if taken else {}
        return {**answer, "Failed": [{"Id": entry["Id"]} for entry in refused]}

    monkeypatch.setattr(aws.sqs, "send_message_batch", send_some)

    assert Redrive(source, aws.queue_url, Stop()).run() == 4

    assert [message["Body"] for message in everything(aws, aws.dlq_url)] == ["message 3"]
    assert len(everything(aws, aws.queue_url)) == 4


@on_ministack
def test_a_crash_between_send_and_delete_duplicates_and_loses_nothing(
    aws: AwsEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead(aws, "message")
    source = letters(aws)

    class PowerCutError(BaseException):
        """Nothing catches this."""

    def die(**_: Any) -> None:  # noqa: ANN401
        raise PowerCutError

    monkeypatch.setattr(aws.sqs, "delete_message_batch", die)
    with pytest.raises(PowerCutError):
        Redrive(source, aws.queue_url, Stop()).run()

    assert [message["Body"] for message in everything(aws, aws.queue_url)] == ["message"]
    assert source.count() == 1


@on_ministack
def test_large_messages_go_one_by_one(aws: AwsEnvironment) -> None:
    dead(aws, "x" * 150_000, "y" * 150_000, "z")
    assert Redrive(letters(aws), aws.queue_url, Stop()).run() == 3
    assert len(everything(aws, aws.queue_url)) == 3


@on_ministack
def test_the_dead_letter_queue_is_found_by_policy_or_by_name(aws: AwsEnvironment, billstream: Commands) -> None:
    assert letters(aws).url == aws.dlq_url
    aws.sqs.set_queue_attributes(QueueUrl=aws.queue_url, Attributes={"RedrivePolicy": ""})
    assert letters(aws).url == aws.dlq_url
    aws.sqs.delete_queue(QueueUrl=aws.dlq_url)
    assert "no such queue" in billstream.run("dlq", expect=1)
