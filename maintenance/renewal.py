"""Write the rows that are left in worn data files to a new file, and let the old files go.

These are ordinary changes of rows, a DELETE and the adding of a file, as a restatement makes them. So older snapshots
and the change feed stay right, and in the feed the rows that go and the rows that come cancel each other.
`ducklake_rewrite_data_files` would make older snapshots wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from billstream.common.errors import Fatal, WriteConflict
from billstream.common.ids import new_id
from billstream.common.lake import Lake
from billstream.common.lake.catalog import literal
from billstream.common.lake.datafiles import data_files
from billstream.common.statements import statement

_EXACT = ("DECIMAL", "BIGINT")


@dataclass(frozen=True)
class Renewal:
    """The rows of some data files of a table, staged in a new file.

    `key` are the columns whose values are counted apart, the load where the table has one, `amounts` those that are
    compared before the COMMIT, and `counts` the result.
    """

    table: str
    old_paths: Sequence[str]
    path: str
    key: str
    amounts: str
    counts: list[tuple[Any, ...]]

    @classmethod
    def stage(cls, lake: Lake, table: str, file_ids: Sequence[int]) -> "Renewal | None":
        """Write the new file. Nobody waits for it: no transaction is open, and nothing refers to the file.

        Returns:
            None where none of the files is in the newest snapshot any more, or no row of them is left.

        Raises:
            DataDamaged: a data file cannot be read.
            Retryable, Fatal: see `common.lake.failures`. Fatal also: the copy is not equal.
        """
        version = lake.snapshot_id()
        old = [file.path for file in data_files(lake, table) if file.file_id in set(file_ids)]
        if not old:
            return None
        columns = lake.columns(table)
        amounts = [name for name, kind in columns.items() if kind.startswith(_EXACT)]
        key = "load_id" if "load_id" in columns else "NULL"
        path = lake.staging_path(f"renewed-{new_id()}", table)
        # The rows of one moment; a commit that deletes some of them later is noticed in `write`.
        rows = f"(SELECT * FROM {table} AT (VERSION => {version}) WHERE {_in(old)})"
        copy = f"read_parquet({literal(path)}, hive_partitioning = false)"
        try:
            lake.run(f"COPY {rows} TO {literal(path)} (FORMAT parquet)")
            whole = "*COLUMNS(*)"
            copied = lake.rows(_counted(key, whole, copy))
            _check_equal(copied, lake.rows(_counted(key, whole, rows)), table, path)
            if not copied:
                lake.discard(path)  # DuckLake would add no file without rows, and nothing would ever remove it
                return None
            compared = ", ".join(amounts) or "NULL"
            return cls(table, old, path, key, compared, lake.rows(_counted(key, compared, copy)))
        except BaseException:
            lake.discard(path)
            raise

    def write(self, con: duckdb.DuckDBPyConnection) -> int:
        """Replace the files, inside the open transaction. Returns how many there were.

        Raises:
            WriteConflict: rows of the files were deleted since they were staged.
            Fatal: the table would not have the same rows.
        """
        if self._counted(con, self.old_paths) != self.counts:
            raise WriteConflict(f"Rows of {self.table} were deleted while their files were renewed.")
        con.execute(f"DELETE FROM {self.table} WHERE {_in(self.old_paths)}")
        con.execute("CALL ducklake_add_data_files('lake', ?, ?, allow_missing => true)", [self.table, self.path])
        added, left = self._counted(con, [self.path]), self._counted(con, self.old_paths)
        _check_equal(self.counts, [*added, *left], self.table, self.path)
        return len(self.old_paths)

    def _counted(self, con: duckdb.DuckDBPyConnection, paths: Sequence[str]) -> list[tuple[Any, ...]]:
        rows = f"(SELECT * FROM {self.table} WHERE {_in(paths)})"
        return con.execute(_counted(self.key, self.amounts, rows)).fetchall()


def _counted(key: str, compared: str, rows: str) -> str:
    return statement(__name__, "counted_rows", key=key, compared=compared, rows=rows)


def _in(paths: Sequence[str]) -> str:
    """Return the condition for the rows of some files. With literals, DuckLake opens no other file."""
    return f"filename IN ({', '.join(map(literal, paths))})"


def _check_equal(wanted: list[tuple[Any, ...]], found: list[tuple[Any, ...]], table: str, path: str) -> None:
    if wanted != found:
        raise Fatal(
            f"The renewed data file {path} does not have the rows of {table} that it was made of. Nothing was changed. "
            "This is a bug in billstream: please report it with this message."
        )
