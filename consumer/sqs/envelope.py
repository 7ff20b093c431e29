"""From the body of a message to the events in it.

S3 reaches a queue in three forms, and all are read: straight from S3, through SNS (the notification is a string
in `Message`), and through EventBridge. In the first two, keys are URL-encoded, with `+` for a space; in
EventBridge's they are plain. A record may carry a mark of ours, see `REPLAY_MARK` and `consumer/notices.py`.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html and
https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

from billstream.consumer.events import MESSAGE_BUCKET, EventKind, ObjectEvent

REPLAY_MARK = "billstream"
"""The member of a record that S3 does not send: `{"force": true}` in it comes from `billstream replay --force`."""

_LONGEST_KEY = 1024  # bytes, S3's own limit
_LONGEST_NAME = 100
_LARGEST_SIZE = 2**63 - 1
# As loose as the oldest buckets; `file:` and `message:` are ours, and `..` would be part of a path.
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_DEEPEST = 3
_NAMES = {"ObjectCreated": EventKind.CREATED, "ObjectRemoved": EventKind.REMOVED}
_EVENTBRIDGE = {"Object Created": EventKind.CREATED, "Object Deleted": EventKind.REMOVED}


@dataclass(frozen=True)
class Reading:
    """What a message says: events to settle, and what in it is none of our business."""

    events: tuple[ObjectEvent, ...] = ()
    ignored: tuple[str, ...] = field(default=())


class _Unreadable(Exception):  # noqa: N818 - never leaves this module
    """The body claims to be an S3 event, but lacks what every one has."""


def read_body(body: str, attempt: int = 1) -> Reading:
    """Read the body of a message; never raises.

    Args:
        body: the message as SQS brought it.
        attempt: how often it has been received.

    Returns:
        The events, or the reasons why there are none. A body that should be an event and cannot be read
        comes back as one event of kind `unreadable`.
    """
    try:
        return _read(_json(body), body, attempt, depth=0)
    except _Unreadable as problem:
        return Reading((_unreadable(body, str(problem), attempt),))


def _json(text: str) -> Any:  # noqa: ANN401 - it is whatever a stranger sent
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _Unreadable(f"The message is not JSON: {error}") from error


def _read(content: Any, body: str, attempt: int, depth: int) -> Reading:  # noqa: ANN401
    if not isinstance(content, dict) or depth == _DEEPEST:
        return Reading(ignored=("not an S3 event",))
    if content.get("Event") == "s3:TestEvent":
        return Reading(ignored=("s3:TestEvent",))
    if content.get("Type") == "Notification" and isinstance(content.get("Message"), str):
        return _read(_json(content["Message"]), body, attempt, depth + 1)
    if content.get("source") == "aws.s3" and "detail-type" in content:
        return _merged([_from_eventbridge(content, attempt)])
    if isinstance(content.get("Records"), list):
        return _merged(_from_records(content["Records"], body, attempt))
    return Reading(ignored=("not an S3 event",))


def _merged(parts: "Iterator[ObjectEvent | str] | list[ObjectEvent | str]") -> Reading:
    found = list(parts)
    return Reading(
        tuple(part for part in found if isinstance(part, ObjectEvent)),
        tuple(part for part in found if isinstance(part, str)),
    )


def _from_records(records: list[Any], body: str, attempt: int) -> Iterator[ObjectEvent | str]:
    """What each record says. One that cannot be read does not keep the others from being settled."""
    for record in records:
        if not isinstance(record, dict) or record.get("eventSource") != "aws:s3":
            yield "not an S3 event"
            continue
        try:
            yield _from_record(record, attempt)
        except _Unreadable as problem:
            yield _unreadable(body, str(problem), attempt)


def _from_record(record: Mapping[str, Any], attempt: int) -> ObjectEvent | str:
    name = _name(record.get("eventName")).removeprefix("s3:")
    kind = _NAMES.get(name.split(":", 1)[0])
    if kind is None:
        return name or "an event without a name"
    content = _part(record, "s3")
    thing = _part(content, "object")
    event = _event(
        kind,
        name,
        bucket=_part(content, "bucket").get("name"),
        key=_decoded(thing.get("key")),
        thing={"version_id": thing.get("versionId"), "etag": thing.get("eTag"), **thing},
        time=record.get("eventTime"),
        attempt=attempt,
    )
    return event.forced() if _is_forced(record) else event


def _is_forced(record: Mapping[str, Any]) -> bool:
    """Whether a replay of ours asks to load the object though the ledger says that it is settled."""
    mark = record.get(REPLAY_MARK)
    return isinstance(mark, dict) and mark.get("force") is True


def _from_eventbridge(content: Mapping[str, Any], attempt: int) -> ObjectEvent | str:
    name = _name(content["detail-type"])
    detail = _part(content, "detail")
    kind = _EVENTBRIDGE.get(name)
    reason = _name(detail.get("reason"))
    # What a lifecycle rule expires was true when it was billed: its rows stay.
    if kind is None or "Lifecycle" in reason:
        return f"{name} ({reason or 'no reason'})"
    thing = _part(detail, "object")
    marker = detail.get("deletion-type") == "Delete Marker Created"
    suffix = "DeleteMarkerCreated" if marker else "Delete" if kind is EventKind.REMOVED else "EventBridge"
    return _event(
        kind,
        f"Object{kind.value.capitalize()}:{suffix}",
        bucket=_part(detail, "bucket").get("name"),
        key=thing.get("key"),
        thing={"version_id": thing.get("version-id"), **thing},
        time=content.get("time"),
        attempt=attempt,
    )


def _event(
    kind: EventKind,
    name: str,
    *,
    bucket: Any,  # noqa: ANN401
    key: Any,  # noqa: ANN401
    thing: Mapping[str, Any],
    time: Any,  # noqa: ANN401
    attempt: int,
) -> ObjectEvent:
    if not isinstance(bucket, str) or not _BUCKET.fullmatch(bucket):
        raise _Unreadable("The S3 event names no bucket that can be one.")
    if not isinstance(key, str) or not key or not _is_utf8(key):
        raise _Unreadable("The S3 event names no key that can be one.")
    if len(key.encode()) > _LONGEST_KEY:
        raise _Unreadable(f"The S3 event names a key of more than {_LONGEST_KEY} bytes.")
    version_id = _text(thing.get("version_id"))
    size = thing.get("size")
    return ObjectEvent(
        kind=kind,
        bucket=bucket,
        key=key,
        event_name=name,
        version_id=None if version_id == "null" else version_id,
        etag=_text(thing.get("etag")),
        sequencer=_text(thing.get("sequencer")),
        size_bytes=size if type(size) is int and 0 <= size <= _LARGEST_SIZE else None,  # a bool is an int
        event_time=_time(time),
        attempt=attempt,
    )


def _part(content: Any, name: str) -> dict[str, Any]:  # noqa: ANN401
    part = content.get(name) if isinstance(content, dict) else None
    if not isinstance(part, dict):
        raise _Unreadable(f"The S3 event has no {name!r}.")
    return part


def _decoded(key: Any) -> str | None:  # noqa: ANN401
    if not isinstance(key, str):
        return None
    try:
        return unquote_plus(key, errors="strict")
    except UnicodeDecodeError as error:
        raise _Unreadable(f"The key {key[:200]!r} does not decode to UTF-8.") from error


def _text(value: Any) -> str | None:  # noqa: ANN401
    return value.strip('"')[:_LONGEST_KEY] or None if isinstance(value, str) and _is_utf8(value) else None


def _name(value: Any) -> str:  # noqa: ANN401
    return value[:_LONGEST_NAME] if isinstance(value, str) and _is_utf8(value) else ""


def _is_utf8(text: str) -> bool:
    """JSON can spell half a surrogate pair; nothing that stores or sends text can."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _time(value: Any) -> datetime | None:  # noqa: ANN401
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (TypeError, ValueError, OverflowError):
        return None


def _unreadable(body: str, problem: str, attempt: int) -> ObjectEvent:
    text = body.encode("utf-8", "backslashreplace").decode()
    digest = hashlib.sha256(text.encode()).hexdigest()
    return ObjectEvent(
        kind=EventKind.UNREADABLE,
        bucket=MESSAGE_BUCKET,
        key=digest,
        event_name="unreadable",
        attempt=attempt,
        body=text,
        problem=problem,
    )
