"""What the ledger tells of deliveries and of the loads of their parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from billstream.common.statements import statement
from billstream.consumer.events import ObjectVersion

if TYPE_CHECKING:
    from billstream.common.lake import Lake
    from billstream.consumer.layouts.layout import ManifestOf


@dataclass(frozen=True)
class Line:
    """An object that a line of the ledger speaks of."""

    scope: str
    bucket: str
    key: str


def versions_of(lake: "Lake", load_ids: Sequence[str]) -> dict[str, ObjectVersion]:
    """The object versions that loads were made of, by load."""
    if not load_ids:
        return {}
    rows = lake.rows(statement(__name__, "versions"), [list(load_ids)])
    return {load_id: ObjectVersion(version_id, etag, size or 0) for load_id, version_id, etag, size in rows}


def parts_of(lake: "Lake", delivery_id: str) -> list[Line]:
    """The parts that a delivery had."""
    return [Line(*row) for row in lake.rows(statement(__name__, "parts"), [delivery_id])]


def loads_without_delivery(lake: "Lake", bucket: str, role: "ManifestOf") -> list[Line]:
    """Objects in force that are parts of an export and period by their keys, and were loaded one by one.

    Such are there when a layout was not active from the beginning.
    """
    rows = lake.rows(statement(__name__, "strays"), [bucket, role.place.prefix])
    return [Line(*row) for row in rows if role.layout.part(row[2], role.place)]


def manifest_of(lake: "Lake", delivery_id: str) -> Line | None:
    """The manifest that made a delivery."""
    rows = lake.rows(statement(__name__, "manifest"), [delivery_id])
    return Line(*rows[0]) if rows else None


def manifests_waiting(lake: "Lake", entry_ids: Sequence[str]) -> list[tuple[Line, str]]:
    """The manifests that lines about missing parts belong to, each with its own line at that time."""
    if not entry_ids:
        return []
    rows = lake.rows(statement(__name__, "waiting"), [list(entry_ids)])
    return [(Line(scope, bucket, key), entry_id) for scope, bucket, key, entry_id in rows]
