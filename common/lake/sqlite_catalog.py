"""The catalog in an SQLite file: its locks, and what two SQLite libraries in one process must not do."""

import errno
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import duckdb

from billstream.common.file_stamp import HIDDEN, FileStamp
from billstream.common.lake.catalog import METADATA, NEWEST_SNAPSHOT, Row, Writes, literal, script
from billstream.common.lake.only_writer import only_writer
from billstream.common.lake.readers_lock import ReadersLock
from billstream.common.places import prepare_folder, usable

BUSY_MILLISECONDS = 10_000

_PURPOSE = "the lake's catalog"
_VARIABLE = "BILLSTREAM_CATALOG"


@dataclass(frozen=True)
class SqliteCatalog:
    """A catalog in one SQLite file: any number of processes on one host."""

    path: Path

    @property
    def description(self) -> str:
        """Return the path of the file."""
        return str(self.path)

    @property
    def extension(self) -> str:
        """Return DuckDB's own SQLite."""
        return "sqlite_scanner"

    @property
    def host_local(self) -> bool:
        """Return True: other hosts cannot share the locks of a file."""
        return True

    def attach_sql(self, options: Sequence[str]) -> list[str]:
        """Return one ATTACH; a reader waits for a writer up to `BUSY_MILLISECONDS`."""
        clauses = ", ".join([*options, f"META_BUSY_TIMEOUT {BUSY_MILLISECONDS}"])
        return [f"ATTACH {literal(f'ducklake:sqlite:{self.path}')} AS lake ({clauses})"]

    def connect_sql(self, options: Sequence[str]) -> list[str]:
        """Return the same ATTACH, by the file's absolute path."""
        return SqliteCatalog(self.path.absolute()).attach_sql(options)

    def exists(self) -> bool:
        """Return whether the file exists."""
        with usable(self.path, _PURPOSE, _VARIABLE):
            return self.path.exists()

    def ask_sql(self) -> list[str]:
        """Return none: there is no server."""
        return []

    def make_room(self) -> None:
        """Create the folder of the file."""
        prepare_folder(self.path.parent, _PURPOSE, _VARIABLE)

    def inspect(self, *, writing: bool) -> None:
        """Ask the operating system only: to open the file and close it would drop the locks that SQLite has on it."""
        if writing:  # SQLite and the writers' lock make files beside it
            prepare_folder(self.path.parent, _PURPOSE, _VARIABLE)
        with usable(self.path, _PURPOSE, _VARIABLE):
            if self.path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(self.path))
            if self.path.exists() and not os.access(
                self.path, os.R_OK | (os.W_OK if writing else 0), effective_ids=True
            ):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self.path))

    def install_guard(self, con: duckdb.DuckDBPyConnection, attach: Sequence[str]) -> None:
        """Run the guard's script, and switch to write-ahead logging, through Python's own SQLite.

        DuckDB contains an SQLite library of its own. Two of them in one process must never have the same file open:
        when one closes the file, the operating system drops the locks of both. Therefore the lake is detached
        while Python's library works.
        """
        con.execute("USE memory")  # the default database cannot be detached
        con.execute("DETACH lake")
        guard = sqlite3.connect(self.path, timeout=BUSY_MILLISECONDS / 1000)
        try:
            # Readers must not wait for a writer. The mode is kept in the file, so it is set once.
            guard.execute("PRAGMA journal_mode = WAL")
            guard.executescript(f"BEGIN IMMEDIATE;\n{script('guard.sqlite.sql')}\nCOMMIT;")
        finally:
            guard.close()
        for statement in attach:
            con.execute(statement)

    def copy_to(self, target: Path) -> None:
        """Copy the catalog of one moment into a new file, while others write.

        No lake of this process may be attached to it; see `install_guard`.

        Raises:
            OSError: it cannot be read now, or the disk is full.
            ValueError: it is damaged.
        """
        place = f"{self.path.absolute().as_uri()}?mode=rw"  # SQLite makes no file that is missing
        try:
            source = sqlite3.connect(place, timeout=BUSY_MILLISECONDS / 1000, uri=True)
            with closing(source), closing(sqlite3.connect(target)) as copy:
                source.backup(copy)  # in one step, which is one read transaction
        except sqlite3.OperationalError as error:
            raise OSError(errno.ENOSPC if error.sqlite_errorcode == sqlite3.SQLITE_FULL else 0, str(error)) from error
        except sqlite3.DatabaseError as error:
            raise ValueError(str(error)) from error

    def guarded(self, con: duckdb.DuckDBPyConnection, query: str, digests: Sequence[str]) -> list[Row]:
        """Let SQLite itself search: a scan through DuckDB would read the whole table."""
        return con.execute(
            "SELECT * FROM sqlite_query(?, ?, params => row(?))",
            [METADATA, script(f"{query}.sqlite.sql"), json.dumps(list(digests))],
        ).fetchall()

    @property
    def look_seconds(self) -> float:
        """Return half a second: a look is two questions to the operating system."""
        return 0.5

    def writes(self) -> Writes | None:
        """Look at the file and its write-ahead log: each commit writes to one of them, and no reader does."""
        found = tuple(FileStamp.of(path) for path in (self.path, Path(f"{self.path}-wal")))
        if found[0] in {None, HIDDEN}:  # a statement tells more
            return None
        return Writes(max(stamp.written_ns for stamp in found if stamp) / 1e9, found)

    def newest_snapshot(self, con: duckdb.DuckDBPyConnection) -> int:
        """Let SQLite itself look at the end of its index; one statement of its own needs no reader's lock."""
        ((newest,),) = con.execute("SELECT * FROM sqlite_query(?, ?)", [METADATA, NEWEST_SNAPSHOT]).fetchall()
        return int(newest)

    def reading(self) -> AbstractContextManager[None]:
        """Return the lock that readers share; see `readers_lock`."""
        return self._readers.shared()

    @contextmanager
    def writing(self, *, alone: bool = False) -> Iterator[None]:
        """Hold the lock for one writer at a time, and let nobody read if `alone`.

        That writer needs no reader's lock: a commit that removes rows is a writer, too.
        """
        with only_writer(self.path), self._readers.alone() if alone else nullcontext():
            yield

    @cached_property
    def _readers(self) -> ReadersLock:
        return ReadersLock(self.path)
