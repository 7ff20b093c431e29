"""Send notifications to the queue, in the form in which S3 sends them.

`consumer.sqs.envelope` reads both. A forced notification names no version, and carries a mark that S3 does not send:
`"billstream": {"force": true}` beside `"s3"`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from botocore.exceptions import ClientError

from billstream.common.aws import NO_ANSWER
from billstream.common.errors import ServiceUnavailable
from billstream.consumer.events import ObjectEvent, batches
from billstream.consumer.sqs.envelope import REPLAY_MARK
from billstream.consumer.sqs.queue import BATCH, translated

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

ATTEMPTS = 3


def body(event: ObjectEvent) -> str:
    """Return the body of the notification of one event; its key is encoded as S3 encodes it."""
    details = {
        "key": quote_plus(event.key, safe="/"),
        "size": event.size_bytes,
        "eTag": event.etag,
        "versionId": event.version_id,
        "sequencer": event.sequencer,
    }
    record: dict[str, Any] = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventTime": (event.event_time or datetime.now(UTC)).isoformat(timespec="milliseconds"),
        "eventName": event.event_name,
        "s3": {
            "bucket": {"name": event.bucket},
            "object": {name: value for name, value in details.items() if value is not None},
        },
    }
    # A member beside `s3`, not inside it: other readers of the queue take the notification for one of S3.
    if event.force:
        record[REPLAY_MARK] = {"force": True}
    return json.dumps({"Records": [record]})


@dataclass(frozen=True)
class Notifications:
    """Sends notifications to one queue."""

    client: "SQSClient"
    url: str

    def send(self, events: Sequence[ObjectEvent]) -> None:
        """Send a notification for each event.

        Raises:
            ServiceUnavailable: SQS refused some of them. The others are duplicates when all are sent again.
            Fatal: a permission is missing.
        """
        for batch in batches(events, BATCH):
            bodies = [body(event) for event in batch]
            # SQS may refuse single messages of a call, mostly because it throttles: only these are sent again.
            for _ in range(ATTEMPTS):
                bodies = self._refused(bodies)
                if not bodies:
                    break
            else:
                raise ServiceUnavailable(
                    f"SQS refused {len(bodies)} notifications, {ATTEMPTS} times. The others are sent. Run the same "
                    "command again to send the rest: a second notification of an object changes nothing."
                )

    def _refused(self, bodies: Sequence[str]) -> list[str]:
        entries = [{"Id": str(number), "MessageBody": text} for number, text in enumerate(bodies)]
        try:
            answer = self.client.send_message_batch(QueueUrl=self.url, Entries=entries)  # type: ignore[arg-type]
        except (ClientError, *NO_ANSWER) as error:
            raise translated(error, "sending notifications", needs="sqs:SendMessage") from error
        return [bodies[int(failure["Id"])] for failure in answer.get("Failed", [])]
