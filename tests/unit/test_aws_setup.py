import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from billstream.common import aws
from billstream.common.errors import BillstreamError, Fatal, ServiceUnavailable
from billstream.common.settings import Settings
from billstream.consumer.provision import AwsReport, Outcome, set_up_aws
from billstream.consumer.provision.buckets import EVENTS, ensure_bucket
from billstream.consumer.provision.failures import explained
from billstream.consumer.provision.queues import ensure_queue
from billstream.consumer.sqs.queue import find_queue
from tests.servers.aws import AwsEnvironment

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

# The bucket and the queue that the fixture `aws` makes are not used: every test has its own names.
on_each_emulator = pytest.mark.parametrize("aws", ["ministack", "localstack"], indirect=True)
on_ministack = pytest.mark.parametrize("aws", ["ministack"], indirect=True)


@pytest.fixture
def settings(aws: AwsEnvironment) -> Settings:
    name = uuid4().hex[:10]
    aws.extra_buckets.extend([f"bills-{name}", f"lake-{name}"])
    return Settings(
        bucket=f"bills-{name}", queue_name=f"queue-{name}", data_path=f"s3://lake-{name}/data/", max_receives=7
    )


@pytest.fixture
def report(aws: AwsEnvironment, settings: Settings) -> AwsReport:
    return set_up_aws(settings, aws.s3, aws.sqs)


@pytest.fixture
def s3() -> Iterator["S3Client"]:
    client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    yield client
    client.close()


@pytest.fixture
def sqs() -> Iterator["SQSClient"]:
    client = boto3.client("sqs", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    yield client
    client.close()


def outcomes(report: AwsReport) -> dict[str, Outcome]:
    return {f"{resource.kind} {resource.name}": resource.outcome for resource in report.resources}


def attributes(aws: AwsEnvironment, url: str) -> dict[str, Any]:
    answer = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    return {str(name): value for name, value in answer["Attributes"].items()}


@on_each_emulator
def test_everything_is_made_and_works(aws: AwsEnvironment, settings: Settings, report: AwsReport) -> None:
    assert set(outcomes(report).values()) <= {Outcome.MADE}
    assert report.changed
    assert find_queue(aws.sqs, settings).url == report.queue_url
    aws.s3.head_bucket(Bucket=settings.data_location.split("/")[2])
    aws.s3.put_object(Bucket=settings.bucket, Key="a.csv", Body=b"x")
    assert "ObjectCreated:Put" in [event["eventName"] for event in events(aws, report.queue_url)]
    aws.s3.delete_object(Bucket=settings.bucket, Key="a.csv")
    assert "ObjectRemoved:Delete" in [event["eventName"] for event in events(aws, report.queue_url)]


def events(aws: AwsEnvironment, url: str) -> list[dict[str, Any]]:
    """The next object events; the test event that S3 sends by itself is passed over."""
    found: list[dict[str, Any]] = []
    while not found:
        for message in aws.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]:
            found += json.loads(message["Body"]).get("Records", [])
            aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


@on_each_emulator
def test_a_second_run_finds_everything(aws: AwsEnvironment, settings: Settings, report: AwsReport) -> None:
    again = set_up_aws(settings, aws.s3, aws.sqs)
    assert set(outcomes(again)) == set(outcomes(report))
    assert set(outcomes(again).values()) == {Outcome.FOUND}
    assert not again.changed
    assert (again.queue_url, again.dead_letter_url) == (report.queue_url, report.dead_letter_url)


@on_ministack
def test_the_queues_are_patient(aws: AwsEnvironment, settings: Settings, report: AwsReport) -> None:
    for url in (report.queue_url, report.dead_letter_url):
        found = attributes(aws, url)
        assert found["VisibilityTimeout"] == "300"
        assert found["ReceiveMessageWaitTimeSeconds"] == "20"
        assert found["MessageRetentionPeriod"] == str(14 * 24 * 3600)
    redrive = json.loads(attributes(aws, report.queue_url)["RedrivePolicy"])
    assert redrive == {
        "deadLetterTargetArn": attributes(aws, report.dead_letter_url)["QueueArn"],
        "maxReceiveCount": settings.max_receives,
    }
    assert report.dead_letter_url.endswith(f"/{settings.queue_name}-dlq")


@on_ministack
def test_only_this_bucket_may_send(aws: AwsEnvironment, settings: Settings, report: AwsReport) -> None:
    found = attributes(aws, report.queue_url)
    [statement] = json.loads(found["Policy"])["Statement"]
    assert statement["Principal"] == {"Service": "s3.amazonaws.com"}
    assert (statement["Action"], statement["Resource"]) == ("sqs:SendMessage", found["QueueArn"])
    assert statement["Condition"] == {
        "ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{settings.bucket}"},
        "StringEquals": {"aws:SourceAccount": found["QueueArn"].split(":")[4]},
    }


@on_each_emulator
def test_each_configured_bucket_notifies_the_queue(aws: AwsEnvironment, settings: Settings, report: AwsReport) -> None:
    more = f"{settings.bucket}-2"
    aws.extra_buckets.append(more)

    both = Settings(bucket=settings.bucket, buckets=(more,), queue_name=settings.queue_name, max_receives=7)
    again = set_up_aws(both, aws.s3, aws.sqs)

    assert outcomes(again)[f"bucket {more}"] is Outcome.MADE
    assert outcomes(again)[f"bucket {settings.bucket}"] is Outcome.FOUND
    for bucket in (settings.bucket, more):
        aws.s3.put_object(Bucket=bucket, Key="a.csv", Body=b"x")
    told = dict[str, bool]()
    while len(told) < 2:
        answer = aws.sqs.receive_message(QueueUrl=report.queue_url, WaitTimeSeconds=5)
        assert answer.get("Messages"), told
        for message in answer["Messages"]:
            told |= {record["s3"]["bucket"]["name"]: True for record in json.loads(message["Body"]).get("Records", [])}
            aws.sqs.delete_message(QueueUrl=report.queue_url, ReceiptHandle=message["ReceiptHandle"])
    assert set(told) == {settings.bucket, more}
    policy = json.loads(
        aws.sqs.get_queue_attributes(QueueUrl=report.queue_url, AttributeNames=["Policy"])["Attributes"]["Policy"]
    )
    (statement,) = policy["Statement"]
    arns = [f"arn:aws:s3:::{bucket}" for bucket in (settings.bucket, more)]
    assert statement["Condition"]["ArnEquals"] == {"aws:SourceArn": arns}


@on_ministack
def test_what_others_have_configured_is_kept(aws: AwsEnvironment, settings: Settings) -> None:
    foreign_arn = aws.queue_arn(aws.sqs.create_queue(QueueName=f"foreign-{settings.queue_name}")["QueueUrl"])
    foreign = {
        "Id": "theirs",
        "QueueArn": foreign_arn,
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".jpg"}]}},
    }
    aws.s3.create_bucket(Bucket=settings.bucket)
    aws.s3.put_bucket_notification_configuration(
        Bucket=settings.bucket,
        NotificationConfiguration={"QueueConfigurations": [foreign], "EventBridgeConfiguration": {}},  # type: ignore[list-item]
    )
    statement = {"Sid": "Theirs", "Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    policy = json.dumps({"Version": "2008-10-17", "Id": "theirs", "Statement": statement})
    aws.sqs.create_queue(QueueName=settings.queue_name, Attributes={"Policy": policy, "VisibilityTimeout": "900"})

    report = set_up_aws(settings, aws.s3, aws.sqs)

    configuration = aws.s3.get_bucket_notification_configuration(Bucket=settings.bucket)
    theirs, ours = configuration["QueueConfigurations"]
    assert (theirs["Id"], theirs["QueueArn"], theirs["Events"]) == ("theirs", foreign_arn, ["s3:ObjectCreated:*"])
    assert theirs["Filter"]["Key"]["FilterRules"][0]["Value"] == ".jpg"
    assert (ours["Id"], ours["Events"]) == ("billstream", list(EVENTS))
    assert "EventBridgeConfiguration" in configuration
    found = attributes(aws, report.queue_url)
    assert found["VisibilityTimeout"] == "900"
    kept = json.loads(found["Policy"])
    assert (kept["Version"], kept["Id"], kept["Statement"][0]) == ("2008-10-17", "theirs", statement)
    assert outcomes(report)[f"bucket {settings.bucket}"] is Outcome.FOUND
    assert outcomes(report)[f"queue {settings.queue_name}"] is Outcome.UPDATED


@on_ministack
def test_changed_settings_are_brought_up_to_date(aws: AwsEnvironment, settings: Settings, report: AwsReport) -> None:
    changed = settings.model_copy(update={"max_receives": 3})
    again = set_up_aws(changed, aws.s3, aws.sqs)
    assert json.loads(attributes(aws, report.queue_url)["RedrivePolicy"])["maxReceiveCount"] == 3
    assert outcomes(again)["redrive policy after 3 receives"] is Outcome.UPDATED
    assert len(aws.s3.get_bucket_notification_configuration(Bucket=settings.bucket)["QueueConfigurations"]) == 1


@on_ministack
def test_an_equal_notification_under_another_name_is_enough(
    aws: AwsEnvironment, settings: Settings, report: AwsReport
) -> None:
    configuration = aws.s3.get_bucket_notification_configuration(Bucket=settings.bucket)
    queues = [{**configuration["QueueConfigurations"][0], "Id": "by-hand"}]
    aws.s3.put_bucket_notification_configuration(
        Bucket=settings.bucket,
        NotificationConfiguration={"QueueConfigurations": queues},  # type: ignore[typeddict-item]
    )
    assert not set_up_aws(settings, aws.s3, aws.sqs).changed
    assert report.changed


@on_ministack
def test_a_queue_named_by_its_url_is_joined(aws: AwsEnvironment, settings: Settings) -> None:
    url = aws.sqs.create_queue(QueueName=f"given-{settings.queue_name}")["QueueUrl"]
    given = settings.model_copy(update={"queue_url": url})
    report = set_up_aws(given, aws.s3, aws.sqs)
    assert report.queue_url == url
    assert report.dead_letter_url.endswith(f"/given-{settings.queue_name}-dlq")


@on_ministack
def test_another_region_is_named_when_a_bucket_is_made(aws: AwsEnvironment, settings: Settings) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=aws.endpoint_url,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    with Stubber(client) as stub:
        stub.add_client_error("head_bucket", "404", http_status_code=404)
        expected = {"Bucket": settings.bucket, "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
        stub.add_response("create_bucket", {}, expected)
        assert ensure_bucket(client, settings.bucket) is Outcome.MADE
        stub.assert_no_pending_responses()


def test_a_missing_permission_is_named(s3: "S3Client") -> None:
    stub = Stubber(s3)
    stub.add_client_error("head_bucket", "403", "Forbidden", http_status_code=403)
    with stub, pytest.raises(Fatal, match="s3:ListBucket"):
        ensure_bucket(s3, "billing")


def test_the_permission_to_make_something_is_named(s3: "S3Client", sqs: "SQSClient") -> None:
    bucket, queue = Stubber(s3), Stubber(sqs)
    bucket.add_client_error("head_bucket", "404", "Not Found", http_status_code=404)
    bucket.add_client_error("create_bucket", "AccessDenied", "no", http_status_code=403)
    with bucket, pytest.raises(Fatal, match="s3:CreateBucket"):
        ensure_bucket(s3, "billing")
    queue.add_client_error("get_queue_url", "QueueDoesNotExist")
    queue.add_client_error("create_queue", "AccessDeniedException", "no", http_status_code=400)
    with queue, pytest.raises(Fatal, match="sqs:CreateQueue"):
        ensure_queue(sqs, "billstream")


def test_a_bucket_name_that_is_taken_says_so(s3: "S3Client") -> None:
    stub = Stubber(s3)
    stub.add_client_error("head_bucket", "404", http_status_code=404)
    stub.add_client_error("create_bucket", "BucketAlreadyExists", http_status_code=409)
    with stub, pytest.raises(Fatal, match="BILLSTREAM_BUCKET"):
        ensure_bucket(s3, "billing")


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("SlowDown", 503, ServiceUnavailable),
        ("InternalError", 500, ServiceUnavailable),
        ("InvalidAccessKeyId", 403, Fatal),
        ("InvalidBucketName", 400, Fatal),
    ],
)
def test_other_refusals_keep_their_kind(s3: "S3Client", code: str, status: int, kind: type[BillstreamError]) -> None:
    stub = Stubber(s3)
    stub.add_client_error("head_bucket", code, http_status_code=status)
    with stub, pytest.raises(kind, match=code):
        ensure_bucket(s3, "billing")


def test_no_answer_is_worth_another_try() -> None:
    with pytest.raises(ServiceUnavailable, match="bucket billing"), explained("bucket billing"):
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")


def test_no_credentials_says_what_to_set() -> None:
    client = aws.s3_client()
    with pytest.raises(Fatal, match="AWS_ACCESS_KEY_ID"):
        ensure_bucket(client, "billing")


def test_a_fifo_queue_is_refused(s3: "S3Client", sqs: "SQSClient") -> None:
    with pytest.raises(Fatal, match="FIFO"):
        set_up_aws(Settings(queue_name="billing.fifo"), s3, sqs)
