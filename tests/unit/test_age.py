"""The age of the oldest message, as CloudWatch tells it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from billstream.consumer.sqs.age import oldest_message_seconds

URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/billing-events"
NOW = datetime.now(UTC)


@pytest.fixture
def cloudwatch() -> Any:  # noqa: ANN401 - its types are not installed
    return boto3.client("cloudwatch", "eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")


def test_the_newest_point_counts(cloudwatch: Any) -> None:  # noqa: ANN401 - as above
    points = [
        {"Timestamp": NOW - timedelta(minutes=ago), "Maximum": float(seconds)} for ago, seconds in [(5, 9), (1, 3)]
    ]
    with Stubber(cloudwatch) as stub:
        stub.add_response(
            "get_metric_statistics",
            {"Datapoints": points},
            {
                "Namespace": "AWS/SQS",
                "MetricName": "ApproximateAgeOfOldestMessage",
                "Dimensions": [{"Name": "QueueName", "Value": "billing-events"}],
                "StartTime": ANY,
                "EndTime": ANY,
                "Period": 60,
                "Statistics": ["Maximum"],
            },
        )
        assert oldest_message_seconds(cloudwatch, URL) == 3.0


def test_no_points_and_no_permission_are_unknown(cloudwatch: Any) -> None:  # noqa: ANN401 - as above
    with Stubber(cloudwatch) as stub:
        stub.add_response("get_metric_statistics", {"Datapoints": []})
        stub.add_client_error("get_metric_statistics", "AccessDenied")
        assert oldest_message_seconds(cloudwatch, URL) is None
        assert oldest_message_seconds(cloudwatch, URL) is None
