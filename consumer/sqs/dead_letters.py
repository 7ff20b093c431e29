"""The dead-letter queue of a queue: find it, read it, change it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from billstream.common.aws import NO_ANSWER
from billstream.common.errors import Misconfigured
from billstream.consumer.events import batches
from billstream.consumer.sqs.queue import BATCH, SqsQueue, described, is_fifo, translated

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

SUFFIX = "-dlq"
PEEK_SECONDS = 60
"""A message that is looked at stays hidden from others for so long if this process dies meanwhile."""

WAIT_SECONDS = 1  # long enough for SQS to ask all of its servers
NEEDS = (
    "sqs:GetQueueUrl, sqs:GetQueueAttributes, sqs:ReceiveMessage, sqs:ChangeMessageVisibility and sqs:DeleteMessage "
    "on the dead-letter queue, and sqs:SendMessage on the queue"
)


@dataclass(frozen=True)
class DeadLetter:
    """A message that was received as often as the queue allows. The receipt handle is valid for this receive only."""

    message_id: str
    receipt_handle: str
    body: str
    receive_count: int
    sent_at: datetime | None
    attributes: Mapping[str, Any] = field(default_factory=dict, hash=False)
    group_id: str | None = None
    """The message group in a FIFO queue."""


@contextmanager
def translated_errors(doing: str) -> Iterator[None]:
    """Translate the errors of boto3 that the block raises.

    Raises:
        ServiceUnavailable, Fatal: see `consumer.sqs.queue.translated`.
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
        """Return the queue that the redrive policy names; without a policy, the one named after the queue.

        Raises:
            ServiceUnavailable: SQS does not answer.
            Fatal: there is no such queue, or a permission is missing.
        """
        with translated_errors("looking for the dead-letter queue"):
            policy = json.loads(attributes(client, queue.url).get("RedrivePolicy") or "{}")
            arn = str(policy.get("deadLetterTargetArn", "")).split(":")
            # arn:aws:sqs:REGION:ACCOUNT:NAME; it may be in another account, whose queues are not found by name alone.
            account, name = arn[4:] if len(arn) == 6 else ("", "")  # noqa: PLR2004 - the parts of an ARN
            name = name or _dead_letter_name(queue.url.rstrip("/").rsplit("/", 1)[-1])
            owner = {"QueueOwnerAWSAccountId": account} if account else {}
            try:
                url = client.get_queue_url(QueueName=name, **owner)["QueueUrl"]
            except client.exceptions.QueueDoesNotExist as error:
                raise Misconfigured(
                    f"There is no such queue as {name}, the dead-letter queue of "
                    f"{described(queue.url, client.meta.region_name)}. "
                    "`billstream init --aws` creates one."
                ) from error
            return cls(client, url, attributes(client, url)["QueueArn"])

    def count(self) -> int:
        """Return the number of messages, hidden ones included; SQS counts approximately."""
        return SqsQueue(self.client, self.url).depth().total

    def receive(self, limit: int, seconds: int) -> list[DeadLetter]:
        """Return up to `limit` messages (at most 10), and hide them from others for so many seconds."""
        with translated_errors("reading the dead-letter queue"):
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
        """Make messages visible to others again, at once."""
        self._in_batches("change_message_visibility_batch", letters, VisibilityTimeout=0)

    def delete(self, letters: Sequence[DeadLetter]) -> None:
        """Delete messages."""
        self._in_batches("delete_message_batch", letters)

    def peek(self, limit: int) -> list[DeadLetter]:
        """Return up to `limit` messages. All of them stay in the queue, but SQS counts one more receive of each.

        Raises:
            ServiceUnavailable, Fatal: see `consumer.sqs.queue.translated`.
        """
        # By message id: a message whose visibility ends during a long look is received a second time.
        seen: dict[str, DeadLetter] = {}
        try:
            while len(seen) < limit:
                before = len(seen)
                seen |= {letter.message_id: letter for letter in self.receive(limit - before, PEEK_SECONDS)}
                if len(seen) == before:  # there are no more, or the first ones are visible again
                    break
        finally:
            # Else a redrive that follows at once finds the queue empty for as long as the messages stay hidden.
            self.release(list(seen.values()))
        return list(seen.values())

    def _in_batches(self, call: str, letters: Sequence[DeadLetter], **more: int) -> None:
        for batch in batches(letters, BATCH):
            entries = [
                {"Id": str(number), "ReceiptHandle": letter.receipt_handle, **more}
                for number, letter in enumerate(batch)
            ]
            with translated_errors("changing the dead-letter queue"):
                getattr(self.client, call)(QueueUrl=self.url, Entries=entries)


def _dead_letter_name(name: str) -> str:
    return f"{name.removesuffix('.fifo')}{SUFFIX}.fifo" if is_fifo(name) else name + SUFFIX


def attributes(client: "SQSClient", url: str) -> dict[str, str]:
    """Return all attributes of a queue, by name."""
    answer = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    return {str(name): value for name, value in answer.get("Attributes", {}).items()}


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
        group_id=system.get("MessageGroupId"),
    )
