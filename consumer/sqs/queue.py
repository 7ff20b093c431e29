"""The queue of notifications: SQS, read with boto3."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import structlog
from botocore.exceptions import ClientError

from billstream.common.aws import CREDENTIALS_REFUSED, NO_ANSWER
from billstream.common.errors import Fatal, ServiceUnavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from billstream.common.settings import Settings

BATCH = 10  # SQS's own limit for one call
LONGEST_VISIBILITY = 12 * 60 * 60  # seconds, SQS's own limit
_ABSENT = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}
_DENIED = {"AccessDenied", "AccessDeniedException"}
_NEEDS = (
    "sqs:ReceiveMessage, sqs:DeleteMessage, sqs:ChangeMessageVisibility, sqs:GetQueueAttributes and sqs:GetQueueUrl"
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Message:
    """One receive of one message. The receipt handle belongs to this receive alone."""

    message_id: str
    receipt_handle: str
    body: str
    receive_count: int


@dataclass(frozen=True)
class Depth:
    """How many messages a queue holds; SQS counts approximately."""

    visible: int
    in_flight: int
    delayed: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.visible + self.in_flight + self.delayed


class Queue(Protocol):
    """What the consumer needs of a queue."""

    def receive(self, limit: int, wait_seconds: int) -> list[Message]:
        """Up to `limit` messages (at most 10), waiting up to `wait_seconds` (at most 20) for the first."""

    def delete(self, messages: Sequence[Message]) -> None:
        """Acknowledge. What cannot be deleted comes again and is then a duplicate."""

    def release(self, messages: Sequence[Message], seconds: int) -> None:
        """Give messages back, to be received again after so many seconds."""

    def extend(self, messages: Sequence[Message], seconds: int) -> list[Message]:
        """Keep received messages invisible for so many seconds from now. Returns those that are ours no more."""

    def depth(self) -> Depth:
        """How many messages there are."""

    def visibility_timeout(self) -> int:
        """For how many seconds a received message stays invisible to others."""


class SqsQueue:
    """A queue of SQS. Every call raises `ServiceUnavailable` when it should be tried again, `Fatal` otherwise."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._sqs = client
        self.url = url

    def receive(self, limit: int, wait_seconds: int) -> list[Message]:
        """See `Queue`."""
        try:
            answer = self._sqs.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=min(limit, BATCH),
                WaitTimeSeconds=wait_seconds,
                AttributeNames=["ApproximateReceiveCount"],
            )
        except (ClientError, *NO_ANSWER) as error:
            raise translated(error, "receiving messages") from error
        return [
            Message(
                message["MessageId"],
                message["ReceiptHandle"],
                message["Body"],
                int(message.get("Attributes", {}).get("ApproximateReceiveCount", 1)),
            )
            for message in answer.get("Messages", [])
        ]

    def delete(self, messages: Sequence[Message]) -> None:
        """See `Queue`. SQS may refuse single messages of a batch: these are tried once more."""
        for batch in _batches(messages):
            refused = self._delete(batch)
            if refused and (still := self._delete(refused)):
                log.warning("messages_not_deleted", count=len(still), consequence="they come again as duplicates")

    def release(self, messages: Sequence[Message], seconds: int) -> None:
        """See `Queue`. A message that cannot be released becomes visible when its time-out ends."""
        if refused := self._change_visibility(messages, seconds, "releasing messages"):
            log.warning("messages_not_released", count=len(refused))

    def extend(self, messages: Sequence[Message], seconds: int) -> list[Message]:
        """See `Queue`."""
        return self._change_visibility(messages, seconds, "extending messages")

    def depth(self) -> Depth:
        """See `Queue`."""
        found = self._attributes()
        return Depth(
            visible=int(found.get("ApproximateNumberOfMessages", "0")),
            in_flight=int(found.get("ApproximateNumberOfMessagesNotVisible", "0")),
            delayed=int(found.get("ApproximateNumberOfMessagesDelayed", "0")),
        )

    def visibility_timeout(self) -> int:
        """See `Queue`."""
        return int(self._attributes().get("VisibilityTimeout", "30"))

    def _change_visibility(self, messages: Sequence[Message], seconds: int, doing: str) -> list[Message]:
        """Returns the messages that SQS refused."""
        timeout = max(0, min(seconds, LONGEST_VISIBILITY))
        refused: list[Message] = []
        for batch in _batches(messages):
            entries = [
                {"Id": str(number), "ReceiptHandle": message.receipt_handle, "VisibilityTimeout": timeout}
                for number, message in enumerate(batch)
            ]
            try:
                answer = self._sqs.change_message_visibility_batch(QueueUrl=self.url, Entries=entries)  # type: ignore[arg-type]
            except (ClientError, *NO_ANSWER) as error:
                raise translated(error, doing) from error
            refused += [batch[int(failure["Id"])] for failure in answer.get("Failed", [])]
        return refused

    def _attributes(self) -> dict[str, str]:
        try:
            answer = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])
        except (ClientError, *NO_ANSWER) as error:
            raise translated(error, "reading the queue's attributes") from error
        if not answer.get("Attributes"):
            raise ServiceUnavailable("reading the queue's attributes: what answered is not SQS.")
        return {str(name): value for name, value in answer.get("Attributes", {}).items()}

    def _delete(self, batch: Sequence[Message]) -> list[Message]:
        entries = [{"Id": str(number), "ReceiptHandle": message.receipt_handle} for number, message in enumerate(batch)]
        try:
            answer = self._sqs.delete_message_batch(QueueUrl=self.url, Entries=entries)  # type: ignore[arg-type]
        except (ClientError, *NO_ANSWER) as error:
            raise translated(error, "deleting messages") from error
        return [batch[int(failure["Id"])] for failure in answer.get("Failed", [])]


def find_queue(client: "SQSClient", settings: "Settings") -> SqsQueue:
    """The queue that the settings name.

    Raises:
        Fatal: there is none, or we may not use it.
        ServiceUnavailable: SQS does not answer.
    """
    if settings.queue_url:
        return SqsQueue(client, settings.queue_url)
    try:
        return SqsQueue(client, client.get_queue_url(QueueName=settings.queue_name)["QueueUrl"])
    except (ClientError, *NO_ANSWER) as error:
        raise translated(error, f"looking for the queue {settings.queue_name!r}") from error


def _batches(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    for start in range(0, len(messages), BATCH):
        yield messages[start : start + BATCH]


def translated(error: Exception, doing: str, needs: str = _NEEDS) -> ServiceUnavailable | Fatal:
    """Name a failure of SQS by its class. `needs` are the permissions to be named if one of them is missing."""
    if not isinstance(error, ClientError):
        name = type(error).__name__
        if name in {"NoCredentialsError", "PartialCredentialsError", "NoRegionError", "ParamValidationError"}:
            return Fatal(f"{doing}: {error}")
        return ServiceUnavailable(f"{doing}: {error}")
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code in _ABSENT:
        return Fatal(f"{doing}: there is no such queue. Set BILLSTREAM_QUEUE_URL, or run `billstream init --aws`.")
    if code in CREDENTIALS_REFUSED:
        return Fatal(f"{doing}: {code}. The AWS credentials are wrong or have expired: renew them.")
    if code in _DENIED:
        return Fatal(f"{doing}: {code}. This needs {needs}.")
    return ServiceUnavailable(f"{doing}: {code or error}")
