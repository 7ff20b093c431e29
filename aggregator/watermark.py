"""The watermark: a row of the lake that names the snapshot the aggregates are at, and the claim that moves it."""

from dataclasses import dataclass
from datetime import datetime

import duckdb

from billstream.common.ids import new_id
from billstream.common.lake import Claim, Lake, ProcessedKey
from billstream.common.lake.catalog import METADATA
from billstream.common.lake.datafiles import ROWS_LEFT
from billstream.common.lake.guard import scope_id
from billstream.common.statements import statement
from billstream.common.tag_keys import NO_TAG_KEYS, TagKeys

SCOPE_ID = scope_id("billstream:aggregates")


@dataclass(frozen=True, kw_only=True)
class Watermark:
    """The snapshot and the tag keys of the aggregates, and the result of the newest refresh."""

    snapshot_id: int
    previous_snapshot_id: int | None
    kind: str
    reason: str | None
    rows_inserted: int
    rows_deleted: int
    groups_touched: int
    refreshed_at: datetime
    tag_keys: TagKeys = NO_TAG_KEYS

    def store(self, con: duckdb.DuckDBPyConnection) -> None:
        """Replace the stored watermark, inside the open transaction."""
        values = [
            self.snapshot_id,
            self.previous_snapshot_id,
            self.kind,
            self.reason,
            self.rows_inserted,
            self.rows_deleted,
            self.groups_touched,
            self.refreshed_at,
            str(self.tag_keys) or None,
        ]
        # A delete and an insert, as DuckLake has no unique keys that an upsert could use.
        con.execute(statement(__name__, "move_watermark"), values)


def read_watermark(lake: Lake, version: int) -> Watermark | None:
    """Return the watermark of snapshot `version`; None before the first refresh."""
    rows = lake.query(statement(__name__, "watermark"), [version]).to_pylist()
    return Watermark(**{**rows[0], "tag_keys": TagKeys.parse(rows[0]["tag_keys"] or "")}) if rows else None


@dataclass(frozen=True)
class History:
    """The snapshots of an interval: how many have been expired, and how many schema versions the others have.

    `rows_left`: a commit after the first of them could not delete all rows that it replaced; see `ROWS_LEFT`.
    """

    missing: int
    schema_versions: int
    rows_left: bool


def read_history(lake: Lake, first: int, last: int) -> History:
    """Return the history from snapshot `first` to `last`, both inclusive."""
    history = statement(__name__, "history", catalog=METADATA)
    ((missing, schema_versions, rows_left),) = lake.rows(history, [first, last, ROWS_LEFT])
    return History(missing, schema_versions, rows_left)


@dataclass(frozen=True)
class Position:
    """The state of the lake that a refresh starts from: the claim to replace, the newest snapshot, its watermark."""

    prev: str | None
    newest: int
    watermark: Watermark | None

    @classmethod
    def read(cls, lake: Lake) -> "Position":
        """Read the position."""
        # The claim first: a snapshot read after it contains whatever the owner of the claim committed.
        claimed = lake.processed_keys([SCOPE_ID]).get(SCOPE_ID)
        newest = lake.snapshot_id()
        return cls(claimed.entry_id if claimed else None, newest, read_watermark(lake, newest))

    @property
    def folded_snapshot(self) -> int | None:
        """The snapshot that the aggregates are at; None before the first refresh."""
        return self.watermark.snapshot_id if self.watermark else None

    @property
    def tag_keys(self) -> TagKeys:
        """The tag keys that the aggregates tell."""
        return self.watermark.tag_keys if self.watermark else NO_TAG_KEYS

    def claim(self) -> Claim:
        """Return the claim of the next commit. The lake refuses it when another refresh has committed since."""
        return Claim(ProcessedKey(scope_id=SCOPE_ID, entry_id=new_id(), state="refreshed"), self.prev)
