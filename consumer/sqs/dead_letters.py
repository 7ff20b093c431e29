"""The dead-letter queue: which one it is, and what is in it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from billstream.common.aws import NO_ANSWER
from billstream.consumer.sqs.queue import BATCH, SqsQueue, translated

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

SUFFIX = "-dlq"
LOOKING_SECONDS = 60
"""How long a message stays hidden from others while it is looked at, should this process die meanwhile."""

WAIT_SECONDS = 1  # long enough for SQS to ask all of its servers
NEEDS = (
    "sqs:GetQueueUrl, sqs:GetQueueAttributes, sqs:ReceiveMessage, sqs:ChangeMessageVisibility and sqs:DeleteMessage "
    "on the dead-letter queue, and sqs:SendMessage on the queue"
)


@dataclass(frozen=True)
class DeadLetter:
    """A message that was received in vain as often as the queue allows. The receipt handle is of this receive alone."""

    message_id: str
    receipt_handle: str
    body: str
    receive_count: int
    sent_at: datetime | None
    attributes: Mapping[str, Any] = field(default_factory=dict, hash=False)


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Translate what SQS refuses in the block.

    Raises:
        ServiceUnavailable, Fatal: see `consumer.queue.translated`.
    """
    try:
        yield
    except (ClientError, *NO_ANSWER) as error:
        raise translated(error, doing, needs=NEEDS) from error


@dataclass(frozen=True)
class DeadLetterQueue:
    """The dead letters of one queue."""

    client: "SQSClient"
    url: str
    arn: str

    @classmethod
    def of(cls, queue: SqsQueue, client: "SQSClient") -> "DeadLetterQueue":
        """The one that the queue's redrive policy names; where it has none, the one named after the queue.

        Raises:
            ServiceUnavailable: SQS does not answer.
            Fatal: there is none, or we may not use it.
        """
        with explained("looking for the dead-letter queue"):
            name, account = _named(attributes(client, queue.url).get("RedrivePolicy"))
            name = name or queue.url.rstrip("/").rsplit("/", 1)[-1] + SUFFIX
            owner = {"QueueOwnerAWSAccountId": account} if account else {}
            url = client.get_queue_url(QueueName=name, **owner)["QueueUrl"]
            return cls(client, url, attributes(client, url)["QueueArn"])

    def count(self) -> int:
        """How many messages are in it, those that somebody is looking at included; SQS counts approximately."""
        return SqsQueue(self.client, self.url).depth().total

    def receive(self, limit: int, seconds: int) -> list[DeadLetter]:
        """Up to `limit` messages (at most 10), hidden from others for so many seconds."""
        with explained("reading the dead-letter queue"):
            answer = self.client.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=min(limit, BATCH),
                VisibilityTimeout=seconds,
                WaitTimeSeconds=WAIT_SECONDS,
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
        return [_dead_letter(message) for message in answer.get("Messages", [])]

    def release(self, letters: Sequence[DeadLetter]) -> None:
        """Show messages to others again, at once."""
        self._in_batches("change_message_visibility_batch", letters, VisibilityTimeout=0)

    def delete(self, letters: Sequence[DeadLetter]) -> None:
        """Remove messages."""
        self._in_batches("delete_message_batch", letters)

    def peek(self, limit: int) -> list[DeadLetter]:
        """Up to `limit` messages; all of them stay where they are, though SQS counts one receive more.

        Raises:
            ServiceUnavailable, Fatal: see `consumer.queue.translated`.
        """
        seen: dict[str, DeadLetter] = {}
        try:
            while len(seen) < limit:
                before = len(seen)
                seen |= {letter.message_id: letter for letter in self.receive(limit - before, LOOKING_SECONDS)}
                if len(seen) == before:  # there are no more, or it took so long that they begin to come again
                    break
        finally:
            self.release(list(seen.values()))
        return list(seen.values())

    def _in_batches(self, call: str, letters: Sequence[DeadLetter], **more: int) -> None:
        for start in range(0, len(letters), BATCH):
            entries = [
                {"Id": str(number), "ReceiptHandle": letter.receipt_handle, **more}
                for number, letter in enumerate(letters[start : start + BATCH])
            ]
            with explained("changing the dead-letter queue"):
                getattr(self.client, call)(QueueUrl=self.url, Entries=entries)


def attributes(client: "SQSClient", url: str) -> dict[str, str]:
    """All attributes of a queue."""
    answer = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    return {str(name): value for name, value in answer.get("Attributes", {}).items()}


def _named(redrive_policy: str | None) -> tuple[str | None, str | None]:
    """(name, account) of the dead-letter queue in a redrive policy."""
    arn = str(json.loads(redrive_policy or "{}").get("deadLetterTargetArn", ""))
    parts = arn.split(":")
    return (parts[5], parts[4]) if len(parts) == 6 else (None, None)  # noqa: PLR2004 - the parts of an ARN


def _dead_letter(message: "MessageTypeDef") -> DeadLetter:
    system = {str(name): value for name, value in message.get("Attributes", {}).items()}
    sent = system.get("SentTimestamp")
    return DeadLetter(
        message_id=message["MessageId"],
        receipt_handle=message["ReceiptHandle"],
        body=message["Body"],
        receive_count=int(system.get("ApproximateReceiveCount", "1")),
        sent_at=datetime.fromtimestamp(int(sent) / 1000, UTC) if sent else None,
        attributes=dict(message.get("MessageAttributes", {})),
    )
