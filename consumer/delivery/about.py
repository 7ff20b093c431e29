"""The events that ledger entries of a delivery are about: its scope as a whole, and each of its parts."""

from dataclasses import replace
from datetime import datetime

from billstream.consumer.delivery.parts import Part
from billstream.consumer.events import EXPORT_BUCKET, EventKind, ObjectEvent, ObjectVersion
from billstream.consumer.layouts.place import Place


def about_scope(
    event: ObjectEvent, place: Place, *, sequencer: str | None, event_time: datetime | None = None
) -> ObjectEvent:
    """Return an event as one about the scope of the deliveries: an export and a period."""
    return ObjectEvent(
        kind=EventKind.CREATED,
        bucket=EXPORT_BUCKET,
        key=place.scope_key(event.bucket),
        event_name=event.event_name,
        sequencer=sequencer,
        event_time=event_time,
    )


def about_part(part: Part, version: ObjectVersion) -> ObjectEvent:
    """Return the event that this version of a part was created."""
    held = part.held
    # A sequencer that an event of the part has told stays the one of that very version.
    same = held is not None and held.etag is not None and held.etag == version.etag
    return replace(
        part.event,
        version_id=version.version_id,
        etag=version.etag,
        size_bytes=version.size_bytes,
        sequencer=held.sequencer if held and same else part.event.sequencer,
        event_time=version.last_modified,
    )
