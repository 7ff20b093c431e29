"""The lake as those see it who read."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb

from billstream.common.lake.connection import LakeConnection
from billstream.common.lake.data_path import once_more
from billstream.common.lake.guard import ProcessedKey, processed_key
from billstream.common.lake.tables import TABLES
from billstream.common.metrics.health import HEALTH

if TYPE_CHECKING:
    import pyarrow as pa  # with numpy it takes a seventh of a second, which most commands do without

T = TypeVar("T")

_COLUMNS = (
    "SELECT column_name, data_type FROM duckdb_columns() "
    "WHERE database_name = 'lake' AND table_name = ? ORDER BY column_index"
)


@dataclass(frozen=True)
class SnapshotReader:
    """The lake as of one snapshot, inside `LakeReader.one_snapshot`. Errors of DuckDB are translated there."""

    snapshot_id: int
    _con: duckdb.DuckDBPyConnection

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the result of a small SELECT as tuples of Python values."""
        HEALTH.moved()
        return self._con.execute(sql, parameters).fetchall()

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> "pa.Table":
        """Return the result of a SELECT as an Arrow table."""
        HEALTH.moved()
        return self._con.execute(sql, parameters).to_arrow_table()

    def columns(self, table: str) -> dict[str, str]:
        """Return the columns of a table or view with their DuckDB types, in order."""
        return dict(self.rows(_COLUMNS, [table]))

    def batches(
        self, sql: str, parameters: Sequence[Any] = (), *, rows: int
    ) -> tuple["pa.Schema", Iterator["pa.RecordBatch"]]:
        """Return the schema of a SELECT's result, and the result in batches of so many rows: computed while it is read.

        Read it to its end before the next query: that one takes the rest away.
        """
        reader = self._con.execute(sql, parameters).to_arrow_reader(rows)
        return reader.schema, _batches(reader)


def _batches(reader: "pa.RecordBatchReader") -> Iterator["pa.RecordBatch"]:
    import pyarrow as pa  # noqa: PLC0415 - see above

    try:
        yield from reader
    except (OSError, pa.ArrowException) as error:  # Arrow hands on DuckDB's text, and its own class
        raise duckdb.Error(str(error)) from error


class LakeReader(LakeConnection):
    """What can be read of an attached DuckLake, and of its catalog.

    Tables and views are named without a schema in every SQL text: the lake is the default database.
    """

    @once_more
    def query(self, sql: str | duckdb.Statement, parameters: Sequence[Any] = ()) -> "pa.Table":
        """Return the result of a SELECT as an Arrow table. SQL of ours: a user's goes through `gate.one_select` first.

        Raises:
            Retryable, Fatal: see `common.lake.failures`.
        """
        with self._translated("reading the lake"), self._catalog.reading():
            return self._con.execute(sql, parameters).to_arrow_table()

    @once_more
    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the result of a small SELECT as tuples of Python values. Raises what `query` raises."""
        with self._translated("reading the lake"), self._catalog.reading():
            return self._con.execute(sql, parameters).fetchall()

    @contextmanager
    def one_snapshot(self) -> Iterator[SnapshotReader]:
        """Read one snapshot, the newest of now, for the length of the block, whatever others commit meanwhile.

        Nothing else reads or writes with this connection in the block. Files that only this snapshot needs stay for as
        long as upkeep keeps snapshots.

        Raises:
            Retryable, Fatal: see `common.lake.failures`; do the whole block again.
        """
        with self._translated("reading a snapshot of the lake"), self._catalog.reading():
            self._con.execute("BEGIN TRANSACTION")
            try:
                row = self._con.execute("FROM ducklake_current_snapshot('lake')").fetchone()
                yield SnapshotReader(self._saw(int(row[0]) if row else 0), self._con)
                self._con.execute("COMMIT")  # of what was read there is nothing to keep, but for temporary tables
            except BaseException:
                with contextlib.suppress(duckdb.Error):
                    self._con.execute("ROLLBACK")
                raise

    @once_more
    def together(self, read: Callable[[SnapshotReader], T]) -> T:
        """Return what `read` returns: all its statements see one snapshot, in one transaction.

        Many small statements take a third less time so, as DuckLake looks at the catalog once for each transaction.
        With fresh credentials for the data path `read` is called again.

        Raises:
            Retryable, Fatal: see `common.lake.failures`.
        """
        with self.one_snapshot() as snapshot:
            return read(snapshot)

    def snapshot_id(self) -> int:
        """Return the id of the newest snapshot; a transaction that begins now sees it."""
        with self._translated("reading the newest snapshot"), self._catalog.reading():
            row = self._con.execute("FROM ducklake_current_snapshot('lake')").fetchone()
        return self._saw(int(row[0]) if row else 0)

    def newest_snapshot(self) -> int:
        """Return the id of the newest snapshot at next to no cost, for a process that looks for commits all day long.

        It asks the catalog database and not DuckLake, so a transaction of this connection may see a later one, and
        never an earlier one.

        Raises:
            Retryable, Fatal: see `common.lake.failures`.
        """
        with self._translated("looking for a new snapshot"):
            return self._snapshots.newest(self._con)

    @property
    def snapshots_made(self) -> int:
        """The number of snapshots that `commit` has made since the lake was opened."""
        return self._snapshots.number_made

    @property
    def look_seconds(self) -> float:
        """Seconds between two calls of `newest_snapshot` that are worth their cost."""
        return self._catalog.look_seconds

    def processed_keys(self, scope_ids: Sequence[str]) -> dict[str, ProcessedKey]:
        """Return what the catalog knows of these scopes, in one look-up by its index. Unknown scopes are absent.

        Call it before the transaction begins, not inside: a transaction that begins afterwards sees everything that
        the answer shows as committed.
        """
        return {key.scope_id: key for key in self._guarded("processed_keys", scope_ids)}

    def same_content(self, digests: Sequence[str]) -> list[ProcessedKey]:
        """Return the scopes whose active rows come from a content with one of these SHA-256 digests."""
        return self._guarded("same_content", digests)

    def _guarded(self, query: str, digests: Sequence[str]) -> list[ProcessedKey]:
        if not digests:
            return []
        with self._translated("reading the ledger"), self._catalog.reading():
            found = self._catalog.guarded(self._beside, query, digests)
        return [processed_key(row) for row in found]

    def columns(self, table: str) -> dict[str, str]:
        """Return the columns of a table or view of the lake with their DuckDB types, in order."""
        return dict(self.rows(_COLUMNS, [table]))

    def columns_of_loads(self) -> dict[str, dict[str, str]]:
        """Return the columns of each table that loads write rows into, by table."""
        found = self.rows(
            "SELECT table_name, column_name, data_type FROM duckdb_columns() "
            f"WHERE database_name = 'lake' AND table_name IN {TABLES} ORDER BY column_index"
        )
        return {table: {column: kind for of, column, kind in found if of == table} for table in TABLES}

    def reading(self) -> AbstractContextManager[None]:
        """Return a context to hold while `connection` reads the lake: no row of the catalog is removed meanwhile.

        Raises:
            CatalogUnavailable: on entering; maintenance has been at a step for a minute.
        """
        return self._catalog.reading()
