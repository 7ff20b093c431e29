"""The queue and its dead-letter queue."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from billstream.consumer.provision.failures import explained
from billstream.consumer.provision.resources import Outcome

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# Least values of every queue of ours, in seconds. An operator may have raised a value; it is never lowered.
MINIMUM = {
    "VisibilityTimeout": 300,
    "ReceiveMessageWaitTimeSeconds": 20,  # long polling
    "MessageRetentionPeriod": 14 * 24 * 3600,
}


@dataclass(frozen=True)
class Queue:
    """A queue that exists."""

    url: str
    arn: str
    outcome: Outcome

    @property
    def partition(self) -> str:
        """`aws`, `aws-cn` or `aws-us-gov`."""
        return self.arn.split(":")[1]

    @property
    def account(self) -> str:
        """The 12 digits of the account that owns it."""
        return self.arn.split(":")[4]


def ensure_queue(sqs: "SQSClient", name: str) -> Queue:
    """Create the queue unless it exists, and raise its times to what billstream needs."""
    url = _find(sqs, name)
    outcome = Outcome.FOUND
    with explained(f"queue {name}"):
        if url is None:
            attributes = {key: str(seconds) for key, seconds in MINIMUM.items()}
            url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]  # type: ignore[arg-type]
            outcome = Outcome.MADE
        return _raised(sqs, url, outcome)


def existing_queue(sqs: "SQSClient", url: str) -> Queue:
    """Return the queue at a URL, after raising its times to what billstream needs."""
    with explained(f"queue {url}"):
        return _raised(sqs, url, Outcome.FOUND)


def _find(sqs: "SQSClient", name: str) -> str | None:
    with explained(f"queue {name}"):
        try:
            return sqs.get_queue_url(QueueName=name)["QueueUrl"]
        except sqs.exceptions.QueueDoesNotExist:
            return None


def _raised(sqs: "SQSClient", url: str, outcome: Outcome) -> Queue:
    current = queue_attributes(sqs, url)
    # A visibility time-out below ours would give messages to a second consumer while the first one is at work.
    short = {key: str(least) for key, least in MINIMUM.items() if int(current.get(key, 0)) < least}
    if short:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=short)  # type: ignore[arg-type]
        outcome = Outcome.UPDATED if outcome is Outcome.FOUND else outcome
    return Queue(url, current["QueueArn"], outcome)


def queue_attributes(sqs: "SQSClient", url: str) -> dict[str, str]:
    """Return all attributes of a queue, by name."""
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    return {str(key): value for key, value in answer["Attributes"].items()}
