"""The bucket of the billing files, and the notification that announces them to the queue."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from billstream.common.aws import DEFAULT_REGION, code_of
from billstream.common.errors import Fatal, Misconfigured
from billstream.consumer.provision.failures import explained
from billstream.consumer.provision.resources import Outcome

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import QueueConfigurationOutputTypeDef

NOTIFICATION_ID = "billstream"
EVENTS = ("s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:LifecycleExpiration:*")
# S3 sees a queue and its policy some seconds after they were created.
DESTINATION_PATIENCE_SECONDS = 15.0


def ensure_bucket(s3: "S3Client", name: str) -> Outcome:
    """Create the bucket in the client's region unless it exists.

    Raises:
        Fatal: the name belongs to another account, or a permission is missing.
    """
    with explained(f"bucket {name}"):
        try:
            s3.head_bucket(Bucket=name)
        except ClientError as error:
            if code_of(error) not in {"404", "NoSuchBucket", "NotFound"}:
                raise
        else:
            return Outcome.FOUND
        return _create(s3, name)


def _create(s3: "S3Client", name: str) -> Outcome:
    region = s3.meta.region_name
    try:
        if region == DEFAULT_REGION:  # the one region that must not be named
            s3.create_bucket(Bucket=name)
        else:
            s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})  # type: ignore[typeddict-item]
    except s3.exceptions.BucketAlreadyOwnedByYou:
        return Outcome.FOUND
    except s3.exceptions.BucketAlreadyExists:
        raise Misconfigured(
            f"The bucket name {name} is taken by another account; nothing was created. Set another BILLSTREAM_BUCKET."
        ) from None
    return Outcome.MADE


def owned_by(s3: "S3Client", bucket: str, account: str) -> bool:
    """Return True if the bucket belongs to this account, as far as the credentials in use can show."""
    try:
        with explained(f"bucket {bucket}"):
            s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=account)
    except Fatal:
        return False
    return True


def ensure_notification(s3: "S3Client", bucket: str, queue_arn: str) -> Outcome:
    """Have the bucket notify the queue of every object created, removed, or expired by a lifecycle rule.

    S3 replaces the notification configuration of a bucket as a whole. Configurations of others are read, kept
    and written back; ours is recognised by its id. A change by another process between our read and our write is
    lost: S3 offers no way to notice.

    Raises:
        Fatal: a permission is missing, or another configuration of the bucket overlaps with ours.
    """
    with explained(f"the notifications of bucket {bucket}"):
        current = s3.get_bucket_notification_configuration(Bucket=bucket)
        queues = current.get("QueueConfigurations", [])
        if set(EVENTS) <= _events_sent(queues, queue_arn):
            return Outcome.FOUND
        others = [queue for queue in queues if queue.get("Id") != NOTIFICATION_ID]
        wanted = {key: value for key, value in current.items() if key != "ResponseMetadata"}
        ours = {"Id": NOTIFICATION_ID, "QueueArn": queue_arn, "Events": list(EVENTS)}
        wanted["QueueConfigurations"] = [*others, ours]
        # S3 tests the queue at once, and refuses one that it cannot see yet.
        Retrying(
            retry=retry_if_exception(_destination_not_seen),
            wait=wait_fixed(1),
            stop=stop_after_delay(DESTINATION_PATIENCE_SECONDS),
            reraise=True,
        )(s3.put_bucket_notification_configuration, Bucket=bucket, NotificationConfiguration=wanted)
    return Outcome.MADE if len(others) == len(queues) else Outcome.UPDATED


def _events_sent(queues: Iterable["QueueConfigurationOutputTypeDef"], queue_arn: str) -> set[str]:
    """Return the events of every object that our queue gets, whoever set that up, in one entry or in several."""
    ours = (queue for queue in queues if queue["QueueArn"] == queue_arn and not queue.get("Filter"))
    return {event for queue in ours for event in queue["Events"]}


def _destination_not_seen(error: BaseException) -> bool:
    return isinstance(error, ClientError) and code_of(error) == "InvalidArgument"
