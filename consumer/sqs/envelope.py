"""Read the events in the body of a message.

S3 notifications reach a queue in three forms, and all three are read: directly from S3, through SNS (the notification
is a string in `Message`), and through EventBridge. In the first two, keys are URL-encoded, with `+` for a space; in
EventBridge's they are plain. A record may carry a mark of ours, see `REPLAY_MARK` and `consumer/sqs/notifications.py`.

Everything in a body is a claim by a stranger. Each value is checked for its type and its length before it is used.

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

_NOT_S3 = "not an S3 event"
_LONGEST_KEY = 1024  # bytes, S3's own limit
_LONGEST_NAME = 100
_LARGEST_SIZE = 2**63 - 1
# As loose as the oldest buckets; `file:` and `message:` are ours, and `..` would be part of a path.
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_DEEPEST = 3
_NAMES = {
    "ObjectCreated": EventKind.CREATED,
    "ObjectRemoved": EventKind.REMOVED,
    "LifecycleExpiration": EventKind.EXPIRED,
}
_CALLED = {kind: name for name, kind in _NAMES.items()}
_EVENTBRIDGE = {"Object Created": EventKind.CREATED, "Object Deleted": EventKind.REMOVED}


@dataclass(frozen=True)
class Reading:
    """The content of a message: events to process, and the reasons why the rest is ignored."""

    events: tuple[ObjectEvent, ...] = ()
    ignored: tuple[str, ...] = field(default=())


class _Unreadable(Exception):  # noqa: N818 - never leaves this module
    """The body claims to be an S3 event, but lacks a part that every S3 event has."""


def read_body(body: str, attempt: int = 1) -> Reading:
    """Read the body of a message; never raise.

    Args:
        body: the message as SQS delivered it.
        attempt: how often it has been received.

    Returns:
        The events, or the reasons why there are none. A body that should be an event and cannot be read
        becomes one event of kind `unreadable`.
    """
    try:
        parts = list(_parts(_json(body), body, attempt, depth=0))
    except _Unreadable as problem:
        parts = [_unreadable(body, str(problem), attempt)]
    return Reading(
        tuple(part for part in parts if isinstance(part, ObjectEvent)),
        tuple(part for part in parts if isinstance(part, str)),
    )


def _json(text: str) -> Any:  # noqa: ANN401 - it is whatever a stranger sent
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _Unreadable(f"The message is not JSON: {error}") from error


def _parts(content: Any, body: str, attempt: int, depth: int) -> Iterator[ObjectEvent | str]:  # noqa: ANN401
    """Yield an event, or a reason to ignore it, for each part of a message."""
    # SNS may wrap a message again and again: the depth is bounded, so that a body cannot exhaust the stack.
    if not isinstance(content, dict) or depth == _DEEPEST:
        yield _NOT_S3
    elif content.get("Event") == "s3:TestEvent":
        yield "s3:TestEvent"
    elif content.get("Type") == "Notification" and isinstance(content.get("Message"), str):
        yield from _parts(_json(content["Message"]), body, attempt, depth + 1)
    elif content.get("source") == "aws.s3" and "detail-type" in content:
        yield _from_eventbridge(content, attempt)
    elif isinstance(content.get("Records"), list):
        for record in content["Records"]:
            # Each on its own: one record that cannot be read must not stop the others of its message.
            try:
                yield _from_record(record, attempt)
            except _Unreadable as problem:
                yield _unreadable(body, str(problem), attempt)
    else:
        yield _NOT_S3


def _from_record(record: Any, attempt: int) -> ObjectEvent | str:  # noqa: ANN401
    if not isinstance(record, dict) or record.get("eventSource") != "aws:s3":
        return _NOT_S3
    name = _name(record.get("eventName")).removeprefix("s3:")
    kind = _NAMES.get(name.split(":", 1)[0])
    if kind is None:
        return name or "an event without a name"
    content = _section(record, "s3")
    details = _section(content, "object")
    event = _event(
        kind,
        name,
        bucket=_section(content, "bucket").get("name"),
        key=_decoded(details.get("key")),
        details={"version_id": details.get("versionId"), "etag": details.get("eTag"), **details},
        time=record.get("eventTime"),
        attempt=attempt,
    )
    # Only the exact value forces: a stranger's member of the same name changes nothing. It makes the consumer load what
    # is current once more; a removal is never forced by a message.
    mark = record.get(REPLAY_MARK)
    forced = kind is EventKind.CREATED and isinstance(mark, dict) and mark.get("force") is True
    return event.forced() if forced else event


def _from_eventbridge(content: Mapping[str, Any], attempt: int) -> ObjectEvent | str:
    name = _name(content["detail-type"])
    detail = _section(content, "detail")
    kind = _EVENTBRIDGE.get(name)
    if kind is None:
        return f"{name} ({_name(detail.get('reason')) or 'no reason'})"
    if kind is EventKind.REMOVED and "Lifecycle" in _name(detail.get("reason")):
        kind = EventKind.EXPIRED
    details = _section(detail, "object")
    # Named as S3 names them, since the decider tells a delete marker from the removal of a version by the event's name.
    marker = detail.get("deletion-type") == "Delete Marker Created"
    suffix = "DeleteMarkerCreated" if marker else "EventBridge" if kind is EventKind.CREATED else "Delete"
    return _event(
        kind,
        f"{_CALLED[kind]}:{suffix}",
        bucket=_section(detail, "bucket").get("name"),
        key=details.get("key"),
        details={"version_id": details.get("version-id"), **details},
        time=content.get("time"),
        attempt=attempt,
    )


def _event(
    kind: EventKind,
    name: str,
    *,
    bucket: Any,  # noqa: ANN401
    key: Any,  # noqa: ANN401
    details: Mapping[str, Any],
    time: Any,  # noqa: ANN401
    attempt: int,
) -> ObjectEvent:
    # Without bucket or key there is no object to process; every other value may be absent or wrong without harm.
    if not isinstance(bucket, str) or not _BUCKET.fullmatch(bucket):
        raise _Unreadable("The S3 event has no bucket name that is valid.")
    if not isinstance(key, str) or not key or not _is_utf8(key):
        raise _Unreadable("The S3 event has no key that is valid text.")
    if len(key.encode()) > _LONGEST_KEY:
        raise _Unreadable(f"The S3 event has a key of more than {_LONGEST_KEY:,} bytes, which S3 does not allow.")
    version_id = _text(details.get("version_id"))
    size = details.get("size")
    return ObjectEvent(
        kind=kind,
        bucket=bucket,
        key=key,
        event_name=name,
        version_id=None if version_id == "null" else version_id,
        etag=_text(details.get("etag")),
        sequencer=_text(details.get("sequencer")),
        size_bytes=size if type(size) is int and 0 <= size <= _LARGEST_SIZE else None,  # a bool is an int
        event_time=_time(time),
        attempt=attempt,
    )


def _section(content: Any, name: str) -> dict[str, Any]:  # noqa: ANN401
    section = content.get(name) if isinstance(content, dict) else None
    if not isinstance(section, dict):
        raise _Unreadable(f"The S3 event has no {name!r}.")
    return section


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
    """Return whether a text can be stored: JSON can spell half a surrogate pair, UTF-8 cannot."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _time(value: Any) -> datetime | None:  # noqa: ANN401
    try:
        moment = datetime.fromisoformat(value)
        # A time without a zone could be anybody's: no time is better than one that is hours off.
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (TypeError, ValueError, OverflowError):
        return None


def _unreadable(body: str, problem: str, attempt: int) -> ObjectEvent:
    text = body.encode("utf-8", "backslashreplace").decode()
    # The digest is its key: the same body again, under whatever message id, is a duplicate.
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
