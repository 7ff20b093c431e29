"""The age of the oldest message in a queue, which only CloudWatch knows."""

from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from billstream.common.aws import NO_ANSWER

_LOOK_BACK = timedelta(minutes=15)  # SQS reports every minute or five, and some minutes late


def oldest_message_seconds(client: Any, queue_url: str) -> float | None:  # noqa: ANN401 - see `cloudwatch_client`
    """Return the newest known age of the oldest message, in seconds; None when CloudWatch does not tell.

    To receive a message would tell, too, and take it away from the consumers for a while.
    """
    now = datetime.now(UTC)
    try:
        answer = client.get_metric_statistics(
            Namespace="AWS/SQS",
            MetricName="ApproximateAgeOfOldestMessage",
            Dimensions=[{"Name": "QueueName", "Value": queue_url.rstrip("/").rsplit("/", 1)[-1]}],
            StartTime=now - _LOOK_BACK,
            EndTime=now,
            Period=60,
            Statistics=["Maximum"],
        )
    except (ClientError, *NO_ANSWER):
        return None
    points = [point for point in answer.get("Datapoints", []) if "Timestamp" in point and "Maximum" in point]
    return float(max(points, key=lambda point: point["Timestamp"])["Maximum"]) if points else None
