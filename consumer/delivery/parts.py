"""The parts of a delivery as the store and the ledger have them, before any of them is fetched."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from billstream.common.errors import Denied, Poison
from billstream.common.lake import Lake, ProcessedKey
from billstream.common.lake.guard import scope_id
from billstream.consumer.decide.decision import same_version
from billstream.consumer.decide.states import State
from billstream.consumer.delivery.history import ObjectName, versions_of
from billstream.consumer.events import FILE_BUCKET, EventKind, Gone, Later, ObjectEvent, ObjectVersion
from billstream.consumer.layouts.manifest import Manifest, NamedPart
from billstream.consumer.s3.fetch import Current, ask_current
from billstream.consumer.s3.objects import ObjectStore


@dataclass(frozen=True)
class Part:
    """One part: its current version, the newest entry of its scope, and the version whose rows are active.

    `rows` are the records that the manifest tells of it, None where it does not.
    """

    event: ObjectEvent  # that this version was created
    version: ObjectVersion
    held: ProcessedKey | None
    loaded: ObjectVersion | None
    overwritten: bool
    rows: int | None

    @property
    def load_id(self) -> str | None:
        """The load whose rows are active."""
        return self.held.load_id if self.held else None

    @property
    def active(self) -> bool:
        """Return whether the active rows are of the current version, as far as can be told without fetching it."""
        return self.load_id is not None and self.loaded is not None and same_version(self.version, self.loaded)

    @property
    def named_version(self) -> tuple[str, str]:
        """The part and its version, for the digest of the delivery. A local file's version is its size and its time."""
        version = self.version
        told = version.version_id or version.etag or f"{version.size_bytes} bytes of {version.last_modified}"
        return self.event.key, told


def read_parts(manifest: Manifest, event: ObjectEvent, lake: Lake, objects: ObjectStore) -> list[Part]:
    """Ask store and ledger about every part of a manifest.

    Args:
        manifest: what names the parts.
        event: the event of the manifest; the parts are in its bucket, and wait as long as it does.
        lake: has the ledger.
        objects: has the parts.

    Raises:
        Later: a part is not there, or not there as a whole; or the store does not answer.
        Poison: the store will never hand a part out.
        Fatal: we are not allowed to ask.
    """
    events = _events(manifest, event)
    replies = ask_current(objects, events)
    versions = [_checked(*one) for one in zip(manifest.parts, events, replies, strict=True)]
    held = lake.processed_keys([scope_id(one.scope) for one in events])
    loaded = versions_of(lake, [key.load_id for key in held.values() if key.load_id])
    parts = []
    for named, one, version in zip(manifest.parts, events, versions, strict=True):
        key = held.get(scope_id(one.scope))
        exact = replace(one, version_id=version.version_id, etag=version.etag, size_bytes=version.size_bytes)
        before = loaded.get(key.load_id) if key and key.load_id else None
        parts.append(Part(exact, version, key, before, named.overwritten, named.rows))
    return parts


def awaiting(manifest: Manifest, event: ObjectEvent, lake: Lake) -> list[tuple[ObjectName, ProcessedKey]]:
    """Return the parts of a manifest that wait for one and have no active rows; they wait in vain if it is late."""
    lines = {scope_id(one.scope): ObjectName(one.scope, one.bucket, one.key) for one in _events(manifest, event)}
    held = lake.processed_keys(list(lines))
    return [(lines[key], one) for key, one in held.items() if one.state == State.AWAITING_MANIFEST and not one.load_id]


def check_age(parts: Sequence[Part], written: datetime | None) -> None:
    """Check that no part is younger than the manifest, which is written last.

    Only parts that deliveries overwrite can be of another delivery than their manifest. A local file's time is that of
    its copy, and tells nothing.

    Raises:
        Later: one is; its delivery's own manifest is still to come.
    """
    for part in parts:
        modified = part.version.last_modified
        if part.overwritten and part.event.bucket != FILE_BUCKET and written and modified and modified > written:
            raise Later(
                f"{part.event.key} is newer ({modified:%Y-%m-%d %H:%M:%S} UTC) than the manifest "
                f"({written:%Y-%m-%d %H:%M:%S} UTC): a newer delivery is being written."
            )


def _events(manifest: Manifest, event: ObjectEvent) -> list[ObjectEvent]:
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


def _checked(named: NamedPart, event: ObjectEvent, reply: Current) -> ObjectVersion:
    if isinstance(reply, Poison):
        raise (Denied if isinstance(reply, Denied) else Poison)(f"The part {event.key}: {reply}")
    if isinstance(reply, Later):
        raise reply
    if isinstance(reply, Gone):
        raise Later(f"The part {event.key} is not there.", missing=event)
    if named.size_bytes is not None and named.size_bytes != reply.size_bytes:
        raise Later(f"The part {event.key} has {reply.size_bytes:,} bytes; its manifest says {named.size_bytes:,}.")
    return reply
