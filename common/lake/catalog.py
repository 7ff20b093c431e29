"""What a catalog database is for the lake: the port, with the names and texts that both kinds share."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.resources import files
from typing import Protocol

import duckdb

from billstream.common.file_stamp import FileStamp

METADATA = "__ducklake_metadata_lake"  # how DuckLake names the catalog database of `lake`
GUARD_TABLE = f"{METADATA}.processed_key"  # for questions about all scopes; about a few, ask `Lake.processed_keys`

NEWEST_SNAPSHOT = "SELECT max(snapshot_id) FROM ducklake_snapshot"
"""In the SQL of either catalog database; DuckLake keeps an index of it."""

Row = tuple[str | None, ...]
"""A row of the guard's table, its columns in the order of `common.lake.guard.COLUMNS`."""


def literal(text: str) -> str:
    """Quote a text as an SQL string literal, for statements without parameters (ATTACH, LOAD, CREATE SECRET)."""
    return "'" + text.replace("'", "''") + "'"


def script(name: str) -> str:
    """Return one of the lake's own scripts."""
    return (files("billstream.common.lake") / "sql" / name).read_text()


@dataclass(frozen=True)
class Writes:
    """When and how the files of a catalog were last written: equal while nobody has written to them since.

    `newest` is the time of the newest write, in seconds since 1970; `files` has the stamp of each.
    """

    newest: float
    files: tuple[FileStamp | None, ...]


class Catalog(Protocol):
    """The database with DuckLake's metadata and the claim guard."""

    @property
    def description(self) -> str:
        """Return the catalog's address without its secrets."""

    @property
    def extension(self) -> str:
        """Return the name of DuckDB's extension for it."""

    @property
    def host_local(self) -> bool:
        """Return whether only processes on this host can reach it."""

    def attach_sql(self, options: Sequence[str]) -> list[str]:
        """Return the statements that attach the DuckLake as `lake`."""

    def connect_sql(self, options: Sequence[str]) -> list[str]:
        """Return `attach_sql` for another program: it runs in any folder, and placeholders stand for passwords."""

    def exists(self) -> bool:
        """Return whether a catalog may exist; False only when there is certainly none."""

    def ask_sql(self) -> list[str]:
        """Return statements for a new connection of DuckDB's that succeed if the catalog's server answers."""

    def make_room(self) -> None:
        """Create what a new catalog needs, such as the folder of its file.

        Raises:
            NoRoom, Misconfigured: it cannot be made.
        """

    def inspect(self, *, writing: bool) -> None:
        """Find out whether an existing catalog may be read, and written.

        Raises:
            NoRoom, Misconfigured: it may not.
        """

    def install_guard(self, con: duckdb.DuckDBPyConnection, attach: Sequence[str]) -> None:
        """Create the guard's table and trigger. The lake is attached to `con`, before and after."""

    def guarded(self, con: duckdb.DuckDBPyConnection, query: str, digests: Sequence[str]) -> list[Row]:
        """Return the rows of the guard's table that the script `query` finds for these digests, by an index."""

    @property
    def look_seconds(self) -> float:
        """Return the seconds between two looks for a new snapshot that cost next to nothing a minute."""

    def writes(self) -> Writes | None:
        """Return what the operating system knows of the last write; None where only a statement can tell."""

    def newest_snapshot(self, con: duckdb.DuckDBPyConnection) -> int:
        """Return the id of the newest snapshot by one cheap statement, whatever the default database of `con` is."""

    def reading(self) -> AbstractContextManager[None]:
        """Return a context to hold around each statement, or each transaction, that reads."""

    def writing(self, *, alone: bool = False) -> AbstractContextManager[None]:
        """Return a context to hold around each write transaction; `alone`: it removes rows of the catalog's tables."""
