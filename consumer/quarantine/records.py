"""Records that were rejected."""

from dataclasses import dataclass

from billstream.common.lake import Lake
from billstream.common.statements import statement
from billstream.consumer.quarantine.listing import Quarantined


@dataclass(frozen=True)
class Record:
    """One rejected record of a file, or the body of an unreadable message (`raw_record`)."""

    line: int | None
    column: str | None
    raw_value: str | None
    raw_record: str | None
    reason: str


def rejected_records(lake: Lake, item: Quarantined, limit: int) -> list[Record]:
    """Return the first rejected records of an object, by line; none for a file that could not be read."""
    rows = lake.rows(statement(__name__, "rejected"), [item.entry_id, limit])
    return [Record(*row) for row in rows]
