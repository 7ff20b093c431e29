"""Look-ups of the ledger about deliveries and the loads of their parts."""

from collections.abc import Sequence
from dataclasses import dataclass

from billstream.common.lake import Lake
from billstream.common.statements import statement
from billstream.consumer.events import EventKind, ObjectEvent, ObjectVersion
from billstream.consumer.layouts.layout import ManifestOf, RunOf


@dataclass(frozen=True)
class ObjectName:
    """An object that an entry of the ledger is about."""

    scope: str
    bucket: str
    key: str

    def event(self, event_name: str, *, attempt: int = 1, force: bool = False) -> ObjectEvent:
        """Return an event about the object, of no version: whatever the store has by then."""
        return ObjectEvent(
            kind=EventKind.CREATED,
            bucket=self.bucket,
            key=self.key,
            event_name=event_name,
            attempt=attempt,
            force=force,
        )


def versions_of(lake: Lake, load_ids: Sequence[str]) -> dict[str, ObjectVersion]:
    """Return the object versions that loads were made of, by load."""
    if not load_ids:
        return {}
    rows = lake.rows(statement(__name__, "versions"), [list(load_ids)])
    return {load_id: ObjectVersion(version_id, etag, size or 0) for load_id, version_id, etag, size in rows}


def parts_of(lake: Lake, delivery_id: str) -> list[ObjectName]:
    """Return the parts that a delivery had."""
    return [ObjectName(*row) for row in lake.rows(statement(__name__, "parts"), [delivery_id])]


def loads_without_delivery(lake: Lake, bucket: str, role: ManifestOf | RunOf) -> list[ObjectName]:
    """Return the objects with active rows that are parts of an export and period by their keys, and were loaded alone.

    They exist where a layout was not in use from the beginning.
    """
    rows = lake.rows(statement(__name__, "strays"), [bucket, role.place.prefix])
    layout, place = role.layout, role.place
    return [ObjectName(*row) for row in rows if layout.part(row[2], place) or layout.run(row[2], place)]


def manifest_of(lake: Lake, delivery_id: str) -> ObjectName | None:
    """Return the manifest that made a delivery."""
    rows = lake.rows(statement(__name__, "manifest"), [delivery_id])
    return ObjectName(*rows[0]) if rows else None


def manifests_waiting(lake: Lake, entry_ids: Sequence[str]) -> list[tuple[ObjectName, str]]:
    """Return the manifests that entries about missing parts belong to, each with its own entry at that time."""
    if not entry_ids:
        return []
    rows = lake.rows(statement(__name__, "waiting"), [list(entry_ids)])
    return [(ObjectName(scope, bucket, key), entry_id) for scope, bucket, key, entry_id in rows]
