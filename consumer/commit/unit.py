"""One unit of commit: the rows, the ledger entries and the claims that become true together.

Every change of `charges` and the other tables of loads, of `ledger` and of `rejected_rows` goes through here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from billstream.common.errors import DataDamaged
from billstream.common.lake import Claim, Lake, ProcessedKey
from billstream.common.lake.catalog import literal
from billstream.common.lake.datafiles import ROWS_LEFT
from billstream.common.lake.tables import TABLES, table_of
from billstream.consumer.commit.ledger import LedgerEntry, insert_entries
from billstream.consumer.commit.unreadable import Unreadable, find_unreadable
from billstream.consumer.decode.rejects import RejectedRow

_TEXT = ("entry_id", "scope", "column_name", "raw_value", "raw_record", "reason")
_REJECTED = pa.schema([pa.field(name, pa.string()) for name in _TEXT] + [pa.field("line", pa.int64())])


@dataclass
class Unit:
    """The content of one transaction.

    Args:
        entries: the ledger entries.
        claims: one for each entry; the catalog refuses the commit if a scope has moved on.
        replaced: the loads whose rows are deleted.
        staged_paths: the Parquet files whose rows are added.
        searched: data files in which the replaced loads are looked for row by row; none: DuckLake finds the files.
        unreadable: data files with replaced rows that cannot be read; found by the commit.
        rejected: the records that did not fit, by the entry of their object.
    """

    entries: list[LedgerEntry] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    staged_paths: list[str] = field(default_factory=list)
    searched: list[str] = field(default_factory=list)
    unreadable: tuple[Unreadable, ...] = ()
    rejected: list[tuple[LedgerEntry, Sequence[RejectedRow]]] = field(default_factory=list)

    def add(self, entry: LedgerEntry, held: ProcessedKey | None, rejected: Sequence[RejectedRow] = ()) -> None:
        """Add one ledger entry with all that follows from it.

        Args:
            entry: the entry.
            held: the newest entry of its scope when it was decided.
            rejected: the records of the object that did not fit.
        """
        self.entries.append(entry)
        self.claims.append(entry.claim(held))
        if entry.previous_load_id and entry.previous_load_id != entry.load_id:
            self.replaced.append(entry.previous_load_id)
        if rejected:
            self.rejected.append((entry, rejected))

    def take_out(self, entries: Sequence[LedgerEntry]) -> None:
        """Leave out entries that load no rows, with all that follows from them."""
        out = {entry.entry_id for entry in entries}
        kept = [number for number, entry in enumerate(self.entries) if entry.entry_id not in out]
        self.entries = [self.entries[number] for number in kept]
        self.claims = [self.claims[number] for number in kept]
        self.rejected = [(entry, rows) for entry, rows in self.rejected if entry.entry_id not in out]

    def commit(self, lake: Lake, author: str, message: str | None = None) -> int:
        """Make it true, all or nothing.

        Args:
            lake: where.
            author: who commits, for the snapshot.
            message: why, for the snapshot; the default counts entries and loads.

        Returns:
            The snapshot's id.

        Raises:
            Retryable: see `Lake.commit`; decide the whole unit again.
        """
        message = message or f"{len(self.entries)} object versions, {len(self.replaced)} loads replaced or removed"
        try:
            return self._commit(lake, author, message)
        except DataDamaged:
            # What is to be replaced cannot be read, nor need it be: the new rows must not wait for a repair.
            self.unreadable = find_unreadable(lake, self.replaced)
            if not self.unreadable:
                raise
        return self._commit(lake, author, message)

    def _commit(self, lake: Lake, author: str, message: str) -> int:
        if not all(found.obsolete for found in self.unreadable):
            message = f"{message}; {ROWS_LEFT}"
        return lake.commit(
            self._write,
            claims=self.claims,
            author=author,
            message=message,
            staged=self.staged_paths,
            lost_files=[found.file.file_id for found in self.unreadable if found.obsolete],
        )

    def _write(self, con: duckdb.DuckDBPyConnection) -> None:
        self._delete(con)
        for path in self.staged_paths:
            add = "CALL ducklake_add_data_files('lake', ?, ?, allow_missing => true)"
            con.execute(add, [table_of(path), path])
        if self.entries:
            insert_entries(con, self.entries)
        if self.rejected:
            self._insert_rejected(con)

    def _delete(self, con: duckdb.DuckDBPyConnection) -> None:
        """Delete the rows of the replaced loads, but for those in files that cannot be read."""
        # Literals, not parameters: DuckLake then skips the files whose range of load ids has none of these.
        lost = [found.file for found in self.unreadable]
        doomed = [literal(load) for load in self.replaced if not any(file.may_hold(load) for file in lost)]
        if not doomed:
            return
        if self.searched:
            # An expression defeats the statistics, those of the catalog and those in the file.
            of_load = f"concat(load_id, '') IN ({', '.join(doomed)})"
            of_load += f" AND filename IN ({', '.join(map(literal, self.searched))})"
        else:
            of_load = f"load_id IN ({', '.join(doomed)})"
        for table in TABLES:  # a load may have been read for another table before its profile was changed
            con.execute(f"DELETE FROM {table} WHERE {of_load}")

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
        con.register("new_rejected_rows", pa.Table.from_pylist(rows, schema=_REJECTED))
        try:
            con.execute("INSERT INTO rejected_rows BY NAME SELECT * FROM new_rejected_rows")
        finally:
            con.unregister("new_rejected_rows")
