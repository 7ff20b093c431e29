"""One unit of commit: the rows, the ledger lines and the claims that become true together."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from billstream.common.lake import Claim, Lake, ProcessedKey
from billstream.common.lake.catalog import literal
from billstream.consumer.commit.ledger import LedgerEntry, State, insert_entries
from billstream.consumer.decode.rejects import RejectedRow

_TEXT = ("entry_id", "scope", "column_name", "raw_value", "raw_record", "reason")
_REJECTED = pa.schema([pa.field(name, pa.string()) for name in _TEXT] + [pa.field("line", pa.int64())])


def retract_rows(con: duckdb.DuckDBPyConnection, load_ids: Sequence[str]) -> None:
    """Delete the rows of these loads, inside the open transaction."""
    if not load_ids:
        return
    # Literals, not parameters: DuckLake then skips the files whose range of load ids has none of these.
    doomed = ", ".join(literal(load_id) for load_id in load_ids)
    con.execute(f"DELETE FROM charges WHERE load_id IN ({doomed})")


@dataclass
class Unit:
    """What one transaction does. `replaced` are the loads whose rows go, `staged_paths` the files that come."""

    entries: list[LedgerEntry] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    staged_paths: list[str] = field(default_factory=list)
    rejected: list[tuple[LedgerEntry, Sequence[RejectedRow]]] = field(default_factory=list)

    def add(self, entry: LedgerEntry, held: ProcessedKey | None, rejected: Sequence[RejectedRow]) -> None:
        """Take up one ledger line with all that follows from it.

        Args:
            entry: the line.
            held: what the catalog held of the scope when it was decided.
            rejected: the records of the object that did not fit.
        """
        self.entries.append(entry)
        self.claims.append(entry.claim(held))
        if entry.previous_load_id and entry.previous_load_id != entry.load_id:
            self.replaced.append(entry.previous_load_id)
        if rejected:
            self.rejected.append((entry, rejected))

    @property
    def poisoned(self) -> list[bool]:
        """For each object that was to be loaded, whether it could not be."""
        tried = {State.LOADED, State.QUARANTINED}
        return [entry.state is State.QUARANTINED for entry in self.entries if entry.state in tried]

    def commit(self, lake: Lake, author: str, message: str | None = None) -> int:
        """Make it true, all or nothing. Returns the snapshot's id.

        Args:
            lake: where it becomes true.
            author: the process, as the snapshot names it.
            message: the snapshot's message; None counts object versions and loads.

        Raises:
            Retryable: see `Lake.commit`; decide the whole unit anew.
        """
        return lake.commit(self._write, claims=self.claims, author=author, message=message or self._message())

    def _message(self) -> str:
        return f"{len(self.entries)} object versions, {len(self.replaced)} loads replaced or removed"

    def _write(self, con: duckdb.DuckDBPyConnection) -> None:
        retract_rows(con, self.replaced)
        for path in self.staged_paths:
            con.execute("CALL ducklake_add_data_files('lake', 'charges', ?, allow_missing => true)", [path])
        insert_entries(con, self.entries)
        self._insert_rejected(con)

    def _insert_rejected(self, con: duckdb.DuckDBPyConnection) -> None:
        rows = [
            {
                "entry_id": entry.entry_id,
                "scope": entry.scope,
                "line": row.line,
                "column_name": row.column,
                "raw_value": row.raw_value,
                "raw_record": row.raw_record,
                "reason": row.reason,
            }
            for entry, rejected in self.rejected
            for row in rejected
        ]
        if not rows:
            return
        table = pa.Table.from_pylist(rows, schema=_REJECTED)
        con.register("new_rejected_rows", table)
        try:
            con.execute("INSERT INTO rejected_rows BY NAME SELECT * FROM new_rejected_rows")
        finally:
            con.unregister("new_rejected_rows")
