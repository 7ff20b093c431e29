"""The queue of notifications: SQS, through boto3."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

import structlog
from botocore.exceptions import ClientError, ParamValidationError

from billstream.common import aws
from billstream.common.aws import CREDENTIALS_REFUSED, NO_ANSWER, credentials_refused, not_renewed, unanswered
from billstream.common.errors import BillstreamError, Fatal, Misconfigured, ServiceUnavailable
from billstream.common.settings import Settings
from billstream.consumer.events import batches

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

BATCH = 10  # SQS's own limit for one call
LONGEST_VISIBILITY = 12 * 60 * 60  # seconds, SQS's own limit
_ABSENT = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}
_DENIED = {"AccessDenied", "AccessDeniedException"}
_NEVER = {
    "InvalidAddress": "the URL of the queue is not one. Correct BILLSTREAM_QUEUE_URL",
    "UnsupportedOperation": "the queue cannot do this. Is it a standard queue, and is AWS_ENDPOINT_URL that of SQS?",
    "OptInRequired": "the account is not signed up for SQS in this region. Set AWS_REGION, or sign up",
    "QueueDeletedRecently": "a queue of this name was deleted less than a minute ago. Wait for a minute",
}
"""Codes of refusals that do not go away by themselves, with what to do."""

_OVER_LIMIT = "too many messages are in flight; there is room again as consumers finish theirs"
# SQS names an error of KMS in one of two forms: `KmsAccessDenied`, or `KMS.AccessDeniedException` as in older answers.
_OF_KMS = re.compile(r"(?:Kms|KMS\.(?:KMS)?)(\w+?)(?:Exception)?")
_KMS = {
    "AccessDenied": "Grant kms:Decrypt on the queue's KMS key (and kms:GenerateDataKey, to send)",
    "Disabled": "The queue's KMS key is disabled: enable it, or set another key on the queue",
    "InvalidKeyUsage": "The queue's KMS key is not one for encryption: set another key on the queue",
    "InvalidState": "The queue's KMS key cannot be used, such as a key that is pending deletion: restore it",
    "NotFound": "The queue's KMS key does not exist: set another key on the queue. What the lost key encrypted is lost",
    "OptInRequired": "The account has no access to KMS in this region: sign up for it",
}
_BUSY_KMS = {"Throttled", "Throttling"}
_REGION_OF_HOST = re.compile(r"(?:sqs(?:-fips)?\.)?([a-z]{2}(?:-[a-z]+)+-\d)\.")
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
            raise self._translated(error, "receiving messages") from error
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
                raise self._translated(error, doing) from error
            refused += [batch[int(failure["Id"])] for failure in answer.get("Failed", [])]
        return refused

    def _attributes(self) -> dict[str, str]:
        try:
            answer = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])
        except (ClientError, *NO_ANSWER) as error:
            raise self._translated(error, "reading the queue's attributes") from error
        # A proxy in between may answer 200 to anything; a queue without attributes does not exist.
        if not answer.get("Attributes"):
            raise ServiceUnavailable("reading the queue's attributes: the answer is not from SQS.")
        return {str(name): value for name, value in answer.get("Attributes", {}).items()}

    def _translated(self, error: Exception, doing: str) -> ServiceUnavailable | Fatal:
        region = getattr(getattr(self._sqs, "meta", None), "region_name", None)
        return translated(error, doing, where=described(self.url, region))

    def _delete(self, batch: Sequence[Message]) -> list[Message]:
        entries = [{"Id": str(number), "ReceiptHandle": message.receipt_handle} for number, message in enumerate(batch)]
        try:
            answer = self._sqs.delete_message_batch(QueueUrl=self.url, Entries=entries)  # type: ignore[arg-type]
        except (ClientError, *NO_ANSWER) as error:
            raise self._translated(error, "deleting messages") from error
        return [batch[int(failure["Id"])] for failure in answer.get("Failed", [])]


def find_queue(client: "SQSClient", settings: Settings) -> SqsQueue:
    """Return the queue that the settings name.

    Raises:
        Fatal: there is no such queue, or a permission is missing.
        ServiceUnavailable: SQS does not answer.
    """
    if settings.queue_url:
        return SqsQueue(client, settings.queue_url)
    doing = f"looking for the queue {settings.queue_name!r}"
    try:
        return SqsQueue(client, client.get_queue_url(QueueName=settings.queue_name)["QueueUrl"])
    except (ClientError, *NO_ANSWER) as error:
        if _code(error) in _ABSENT:
            raise _no_queue_of_that_name(client, settings, doing) from error
        raise translated(error, doing, where=f"the queue {settings.queue_name}, {aws.whereabouts()}") from error


def _no_queue_of_that_name(client: "SQSClient", settings: Settings, doing: str) -> Misconfigured:
    """Return the error for a name that SQS does not know: mostly it is looked for in the wrong region or account."""
    problem = f"{doing}: there is none as {aws.whereabouts()}"
    region = None
    if "bucket" in settings.model_fields_set:
        try:
            region = aws.region_of(aws.s3_client(), settings.bucket)
        except BillstreamError:
            region = None
        # S3 notifies a queue of the bucket's own region only.
        if region and region != client.meta.region_name:
            return Misconfigured(
                f"{problem}. The bucket {settings.bucket} is in region {region}: set AWS_REGION={region}."
            )
    return Misconfigured(
        f"{problem}. If the queue is in another region or account, set AWS_REGION and AWS_PROFILE, or "
        "BILLSTREAM_QUEUE_URL; "
        + ("if there is none yet, `billstream init --aws` creates it." if region else "else create it first.")
    )


def is_fifo(url: str) -> bool:
    """Return whether this is the name or the URL of a FIFO queue: AWS has them end so."""
    return url.rstrip("/").endswith(".fifo")


def described(url: str, region: str | None = None) -> str:
    """Return a queue's name with its region and account, as its URL tells them; `region` is the client's."""
    parts = urlsplit(url)
    *account, name = parts.path.strip("/").split("/")
    found = _REGION_OF_HOST.match(parts.hostname or "")
    told = [f"region {where}" for where in [found[1] if found else region] if where]
    told += [f"account {owner}" for owner in account[-1:] if owner.isdigit()]
    return f"the queue {name or url}" + (f" ({', '.join(told)})" if told else "")


def translated(  # noqa: PLR0911 - a table of cases
    error: Exception, doing: str, needs: str = _NEEDS, where: str = "the queue"
) -> ServiceUnavailable | Fatal:
    """Translate an error of boto3 into one of ours.

    Args:
        error: a `ClientError`, or one of `NO_ANSWER`.
        doing: the operation, for the message ("receiving messages").
        needs: the permissions to name if one of them is missing.
        where: the queue with its region and account, see `described`.
    """
    if isinstance(error, ParamValidationError):  # botocore sent no request, and never will with these values
        return Misconfigured(f"{doing}: {error}. Check BILLSTREAM_QUEUE_URL and BILLSTREAM_QUEUE_NAME.")
    if not isinstance(error, ClientError):
        return unanswered(error, doing)
    if waiting := not_renewed(error, doing):
        return waiting
    code = _code(error)
    if code in _ABSENT:
        return Misconfigured(
            f"{doing}: there is no such queue: {where}. Check BILLSTREAM_QUEUE_URL, AWS_REGION, and the account of the "
            "credentials."
        )
    if code in CREDENTIALS_REFUSED:
        return credentials_refused(doing, code)
    if code in _DENIED:
        return Misconfigured(f"{doing}: {code}: {where}. Grant {needs}, and start it again.")
    if code in _NEVER:
        return Misconfigured(f"{doing}: {code}: {where}: {_NEVER[code]}, and start it again.")
    of_kms = _OF_KMS.fullmatch(code)
    if of_kms and of_kms[1] not in _BUSY_KMS:
        advice = _KMS.get(of_kms[1], "Check the queue's KMS key, and the permission kms:Decrypt on it")
        return Misconfigured(f"{doing}: {code}: {where}. {advice}, and start it again.")
    if code == "OverLimit":
        return ServiceUnavailable(f"{doing}: {code}: {_OVER_LIMIT}.")
    # Unknown codes too: to stop for a new kind of throttling would be worse than to try again.
    return ServiceUnavailable(f"{doing}: {code or error}")


def _code(error: Exception) -> str:
    """Return SQS's code, without the prefix that old answers have; empty if it is no answer."""
    code = aws.code_of(error) if isinstance(error, ClientError) else ""
    return code if code in _ABSENT else code.removeprefix("AWS.SimpleQueueService.")
