"""The parts of a delivery as the store and the ledger have them, before any of them is fetched."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from billstream.common.errors import Poison
from billstream.common.lake import ProcessedKey
from billstream.common.lake.guard import scope_id
from billstream.consumer.commit.ledger import State
from billstream.consumer.decide.decision import same_version
from billstream.consumer.delivery.history import Line, versions_of
from billstream.consumer.events import FILE_BUCKET, EventKind, Gone, ObjectEvent, ObjectVersion
from billstream.consumer.s3.fetch import Released
from billstream.consumer.s3.head import HeadRequests, Refused, Reply

if TYPE_CHECKING:
    from datetime import datetime

    from billstream.common.lake import Lake
    from billstream.consumer.layouts.manifest import Manifest, NamedPart
    from billstream.consumer.s3.objects import ObjectStore


class NotYet(Exception):  # noqa: N818 - it names an outcome, not a thing
    """The delivery cannot be had as a whole now; its manifest has to come again.

    `part` is the part that is not there, where that is the reason.
    """

    def __init__(self, why: Released, part: ObjectEvent | None = None) -> None:
        super().__init__(why.reason)
        self.why = why
        self.part = part


@dataclass(frozen=True)
class Part:
    """One part: its current version, what is held of its scope, and the version whose rows are in force."""

    event: ObjectEvent  # that this version was created
    version: ObjectVersion
    held: ProcessedKey | None
    loaded: ObjectVersion | None
    overwritten: bool

    @property
    def load_id(self) -> str | None:
        """The load whose rows are in force."""
        return self.held.load_id if self.held else None

    @property
    def in_force(self) -> bool:
        """Whether the rows in force are those of the current version, as far as can be told without fetching it."""
        return self.load_id is not None and self.loaded is not None and same_version(self.version, self.loaded)

    @property
    def named_version(self) -> tuple[str, str]:
        """The part and its version, for the digest of the delivery. A local file's version is its size and its time."""
        version = self.version
        told = version.version_id or version.etag or f"{version.size_bytes} bytes of {version.last_modified}"
        return self.event.key, told


def look_at(manifest: "Manifest", event: ObjectEvent, lake: "Lake", objects: "ObjectStore") -> list[Part]:
    """Ask store and ledger about every part of a manifest.

    Args:
        manifest: what names the parts.
        event: the event that brought the manifest; the parts are of its bucket, and as patient as it.
        lake: has the ledger.
        objects: has the parts.

    Raises:
        NotYet: a part is not there, or not there as a whole; or the store does not answer.
        Poison: the store will never hand a part out.
        Fatal: we are not allowed to ask.
    """
    events = _events(manifest, event)
    replies = HeadRequests(objects).ask(events)
    versions = [_checked(*one) for one in zip(manifest.parts, events, replies, strict=True)]
    held = lake.processed_keys([scope_id(one.scope) for one in events])
    loaded = versions_of(lake, [key.load_id for key in held.values() if key.load_id])
    parts = []
    for named, one, version in zip(manifest.parts, events, versions, strict=True):
        key = held.get(scope_id(one.scope))
        exact = replace(one, version_id=version.version_id, etag=version.etag, size_bytes=version.size_bytes)
        before = loaded.get(key.load_id) if key and key.load_id else None
        parts.append(Part(exact, version, key, before, named.overwritten))
    return parts


def awaiting(manifest: "Manifest", event: ObjectEvent, lake: "Lake") -> list[tuple[Line, ProcessedKey]]:
    """The parts of a manifest that wait for one and have no rows in force: if it comes too late, they wait in vain."""
    lines = {scope_id(one.scope): Line(one.scope, one.bucket, one.key) for one in _events(manifest, event)}
    held = lake.processed_keys(list(lines))
    return [(lines[key], one) for key, one in held.items() if one.state == State.AWAITING_MANIFEST and not one.load_id]


def check_age(parts: Sequence[Part], written: "datetime | None") -> None:
    """See that no part is younger than the manifest, which is written last.

    Only parts that deliveries overwrite can be of another delivery than their manifest. A local file's time is that of
    its copy, and tells nothing.

    Raises:
        NotYet: one is; its delivery's own manifest is still to come.
    """
    for part in parts:
        modified = part.version.last_modified
        if part.overwritten and part.event.bucket != FILE_BUCKET and written and modified and modified > written:
            raise NotYet(
                Released(
                    f"{part.event.key} is newer ({modified:%Y-%m-%d %H:%M:%S} UTC) than the manifest "
                    f"({written:%Y-%m-%d %H:%M:%S} UTC): a newer delivery is being written."
                )
            )


def _events(manifest: "Manifest", event: ObjectEvent) -> list[ObjectEvent]:
    return [
        ObjectEvent(
            kind=EventKind.CREATED,
            bucket=event.bucket,
            key=named.key,
            event_name=event.event_name,
            attempt=event.attempt,
        )
        for named in manifest.parts
    ]


def _checked(named: "NamedPart", event: ObjectEvent, reply: Reply) -> ObjectVersion:
    if isinstance(reply, Refused):
        raise Poison(f"The part {event.key}: {reply.reason}")
    if isinstance(reply, Released):
        raise NotYet(reply)
    if isinstance(reply, Gone):
        raise NotYet(Released(f"The part {event.key} is not there."), event)
    if named.size_bytes is not None and named.size_bytes != reply.size_bytes:
        raise NotYet(
            Released(f"The part {event.key} has {reply.size_bytes:,} bytes; its manifest says {named.size_bytes:,}.")
        )
    return reply
