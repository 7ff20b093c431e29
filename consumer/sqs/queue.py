"""The queue of notifications: SQS, through boto3."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import structlog
from botocore.exceptions import ClientError, ParamValidationError

from billstream.common.aws import CREDENTIALS_REFUSED, NO_ANSWER, credentials_refused, unanswered
from billstream.common.errors import Fatal, Misconfigured, ServiceUnavailable
from billstream.common.settings import Settings
from billstream.consumer.events import batches

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

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
    """One receive of one message. The receipt handle is valid for this receive only."""

    message_id: str
    receipt_handle: str
    body: str
    receive_count: int


@dataclass(frozen=True)
class Depth:
    """The number of messages in a queue; SQS counts approximately."""

    visible: int
    in_flight: int
    delayed: int

    @property
    def total(self) -> int:
        """The number of all messages."""
        return self.visible + self.in_flight + self.delayed


class Queue(Protocol):
    """The operations that the consumer needs from a queue."""

    def receive(self, limit: int, wait_seconds: int) -> list[Message]:
        """Return up to `limit` messages (at most 10); wait up to `wait_seconds` (at most 20) for the first."""

    def delete(self, messages: Sequence[Message]) -> None:
        """Acknowledge messages. One that cannot be deleted is delivered again and is then a duplicate."""

    def release(self, messages: Sequence[Message], seconds: int) -> None:
        """Return messages to the queue; they can be received again after so many seconds."""

    def extend(self, messages: Sequence[Message], seconds: int) -> list[Message]:
        """Keep received messages invisible for so many seconds from now. Return those that we no longer hold."""

    def depth(self) -> Depth:
        """Return the number of messages."""

    def visibility_timeout(self) -> int:
        """Return the seconds for which a received message stays invisible to others."""


class SqsQueue:
    """A queue of SQS. Every call raises `ServiceUnavailable` if a later call may succeed, else `Fatal`."""

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
        """See `Queue`. SQS may refuse single messages of a batch: they are deleted in a second call."""
        for batch in batches(messages, BATCH):
            # The call succeeds as a whole even if single messages fail: the answer has to be read.
            refused = self._delete(batch)
            if refused and (still := self._delete(refused)):
                log.warning(
                    "messages_not_deleted", count=len(still), consequence="they are delivered again as duplicates"
                )

    def release(self, messages: Sequence[Message], seconds: int) -> None:
        """See `Queue`. A message that cannot be released becomes visible when its visibility time-out ends."""
        if refused := self._change_visibility(messages, seconds, "releasing messages"):
            log.warning("messages_not_released", count=len(refused), consequence="they return after their time-out")

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
        """Return the messages that SQS refused."""
        # SQS refuses a whole call whose time-out is out of range.
        timeout = max(0, min(seconds, LONGEST_VISIBILITY))
        refused: list[Message] = []
        for batch in batches(messages, BATCH):
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
        # A proxy in between may answer 200 to anything; a queue without attributes does not exist.
        if not answer.get("Attributes"):
            raise ServiceUnavailable("reading the queue's attributes: the answer is not from SQS.")
        return {str(name): value for name, value in answer.get("Attributes", {}).items()}

    def _delete(self, batch: Sequence[Message]) -> list[Message]:
        entries = [{"Id": str(number), "ReceiptHandle": message.receipt_handle} for number, message in enumerate(batch)]
        try:
            answer = self._sqs.delete_message_batch(QueueUrl=self.url, Entries=entries)  # type: ignore[arg-type]
        except (ClientError, *NO_ANSWER) as error:
            raise translated(error, "deleting messages") from error
        return [batch[int(failure["Id"])] for failure in answer.get("Failed", [])]


def find_queue(client: "SQSClient", settings: Settings) -> SqsQueue:
    """Return the queue that the settings name.

    Raises:
        Fatal: there is no such queue, or a permission is missing.
        ServiceUnavailable: SQS does not answer.
    """
    if settings.queue_url:
        return SqsQueue(client, settings.queue_url)
    try:
        return SqsQueue(client, client.get_queue_url(QueueName=settings.queue_name)["QueueUrl"])
    except (ClientError, *NO_ANSWER) as error:
        raise translated(error, f"looking for the queue {settings.queue_name!r}") from error


def translated(error: Exception, doing: str, needs: str = _NEEDS) -> ServiceUnavailable | Fatal:
    """Translate an error of boto3 into one of ours.

    Args:
        error: a `ClientError`, or one of `NO_ANSWER`.
        doing: the operation, for the message ("receiving messages").
        needs: the permissions to name if one of them is missing.
    """
    if isinstance(error, ParamValidationError):  # botocore sent no request, and never will with these values
        return Misconfigured(f"{doing}: {error}. Check BILLSTREAM_QUEUE_URL and BILLSTREAM_QUEUE_NAME.")
    if not isinstance(error, ClientError):
        return unanswered(error, doing)
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code in _ABSENT:
        return Misconfigured(
            f"{doing}: there is no such queue. Set BILLSTREAM_QUEUE_URL, or run `billstream init --aws`."
        )
    if code in CREDENTIALS_REFUSED:
        return credentials_refused(doing, code)
    if code in _DENIED:
        return Misconfigured(f"{doing}: {code}. Grant {needs}, and start it again.")
    # Unknown codes too: to stop for a new kind of throttling would be worse than to try again.
    return ServiceUnavailable(f"{doing}: {code or error}")
