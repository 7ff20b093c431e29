"""One unit of commit: the rows, the ledger entries and the claims that become true together.

Every change of `charges` and the other tables of loads, of `ledger` and of `rejected_rows` goes through here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from billstream.common.errors import ClaimRefused, DataDamaged
from billstream.common.lake import Claim, Lake, ProcessedKey
from billstream.common.lake.catalog import literal
from billstream.common.lake.datafiles import ROWS_LEFT
from billstream.common.lake.tables import CHARGES, SET_ASIDE, WITH_ROWS, table_of
from billstream.consumer.commit.ledger import LedgerEntry, insert_entries
from billstream.consumer.commit.unreadable import Unreadable, find_unreadable
from billstream.consumer.decide.states import State
from billstream.consumer.decode import Covered
from billstream.consumer.decode.rejects import RejectedRow
from billstream.consumer.exports.exports import Exports, Plan
from billstream.consumer.exports.naming import Source, source_of
from billstream.consumer.quality import Broken, insert_findings

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
        covered: what the rows of each new load have: accounts, months, days and costs.
        broken: the rules of quality that rows of each new load break.
        rejected: the records that did not fit, by the entry of their object.
    """

    entries: list[LedgerEntry] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    staged_paths: list[str] = field(default_factory=list)
    searched: list[str] = field(default_factory=list)
    unreadable: tuple[Unreadable, ...] = ()
    covered: dict[str, Sequence[Covered]] = field(default_factory=dict)
    broken: dict[str, list[Broken]] = field(default_factory=dict)
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

    def sources(self, *states: State) -> list[Source]:
        """Return the exports of the loads that entries in one of these states have."""
        deliveries = {
            entry.load_id: entry.scope
            for entry in self.entries
            if entry.state is State.DELIVERED and entry.load_id and entry.load_id == entry.delivery_id
        }
        return [
            source_of(entry.load_id, entry.scope, entry.profile, deliveries.get(entry.delivery_id or ""))
            for entry in self.entries
            if entry.state in states and entry.load_id and entry.delivery_id in {None, *deliveries}
        ]

    def commit(self, lake: Lake, author: str, message: str | None = None, exports: Exports | None = None) -> int:
        """Make it true, all or nothing.

        Args:
            lake: where.
            author: who commits, for the snapshot.
            message: why, for the snapshot; the default counts entries and loads.
            exports: what this process knows of exports; the default asks the lake.

        Returns:
            The snapshot's id.

        Raises:
            Retryable: see `Lake.commit`; decide the whole unit again.
        """
        message = message or f"{len(self.entries)} object versions, {len(self.replaced)} loads replaced or removed"
        exports = exports or Exports()
        try:
            return self._commit(lake, author, message, exports)
        except ClaimRefused:
            exports.forget()
            raise
        except DataDamaged:
            # What is to be replaced cannot be read, nor need it be: the new rows must not wait for a repair.
            self.unreadable = find_unreadable(lake, self.replaced)
            if not self.unreadable:
                raise
        return self._commit(lake, author, message, exports)

    def _commit(self, lake: Lake, author: str, message: str, exports: Exports) -> int:
        delivered = [one for one in self.sources(State.UNCHANGED) if one.whole_period]
        plan = exports.plan(lake, self.sources(State.LOADED), self.covered, self.replaced, delivered)
        if not all(found.obsolete for found in self.unreadable):
            message = f"{message}; {ROWS_LEFT}"
        copied = list[str]()
        # What deletes and moves no rows is small work, however much was staged for it.
        lake.use_threads(one=not (self.replaced or plan.cells))
        snapshot_id = lake.commit(
            lambda con: copied.extend(self._write(con, plan)),
            claims=[*self.claims, *plan.claims],
            author=author,
            message=message,
            staged=self.staged_paths,
            lost_files=[found.file.file_id for found in self.unreadable if found.obsolete],
            unchanged=plan.unchanged,
        )
        for path in copied:
            lake.discard(path)
        exports.tell(lake, plan)
        return snapshot_id

    def _write(self, con: duckdb.DuckDBPyConnection, plan: Plan) -> list[str]:
        """Write everything. Return the staged files that were not added, because rows of theirs are set aside."""
        self._delete(con, set_aside=plan.may_be_aside)
        if self.entries:
            insert_entries(con, self.entries)
        if self.rejected:
            self._insert_rejected(con)
        if self.broken:
            loaded = [entry for entry in self.entries if entry.state is State.LOADED]
            broken = {entry.load_id: self.broken[entry.load_id] for entry in loaded if entry.load_id in self.broken}
            insert_findings(con, broken, max(entry.processed_at for entry in self.entries))
        moving = plan.write(con)
        copied = self._staged_charges if moving.load_ids & {line.load_id for line in plan.lines} else []
        for path in copied:
            # DuckLake deletes an added file at once when all its rows leave it, and a redo would need it.
            rows = f"read_parquet({literal(path)}, hive_partitioning = false)"
            con.execute(f"INSERT INTO charges BY NAME SELECT * FROM {rows}")
        for path in (path for path in self.staged_paths if path not in copied):
            add = "CALL ducklake_add_data_files('lake', ?, ?, allow_missing => true)"
            con.execute(add, [table_of(path), path])
        plan.move(con, moving)
        return list(copied)

    @property
    def _staged_charges(self) -> list[str]:
        return [path for path in self.staged_paths if table_of(path) == CHARGES]

    def _delete(self, con: duckdb.DuckDBPyConnection, *, set_aside: bool) -> None:
        """Delete the rows of the replaced loads, but for those in files that cannot be read."""
        for table in WITH_ROWS:  # a load may have been read for another table before its profile was changed
            doomed = ", ".join(self._doomed(table)) if set_aside or table != SET_ASIDE else ""
            if doomed and self.searched and table != SET_ASIDE:
                # An expression defeats the statistics, those of the catalog and those in the file.
                files = ", ".join(map(literal, self.searched))
                con.execute(f"DELETE FROM {table} WHERE concat(load_id, '') IN ({doomed}) AND filename IN ({files})")
            elif doomed:
                con.execute(f"DELETE FROM {table} WHERE load_id IN ({doomed})")

    def _doomed(self, table: str) -> list[str]:
        """Return the loads whose rows are to be deleted from a table, as literals of SQL."""
        # Literals, not parameters: DuckLake then skips the files whose range of load ids has none of these.
        lost = [found.file for found in self.unreadable if found.file.table == table]
        return [literal(load) for load in self.replaced if not any(file.may_hold(load) for file in lost)]

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
