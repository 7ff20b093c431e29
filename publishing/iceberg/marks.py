"""The watermark of each Iceberg table, in the summary of its snapshots, and what five of them mean together.

A commit of Iceberg is about one table, so tables move one after the other. A process that dies in between leaves some
of them ahead. The copy is then what the table that is behind has, and the others go on from their own snapshot of that
watermark: Iceberg keeps it, so nothing has to be known of what the dead process did.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Operation, Snapshot

from billstream.publishing.watermark import Watermark

LAKE_ID = "billstream.lake-id"
SNAPSHOT_ID = "billstream.snapshot-id"
READ_AT = "billstream.read-at"
READ_TIME = "billstream.read-time"
REFRESHED_AT = "billstream.refreshed-at"
LAYOUT = "billstream.layout"


@dataclass(frozen=True)
class State:
    """What a copy has: its watermark, and the snapshot of each table that holds it. None without a complete copy."""

    watermark: Watermark | None
    bases: tuple[Snapshot | None, ...]


def properties_of(mark: Watermark) -> dict[str, str]:
    """Return a watermark as properties of a table, or of a snapshot."""
    return {
        LAKE_ID: mark.lake_id,
        SNAPSHOT_ID: str(mark.snapshot_id),
        READ_AT: str(mark.read_at),
        READ_TIME: mark.read_time.isoformat(),
        REFRESHED_AT: mark.refreshed_at.isoformat(),
        LAYOUT: mark.layout,
    }


def read_state(tables: Sequence[TableMetadata]) -> State:
    """Return the state of a copy that has these tables, at least one.

    A table that somebody else has written to has no watermark, and so the whole copy has none: it is made anew. What
    only rewrites files (compaction) changes no row, and is passed over.
    """
    newest = [_newest(table) for table in tables]
    known = [mark for mark in newest if mark is not None]
    if len(known) == len(tables):
        behind = min(known, key=lambda mark: (mark.snapshot_id, mark.read_at, mark.refreshed_at))
        bases = [_holding(table, behind) for table in tables]
        if None not in bases:
            return State(behind, tuple(bases))
    return State(None, tuple(table.current_snapshot() for table in tables))


def _newest(table: TableMetadata) -> Watermark | None:
    return next((mark for mark, _ in _marked(table)), None)


def _holding(table: TableMetadata, mark: Watermark) -> Snapshot | None:
    """Return the newest snapshot with the rows of a watermark."""
    return next((snapshot for found, snapshot in _marked(table) if found == mark), None)


def _marked(table: TableMetadata) -> list[tuple[Watermark, Snapshot]]:
    """Return the watermarks of the current snapshot and its ancestors, the newest first, each with its rows' snapshot.

    They end at the first snapshot that changed rows and has none.
    """
    found: list[tuple[Watermark, Snapshot]] = []
    snapshot, rewritten = table.current_snapshot(), None
    while snapshot is not None:
        mark = mark_of(snapshot.summary.additional_properties if snapshot.summary else {})
        if mark is not None:
            found.append((mark, rewritten or snapshot))
            rewritten = None
        elif snapshot.summary is not None and snapshot.summary.operation is Operation.REPLACE:
            rewritten = rewritten or snapshot
        else:
            break
        snapshot = table.snapshot_by_id(snapshot.parent_snapshot_id) if snapshot.parent_snapshot_id else None
    return found


def mark_of(properties: Mapping[str, str]) -> Watermark | None:
    """Return the watermark in a summary, or in the properties of a table.

    None where there is none, or where somebody has changed its text.
    """
    try:
        return Watermark(
            lake_id=properties[LAKE_ID],
            snapshot_id=int(properties[SNAPSHOT_ID]),
            read_at=int(properties[READ_AT]),
            read_time=datetime.fromisoformat(properties[READ_TIME]),
            refreshed_at=datetime.fromisoformat(properties[REFRESHED_AT]),
            layout=properties[LAYOUT],
        )
    except (KeyError, ValueError):
        return None
