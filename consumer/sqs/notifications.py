"""Send notifications to the queue, in the form in which S3 sends them.

`consumer.sqs.envelope` reads both. A forced notification names no version, and carries a mark that S3 does not send:
`"billstream": {"force": true}` beside `"s3"`.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from botocore.exceptions import ClientError

from billstream.common.aws import NO_ANSWER
from billstream.common.errors import ServiceUnavailable
from billstream.common.ids import new_id
from billstream.consumer.events import ObjectEvent, batches
from billstream.consumer.sqs.envelope import REPLAY_MARK
from billstream.consumer.sqs.queue import BATCH, described, is_fifo, translated

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
            bodies = [self._entry(event) for event in batch]
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

    def _entry(self, event: ObjectEvent) -> dict[str, str]:
        entry = {"MessageBody": body(event)}
        if is_fifo(self.url):
            # One group for each object: only the events of one object have an order. Each notification has an id of its
            # own, as a FIFO queue drops what it takes for a repetition of the last five minutes.
            entry["MessageGroupId"] = hashlib.sha256(event.scope.encode()).hexdigest()
            entry["MessageDeduplicationId"] = new_id()
        return entry

    def _refused(self, messages: Sequence[dict[str, str]]) -> list[dict[str, str]]:
        entries = [{"Id": str(number), **message} for number, message in enumerate(messages)]
        try:
            answer = self.client.send_message_batch(QueueUrl=self.url, Entries=entries)  # type: ignore[arg-type]
        except (ClientError, *NO_ANSWER) as error:
            region = getattr(getattr(self.client, "meta", None), "region_name", None)
            needs = "sqs:SendMessage"
            raise translated(error, "sending notifications", needs, described(self.url, region)) from error
        return [messages[int(failure["Id"])] for failure in answer.get("Failed", [])]
