"""The contract of a queue: it holds for SQS, on two emulators, and for the fake alike."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

import boto3
import pytest

from billstream.common import aws as clients
from billstream.common.errors import Fatal
from billstream.common.settings import Settings
from billstream.common.stop import Stop
from billstream.consumer.events import EventKind, ObjectEvent
from billstream.consumer.sqs.dead_letters import DeadLetterQueue
from billstream.consumer.sqs.notifications import Notifications
from billstream.consumer.sqs.queue import Message, Queue, SqsQueue, find_queue
from billstream.consumer.sqs.redrive import Redrive
from tests.fakes.clock import FakeClock
from tests.fakes.queue import FakeQueue
from tests.servers.aws import ACCESS_KEY, REGION, SECRET_KEY, AwsEnvironment

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

TIMEOUT = 3  # seconds of visibility: a test that expects a message to be hidden may be late by as much
MAX_RECEIVES = 3


@dataclass(frozen=True)
class Bench:
    """A queue under test, a sender, and a way to let time pass."""

    queue: Queue
    send: Callable[[str], object]
    wait: Callable[[float], object]

    def receive(self, limit: int = 10) -> list[Message]:
        return self.queue.receive(limit, 0)

    def receive_all(self, count: int) -> list[Message]:
        """Receive until there are `count` messages: SQS may return fewer at a time than there are."""
        found: list[Message] = []
        for _ in range(100):
            found += self.queue.receive(10, 0)
            if len(found) >= count:
                break
        return found

    def await_messages(self) -> list[Message]:
        """Receive what arrives within 20 seconds: an emulator may check its time-outs only now and then."""
        return self.queue.receive(10, 20)

    def let_timeout_pass(self) -> None:
        """Let the visibility time-out pass."""
        self.wait(TIMEOUT + 0.3)


def fake_bench() -> Bench:
    clock = FakeClock()
    queue = FakeQueue(clock, timeout=TIMEOUT, max_receives=MAX_RECEIVES)
    return Bench(queue, queue.send, clock.advance)


@pytest.fixture(params=["fake", "ministack", "localstack"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "fake":
        yield fake_bench()
        return
    sqs = boto3.client(
        "sqs",
        endpoint_url=request.getfixturevalue(f"{request.param}_url"),
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
    )
    name = f"contract-{uuid4().hex[:12]}"
    dead = sqs.create_queue(QueueName=f"{name}-dlq")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = f'{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": "{MAX_RECEIVES}"}}'
    attributes = {"VisibilityTimeout": str(TIMEOUT), "RedrivePolicy": redrive}
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]  # type: ignore[arg-type]
    yield Bench(SqsQueue(sqs, url), lambda body: sqs.send_message(QueueUrl=url, MessageBody=body), time.sleep)
    for each in (url, dead):
        sqs.delete_queue(QueueUrl=each)
    sqs.close()


def test_a_message_is_handed_out_once_and_then_hidden(bench: Bench) -> None:
    bench.send("hello")

    (message,) = bench.receive()

    assert (message.body, message.receive_count) == ("hello", 1)
    assert bench.receive() == []


def test_an_empty_queue_returns_nothing_after_a_long_poll(bench: Bench) -> None:
    assert bench.queue.receive(10, 1) == []


def test_no_more_messages_are_received_than_are_asked_for(bench: Bench) -> None:
    for number in range(12):
        bench.send(str(number))

    assert len(bench.receive(3)) <= 3
    assert len(bench.receive()) <= 10


def test_a_message_that_is_not_deleted_is_delivered_again_with_a_new_handle(bench: Bench) -> None:
    bench.send("hello")
    (first,) = bench.receive()

    bench.let_timeout_pass()

    (second,) = bench.await_messages()
    assert (second.message_id, second.body, second.receive_count) == (first.message_id, "hello", 2)
    assert second.receipt_handle != first.receipt_handle


def test_a_released_message_is_visible_at_once_or_after_its_delay(bench: Bench) -> None:
    bench.send("hello")
    bench.queue.release(bench.receive(), 0)

    again = bench.receive()
    assert [message.receive_count for message in again] == [2]
    bench.queue.release(again, 3 * TIMEOUT)

    bench.let_timeout_pass()
    assert bench.receive() == [], "the visibility time-out is not what counts"
    assert [message.receive_count for message in bench.await_messages()] == [3]


def test_an_extended_message_stays_hidden(bench: Bench) -> None:
    bench.send("hello")
    messages = bench.receive()

    assert bench.queue.extend(messages, 3 * TIMEOUT) == []

    bench.let_timeout_pass()
    assert bench.receive() == []
    assert bench.queue.depth().in_flight == 1


def test_a_deleted_message_is_never_delivered_again(bench: Bench) -> None:
    for number in range(13):  # more than one call can take
        bench.send(str(number))
    messages = bench.receive_all(13)

    bench.queue.delete(messages)

    bench.let_timeout_pass()
    assert bench.receive() == []
    assert bench.queue.depth().total == 0
    bench.queue.delete(messages)  # a second time harms nobody


def test_a_deleted_message_cannot_be_extended(bench: Bench) -> None:
    bench.send("stays")
    bench.send("goes")
    messages = {message.body: message for message in bench.receive_all(2)}
    bench.queue.delete([messages["goes"]])

    assert bench.queue.extend(list(messages.values()), 5) == [messages["goes"]]


def test_the_depth_counts_visible_and_in_flight_messages(bench: Bench) -> None:
    for number in range(3):
        bench.send(str(number))
    bench.receive(1)

    depth = bench.queue.depth()

    assert (depth.visible, depth.in_flight, depth.total) == (2, 1, 3)


def test_a_message_received_too_often_is_not_delivered_again(bench: Bench) -> None:
    bench.send("poison")
    for attempt in range(1, MAX_RECEIVES + 1):
        (message,) = bench.receive()
        assert message.receive_count == attempt
        bench.queue.release([message], 0)

    assert bench.receive() == []
    assert bench.queue.depth().total == 0


def test_the_visibility_time_out_is_that_of_the_queue(bench: Bench) -> None:
    assert bench.queue.visibility_timeout() == TIMEOUT


@pytest.mark.parametrize("emulator", ["ministack", "localstack"])
def test_a_queue_that_does_not_exist_is_fatal(request: pytest.FixtureRequest, emulator: str) -> None:
    endpoint = request.getfixturevalue(f"{emulator}_url")
    sqs = boto3.client(
        "sqs", endpoint_url=endpoint, region_name=REGION, aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY
    )

    with pytest.raises(Fatal, match="there is no such queue"):
        SqsQueue(sqs, f"{endpoint}/000000000000/nowhere").receive(1, 0)


@pytest.fixture(params=["ministack", "localstack"])
def fifo(request: pytest.FixtureRequest) -> Iterator[tuple["SQSClient", str, str]]:
    """Return a client, a FIFO queue and its dead-letter queue."""
    client: SQSClient = boto3.client(
        "sqs",
        endpoint_url=request.getfixturevalue(f"{request.param}_url"),
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
    )
    name = uuid4().hex
    dead = client.create_queue(QueueName=f"{name}-dlq.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    url = client.create_queue(QueueName=f"{name}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    yield client, url, dead
    for queue in (url, dead):
        client.delete_queue(QueueUrl=queue)
    client.close()


def test_a_fifo_queue_is_sent_to_and_its_dead_letters_return(fifo: tuple["SQSClient", str, str]) -> None:
    client, url, dead = fifo
    events = [
        ObjectEvent(kind=EventKind.CREATED, bucket="bills", key=f"{n}.csv", event_name="ObjectCreated:Put")
        for n in range(12)
    ]
    for target in (url, dead):
        # Twice: neither is a repetition that the queue may drop.
        Notifications(client, target).send(events)
        Notifications(client, target).send(events)
        assert SqsQueue(client, target).depth().total == 2 * len(events)
    letters = DeadLetterQueue.of(SqsQueue(client, url), client)
    assert letters.url == dead
    assert Redrive(letters, url, Stop()).run(limit=2 * len(events)) == 2 * len(events)
    assert SqsQueue(client, dead).depth().total == 0
    assert SqsQueue(client, url).depth().total == 4 * len(events)


@pytest.mark.parametrize("aws", ["ministack"], indirect=True)
def test_a_queue_of_another_region_is_not_created_anew(aws: AwsEnvironment, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (aws.environment() | {"AWS_REGION": "eu-west-1"}).items():
        monkeypatch.setenv(name, value)
    by_name = Settings.from_environment()
    by_url = by_name.model_copy(update={"queue_url": aws.queue_url})
    with pytest.raises(Fatal, match="set AWS_REGION=us-east-1") as refused:
        find_queue(clients.sqs_client(), by_name)
    assert "init --aws" not in str(refused.value)
    assert "region eu-west-1" in str(refused.value)
    with pytest.raises(Fatal, match=r"AWS_REGION, and the account") as refused:
        find_queue(clients.sqs_client(), by_url).depth()
    assert "init --aws" not in str(refused.value)
    assert f"the queue {aws.queue_name} (region eu-west-1, account 000000000000)" in str(refused.value)
