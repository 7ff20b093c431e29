"""The ledger: one line for each decision about an object version, and never a change of a line."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

import duckdb
import pyarrow as pa

from billstream.common.lake import Claim, ProcessedKey
from billstream.common.lake.guard import scope_id


class State(StrEnum):
    """What became of an object version."""

    LOADED = "loaded"
    UNCHANGED = "unchanged"
    STALE = "stale"
    REMOVED = "removed"
    KEPT = "kept"
    SKIPPED = "skipped"
    QUARANTINED = "quarantined"
    MISSING = "missing"
    AWAITING_MANIFEST = "awaiting_manifest"
    DELIVERED = "delivered"
    REPLACED = "replaced"


@dataclass(frozen=True, kw_only=True)
class LedgerEntry:
    """One line of the ledger; its fields are the columns of the lake table `ledger`, where they are explained."""

    entry_id: str
    scope: str
    state: State
    bucket: str
    key: str
    processed_at: datetime
    consumer_id: str
    reason: str | None = None
    load_id: str | None = None
    previous_load_id: str | None = None
    version_id: str | None = None
    etag: str | None = None
    sequencer: str | None = None
    content_sha256: str | None = None
    duplicate_of: str | None = None
    size_bytes: int | None = None
    profile: str | None = None
    rows_loaded: int = 0
    rows_rejected: int = 0
    values_rounded: int = 0
    billed_totals: dict[str, Decimal] | None = None
    first_charge_day: date | None = None
    last_charge_day: date | None = None
    event_name: str | None = None
    event_time: datetime | None = None
    delivery_id: str | None = None

    @property
    def scope_id(self) -> str:
        """The scope's key in the catalog."""
        return scope_id(self.scope)

    def claim(self, held: ProcessedKey | None) -> Claim:
        """The claim that makes this line the newest of its scope, if `held` still is."""
        # An unchanged object need not have been fetched: then its content is the one that was held.
        in_force = self if self.content_sha256 and self.state in _TELL_CONTENT else held
        # A stale event leaves what is held as it is. A stale manifest is another thing: it is what the store has.
        overtaken = self.state is State.STALE and self.delivery_id is None
        identity = held if overtaken and held else self
        return Claim(
            ProcessedKey(
                scope_id=self.scope_id,
                entry_id=self.entry_id,
                state=identity.state.value if isinstance(identity, LedgerEntry) else identity.state,
                load_id=self.load_id,
                version_id=identity.version_id,
                etag=identity.etag,
                sequencer=identity.sequencer,
                content_sha256=in_force.content_sha256 if in_force and self.load_id else None,
            ),
            prev=held.entry_id if held else None,
        )


_TELL_CONTENT = frozenset({State.LOADED, State.UNCHANGED, State.DELIVERED})
_TIME = pa.timestamp("us", tz="UTC")
_TYPES: dict[str, pa.DataType] = {
    "size_bytes": pa.int64(),
    "rows_loaded": pa.int64(),
    "rows_rejected": pa.int64(),
    "values_rounded": pa.int64(),
    "billed_totals": pa.map_(pa.string(), pa.decimal128(38, 18)),
    "first_charge_day": pa.date32(),
    "last_charge_day": pa.date32(),
    "event_time": _TIME,
    "processed_at": _TIME,
}
_COLUMNS = tuple(field.name for field in fields(LedgerEntry))
_SCHEMA = pa.schema({name: _TYPES.get(name, pa.string()) for name in _COLUMNS}).append(
    pa.field("scope_id", pa.string())
)


def insert_entries(con: duckdb.DuckDBPyConnection, entries: Sequence[LedgerEntry]) -> None:
    """Write the lines, inside the open transaction."""
    rows = [
        {
            **{name: getattr(entry, name) for name in _COLUMNS},
            "scope_id": entry.scope_id,
            "billed_totals": None if entry.billed_totals is None else list(entry.billed_totals.items()),
        }
        for entry in entries
    ]
    table = pa.Table.from_pylist(rows, schema=_SCHEMA)
    con.register("new_entries", table)
    try:
        con.execute("INSERT INTO ledger BY NAME SELECT * FROM new_entries")
    finally:
        con.unregister("new_entries")
