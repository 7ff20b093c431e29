"""The body of a notification of an event, in each form in which S3 notifications reach a queue."""

import json
from enum import StrEnum
from typing import Any
from urllib.parse import quote_plus

from billstream.consumer.events import EventKind, ObjectEvent


class Form(StrEnum):
    """The service that delivers a notification to the queue."""

    RAW = "raw"
    SNS = "sns"
    EVENTBRIDGE = "eventbridge"


def body_of(event: ObjectEvent, form: Form = Form.RAW) -> str:
    """Return the body that S3 would send."""
    if form is Form.EVENTBRIDGE:
        return json.dumps(_eventbridge(event))
    body = json.dumps({"Records": [_record(event)]})
    return json.dumps({"Type": "Notification", "Message": body}) if form is Form.SNS else body


def _record(event: ObjectEvent) -> dict[str, Any]:
    details = {
        "key": quote_plus(event.key),
        "size": event.size_bytes,
        "eTag": event.etag,
        "versionId": event.version_id,
        "sequencer": event.sequencer,
    }
    return {
        "eventSource": "aws:s3",
        "eventName": event.event_name,
        "eventTime": event.event_time.isoformat() if event.event_time else None,
        "s3": {"bucket": {"name": event.bucket}, "object": _without_absent(details)},
    }


def _eventbridge(event: ObjectEvent) -> dict[str, Any]:
    details = {
        "key": event.key,
        "size": event.size_bytes,
        "etag": event.etag,
        "version-id": event.version_id,
        "sequencer": event.sequencer,
    }
    removed = event.kind is EventKind.REMOVED
    marker = event.event_name.endswith("DeleteMarkerCreated")
    deletion = {"deletion-type": "Delete Marker Created" if marker else "Permanently Deleted"} if removed else {}
    return {
        "source": "aws.s3",
        "detail-type": "Object Deleted" if removed else "Object Created",
        "time": event.event_time.isoformat() if event.event_time else None,
        "detail": {"bucket": {"name": event.bucket}, "object": _without_absent(details), **deletion},
    }


def _without_absent(details: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in details.items() if value is not None}
