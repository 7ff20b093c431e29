"""Creation of all AWS resources that a billstream needs. Running it again changes nothing."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from billstream.common.errors import Misconfigured
from billstream.common.settings import Settings
from billstream.consumer.provision.buckets import ensure_bucket, ensure_notification, owned_by
from billstream.consumer.provision.policies import ensure_policy, ensure_redrive
from billstream.consumer.provision.queues import Queue, ensure_queue, existing_queue
from billstream.consumer.provision.resources import AwsReport, Resource
from billstream.consumer.sqs.queue import is_fifo

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

DEAD_LETTER_SUFFIX = "-dlq"


def set_up_aws(settings: Settings, s3: "S3Client", sqs: "SQSClient") -> AwsReport:
    """Create the buckets, the queues and what connects them; keep what exists.

    Returns:
        The resources that were created, updated and found.

    Raises:
        Fatal: a permission is missing, or AWS refuses; the text names the remedy.
        ServiceUnavailable: no answer; running it again is safe.
    """
    name = _queue_name(settings)
    buckets = [Resource("bucket", bucket, ensure_bucket(s3, bucket)) for bucket in _buckets(settings)]
    dead_letters = ensure_queue(sqs, name + DEAD_LETTER_SUFFIX)
    queue = existing_queue(sqs, settings.queue_url) if settings.queue_url else ensure_queue(sqs, name)
    return AwsReport(
        queue_url=queue.url,
        dead_letter_url=dead_letters.url,
        resources=(
            *buckets,
            Resource("dead-letter queue", name + DEAD_LETTER_SUFFIX, dead_letters.outcome),
            Resource("queue", name, queue.outcome),
            *_joined(settings, s3, sqs, queue, dead_letters),
        ),
    )


def _joined(
    settings: Settings, s3: "S3Client", sqs: "SQSClient", queue: Queue, dead_letters: Queue
) -> tuple[Resource, ...]:
    """Connect queue to dead-letter queue, then the buckets to the queue: S3 first checks that it may send."""
    buckets = settings.our_buckets
    # A bucket of another account may notify us too: its account is unknown, so the policy names the buckets only.
    account = queue.account if all(owned_by(s3, bucket, queue.account) for bucket in buckets) else None
    redrive = ensure_redrive(sqs, queue, dead_letters, settings.max_receives)
    policy = ensure_policy(sqs, queue, buckets, bucket_account=account)
    return (
        Resource("redrive policy", f"after {settings.max_receives} receives", redrive),
        *(Resource("queue policy", f"bucket {bucket} may send", policy) for bucket in buckets),
        *(
            Resource(
                "bucket notification",
                f"objects created, removed and expired in {bucket}",
                ensure_notification(s3, bucket, queue.arn),
            )
            for bucket in buckets
        ),
    )


def _buckets(settings: Settings) -> list[str]:
    """Return the buckets of the billing files, and the bucket of the lake's data if there is one."""
    data = urlsplit(settings.data_location)
    return list(dict.fromkeys([*settings.our_buckets, *([data.netloc] if data.scheme == "s3" else [])]))


def _queue_name(settings: Settings) -> str:
    name = settings.queue_url.rstrip("/").rsplit("/", 1)[-1] if settings.queue_url else settings.queue_name
    if is_fifo(name):
        raise Misconfigured(
            f"S3 sends no notifications to a FIFO queue such as {name}; nothing was created. Use a standard queue."
        )
    return name
