"""How far the aggregates are: a row of the lake, and the claim that lets one refresh at a time move it."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from billstream.aggregator.statements import statement
from billstream.common.ids import new_id
from billstream.common.lake import Claim, Lake, ProcessedKey
from billstream.common.lake.guard import scope_id

if TYPE_CHECKING:
    import duckdb

SCOPE_ID = scope_id("billstream:aggregates")


@dataclass(frozen=True, kw_only=True)
class Watermark:
    """What the newest refresh did, and the snapshot whose charges the aggregates hold."""

    snapshot_id: int
    previous_snapshot_id: int | None
    kind: str
    reason: str | None
    rows_inserted: int
    rows_deleted: int
    groups_touched: int
    refreshed_at: datetime

    def store(self, con: "duckdb.DuckDBPyConnection") -> None:
        """Put it in the place of the one before, inside the open transaction."""
        values = [
            self.snapshot_id,
            self.previous_snapshot_id,
            self.kind,
            self.reason,
            self.rows_inserted,
            self.rows_deleted,
            self.groups_touched,
            self.refreshed_at,
        ]
        con.execute(statement("move_watermark"), values)


def read_watermark(lake: Lake, version: int) -> Watermark | None:
    """The watermark as snapshot `version` has it; None before the first refresh."""
    rows = lake.query(statement("watermark"), [version]).to_pylist()
    return Watermark(**rows[0]) if rows else None


@dataclass(frozen=True)
class Sight:
    """What a refresh sees before it decides: the claim to follow on, the newest snapshot, the watermark in it."""

    prev: str | None
    newest: int
    watermark: Watermark | None

    @classmethod
    def of(cls, lake: Lake) -> "Sight":
        """Look. The claim first: a snapshot pinned after it has whatever the claim's owner committed."""
        held = lake.processed_keys([SCOPE_ID]).get(SCOPE_ID)
        newest = lake.snapshot_id()
        return cls(held.entry_id if held else None, newest, read_watermark(lake, newest))

    @property
    def folded_snapshot(self) -> int | None:
        """The snapshot that the aggregates are at; None before the first refresh."""
        return self.watermark.snapshot_id if self.watermark else None

    def claim(self) -> Claim:
        """The claim of a commit that follows on what was seen; the lake refuses it if another was first."""
        return Claim(ProcessedKey(scope_id=SCOPE_ID, entry_id=new_id(), state="refreshed"), self.prev)
