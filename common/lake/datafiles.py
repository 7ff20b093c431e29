"""The data files of the lake's tables, and whether each can be read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from billstream.common.errors import DataDamaged, Fatal, Misconfigured
from billstream.common.lake.catalog import METADATA, literal
from billstream.common.lake.damage import cause
from billstream.common.lake.lake import Lake
from billstream.common.lake.tables import CHARGES, SET_ASIDE
from billstream.common.statements import statement

ROWS_LEFT = "replaced rows stay in a data file that cannot be read"
"""In the message of a commit that could not delete all that it replaces: until a repair nothing may be counted."""
_COSTS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")


@dataclass(frozen=True)
class DataFile:
    """One data file of a table.

    `file_id` is DuckLake's, `deleted_path` the file that lists deleted rows, `since` the snapshot that added it.
    `first_load` and `last_load` are the least and the greatest load id in it, None where the catalog does not know.
    """

    file_id: int
    table: str
    path: str
    size_bytes: int
    deleted_path: str | None
    rows: int
    since: int
    first_load: str | None
    last_load: str | None

    def may_hold(self, load_id: str) -> bool:
        """Return whether rows of a load may be in the file."""
        return (self.first_load or "") <= load_id and (self.last_load is None or load_id <= self.last_load)


@dataclass(frozen=True)
class DamagedFile:
    """A data file that cannot be read, or whose deleted rows cannot, and the reason."""

    file: DataFile
    reason: str


def data_files(lake: Lake, table: str) -> list[DataFile]:
    """Return the data files of a table in the newest snapshot, the oldest first. Rows in the catalog have none."""
    rows = lake.query(statement(__name__, "data_files", catalog=METADATA), [table]).to_pylist()
    return [DataFile(**row) for row in rows]


def loads_in(lake: Lake, file: DataFile) -> list[dict[str, Any]]:
    """Return the active loads that may have rows in a file, by the catalog and the ledger alone."""
    loaded_into = CHARGES if file.table == SET_ASIDE else file.table
    bounds = [file.first_load or "", file.last_load or "~", file.since, loaded_into]
    return lake.query(statement(__name__, "loads_in_file"), bounds).to_pylist()


def damaged_files(lake: Lake, files: Sequence[DataFile]) -> list[DamagedFile]:
    """Read each file, every value of it, and return those that cannot be read or are not those that were written.

    Raises:
        Retryable: the catalog or the data path does not answer.
        Misconfigured: the data path is refused, which says nothing about a file.
    """
    return [DamagedFile(file, reason) for file in files if (reason := _why_damaged(lake, file))]


def all_there(lake: Lake, files: Sequence[DataFile]) -> bool:
    """Return whether every file is there in its size, without reading one.

    Raises:
        Retryable, Misconfigured: as `damaged_files`.
    """
    if not files:
        return True
    paths = ", ".join(literal(file.path) for file in files)
    try:
        found = dict(lake.rows(f"SELECT filename, size FROM read_blob([{paths}])"))
    except Misconfigured:
        raise
    except (DataDamaged, Fatal):
        lake.reconnect_if_lost()
        return False
    return found == {file.path: file.size_bytes for file in files}


def take_out(lake: Lake, files: Sequence[DataFile], *, author: str) -> None:
    """Take files out of the lake, in one commit of their own: their rows are gone as if they had been deleted.

    Raises:
        Retryable: see `Lake.commit`.
    """

    def write(con: duckdb.DuckDBPyConnection) -> None:
        # Without a change there is no commit, and this one changes nothing else.
        con.execute("UPDATE schema_version SET name = name")

    message = f"takes out data files that cannot be read: {', '.join(file.path for file in files)}"
    lake.commit(write, claims=[], author=author, message=message, lost_files=[file.file_id for file in files])


def _why_damaged(lake: Lake, file: DataFile) -> str | None:
    # The file by its path, not by way of the table: DuckLake opens all files of a table, whichever are asked for.
    try:
        with lake.files_read_anew():
            written = _rows_in(lake, file.path, sums=file.table in {CHARGES, SET_ASIDE})
            if file.deleted_path:
                _rows_in(lake, file.deleted_path, sums=False)
            ((size,),) = lake.rows(f"SELECT size FROM read_blob({literal(file.path)})")
    except Misconfigured:
        raise
    except (DataDamaged, Fatal) as error:
        lake.reconnect_if_lost()
        return cause(str(error.__cause__ or error))
    if written != file.rows:
        return f"it has {written:,} rows, {file.rows:,} were written"
    return None if size == file.size_bytes else f"it has {size:,} bytes, {file.size_bytes:,} were written"


def _rows_in(lake: Lake, path: str, *, sums: bool) -> int:
    """Read every value of a Parquet file. Return the number of its rows."""
    rows = f"read_parquet({literal(path)}, hive_partitioning = false)"
    if sums:  # a flipped bit may make an amount that no sum holds
        names = {row[0] for row in lake.rows(f"DESCRIBE FROM {rows}")}
        keys = names.intersection(("load_id", "billing_currency"))
        amounts = [f"sum({name})" for name in sorted(names.intersection(_COSTS))]
        lake.rows(f"SELECT {', '.join(['count(*)', *amounts])} FROM {rows} GROUP BY {', '.join(sorted(keys)) or 'ALL'}")
    ((count, _),) = lake.rows(f"SELECT count(*), sum(hash(*COLUMNS(*))) FROM {rows}")
    return int(count)
