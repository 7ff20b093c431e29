"""The two policies of the queue: its dead-letter queue, and the senders it accepts."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from billstream.consumer.provision.failures import explained
from billstream.consumer.provision.queues import Queue, queue_attributes
from billstream.consumer.provision.resources import Outcome

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

STATEMENT_ID = "BillstreamBucketEvents"


def ensure_redrive(sqs: "SQSClient", queue: Queue, dead_letters: Queue, max_receives: int) -> Outcome:
    """Have SQS move a message to the dead-letter queue after `max_receives` receives without an acknowledgement."""
    wanted = {"deadLetterTargetArn": dead_letters.arn, "maxReceiveCount": max_receives}
    with explained(f"queue {queue.url}"):
        current = _json(queue_attributes(sqs, queue.url).get("RedrivePolicy"))
        if {key: str(value) for key, value in current.items()} == {key: str(value) for key, value in wanted.items()}:
            return Outcome.FOUND
        sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"RedrivePolicy": json.dumps(wanted)})
    return Outcome.UPDATED if current else Outcome.MADE


def ensure_policy(sqs: "SQSClient", queue: Queue, buckets: Sequence[str], *, bucket_account: str | None) -> Outcome:
    """Let S3 send to the queue for these buckets and for no others; other statements stay as they are."""
    ours = _statement(queue, buckets, bucket_account)
    with explained(f"queue {queue.url}"):
        policy = _json(queue_attributes(sqs, queue.url).get("Policy"))
        statements = policy.get("Statement", [])
        if isinstance(statements, dict):  # one statement need not stand in a list
            statements = [statements]
        others = [statement for statement in statements if statement.get("Sid") != STATEMENT_ID]
        if ours in statements:
            return Outcome.FOUND
        wanted = {"Version": "2012-10-17", **policy, "Statement": [*others, ours]}
        sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"Policy": json.dumps(wanted)})
    return Outcome.MADE if len(others) == len(statements) else Outcome.UPDATED


def _statement(queue: Queue, buckets: Sequence[str], bucket_account: str | None) -> dict[str, Any]:
    arns = [f"arn:{queue.partition}:s3:::{bucket}" for bucket in buckets]
    # One bucket stands alone, as in the policies of queues that were set up for one.
    condition: dict[str, Any] = {"ArnEquals": {"aws:SourceArn": arns if len(arns) > 1 else arns[0]}}
    if bucket_account:  # a bucket's name may pass to another account once it was deleted
        condition["StringEquals"] = {"aws:SourceAccount": bucket_account}
    return {
        "Sid": STATEMENT_ID,
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue.arn,
        "Condition": condition,
    }


def _json(text: str | None) -> dict[str, Any]:
    return dict(json.loads(text)) if text else {}
