"""The records that did not fit."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from billstream.common.statements import statement

if TYPE_CHECKING:
    from billstream.cli.quarantine.listing import Quarantined
    from billstream.common.lake import Lake


@dataclass(frozen=True)
class Record:
    """One record of a file that did not fit, or the body of a message that nobody can read (`raw_record`)."""

    line: int | None
    column: str | None
    raw_value: str | None
    raw_record: str | None
    reason: str


def rejected_records(lake: "Lake", item: "Quarantined", limit: int) -> list[Record]:
    """The first of an object's rejected records, in the order of the file's lines. A file that is no CSV has none."""
    rows = lake.rows(statement(__name__, "rejected"), [item.entry_id, limit])
    return [Record(*row) for row in rows]
