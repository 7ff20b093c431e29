"""A bucket that tells a queue what happens in it, on whichever emulator."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

REGION = "us-east-1"
ACCESS_KEY = SECRET_KEY = "test"
CONFIG = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 2}, read_timeout=120)
MAX_RECEIVES = 3


@dataclass(frozen=True)
class AwsEnvironment:
    """One emulator and, on it, a billing bucket, its queue and that queue's dead-letter queue.

    S3 reports `ObjectCreated:*` and `ObjectRemoved:*` of `bucket` to the queue. The queue starts with the
    `s3:TestEvent` that S3 sends when notifications are set up, as in production.
    """

    emulator: str
    endpoint_url: str
    region: str = REGION
    access_key: str = ACCESS_KEY
    secret_key: str = field(default=SECRET_KEY, repr=False)
    bucket: str = field(default_factory=lambda: f"billing-{uuid4().hex[:12]}")
    extra_buckets: list[str] = field(default_factory=list)

    @property
    def queue_name(self) -> str:
        return f"{self.bucket}-queue"

    @property
    def dlq_name(self) -> str:
        return f"{self.queue_name}-dlq"

    @cached_property
    def s3(self) -> "S3Client":
        return _session().client("s3", endpoint_url=self.endpoint_url, config=CONFIG)

    @cached_property
    def sqs(self) -> "SQSClient":
        return _session().client("sqs", endpoint_url=self.endpoint_url, config=CONFIG)

    @cached_property
    def sns(self) -> "SNSClient":
        return _session().client("sns", endpoint_url=self.endpoint_url, config=CONFIG)

    @cached_property
    def queue_url(self) -> str:
        return self.sqs.get_queue_url(QueueName=self.queue_name)["QueueUrl"]

    @cached_property
    def dlq_url(self) -> str:
        return self.sqs.get_queue_url(QueueName=self.dlq_name)["QueueUrl"]

    def environment(self) -> dict[str, str]:
        """What billstream, or a process that runs it, must find in its environment to work here."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_EC2_METADATA_DISABLED": "true",
            "BILLSTREAM_BUCKET": self.bucket,
            "BILLSTREAM_QUEUE_NAME": self.queue_name,
        }

    def new_bucket(self) -> str:
        """One more bucket, such as for a lake's data path; it goes away with the rest."""
        name = f"extra-{uuid4().hex[:12]}"
        self.s3.create_bucket(Bucket=name)
        self.extra_buckets.append(name)
        return name

    def queue_arn(self, url: str) -> str:
        """The ARN of the queue at `url`."""
        return self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def take_records(self, count: int, *, seconds: float = 120.0) -> list[dict[str, Any]]:
        """Receive and delete messages until they told of `count` object events; the events in order of arrival.

        Raises:
            TimeoutError: they did not come.
        """
        records: list[dict[str, Any]] = []
        deadline = time.monotonic() + seconds
        while len(records) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(records)} of {count} object events arrived: {records}")
            answer = self.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in answer.get("Messages", []):
                records += json.loads(message["Body"]).get("Records", [])
                self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return records


@contextmanager
def aws_environment(emulator: str, endpoint_url: str) -> Iterator[AwsEnvironment]:
    """Make bucket, queue, dead-letter queue and notifications; remove them at the end."""
    aws = AwsEnvironment(emulator, endpoint_url)
    _set_up(aws)
    try:
        yield aws
    finally:
        _tear_down(aws)


@cache
def _session() -> boto3.Session:
    """One for all: it keeps the service models, which take longer to read than any test's calls."""
    return boto3.Session(ACCESS_KEY, SECRET_KEY, region_name=REGION)


def _set_up(aws: AwsEnvironment) -> None:
    aws.s3.create_bucket(Bucket=aws.bucket)
    dlq_arn = aws.queue_arn(aws.sqs.create_queue(QueueName=aws.dlq_name)["QueueUrl"])
    redrive = json.dumps({"deadLetterTargetArn": dlq_arn, "maxReceiveCount": MAX_RECEIVES})
    queue = aws.sqs.create_queue(QueueName=aws.queue_name, Attributes={"RedrivePolicy": redrive})
    aws.s3.put_bucket_notification_configuration(
        Bucket=aws.bucket,
        NotificationConfiguration={
            "QueueConfigurations": [
                {
                    "QueueArn": aws.queue_arn(queue["QueueUrl"]),
                    "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
                }
            ]
        },
    )


def _tear_down(aws: AwsEnvironment) -> None:
    """A test may have removed things itself."""
    for bucket in (aws.bucket, *aws.extra_buckets):
        with suppress(ClientError):
            _remove_bucket(aws, bucket)
    for name in (aws.queue_name, aws.dlq_name):
        with suppress(ClientError):
            aws.sqs.delete_queue(QueueUrl=aws.sqs.get_queue_url(QueueName=name)["QueueUrl"])
    for client in (aws.s3, aws.sqs):
        client.close()


def _remove_bucket(aws: AwsEnvironment, bucket: str) -> None:
    for page in aws.s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            aws.s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
    aws.s3.delete_bucket(Bucket=bucket)
