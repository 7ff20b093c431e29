"""The lake: what `LakeReader` reads, and commits with claims."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import duckdb

from billstream.common.failpoints import failpoint
from billstream.common.ids import new_id
from billstream.common.lake.catalog import METADATA
from billstream.common.lake.data_path import once_more
from billstream.common.lake.engine import start_computing_engine
from billstream.common.lake.guard import Claim, claims_json
from billstream.common.lake.migrations import apply_options, options_differ
from billstream.common.lake.reader import LakeReader
from billstream.common.lake.tables import CHARGES
from billstream.common.metrics.commits import counted_commit
from billstream.common.statements import statement

Write = Callable[[duckdb.DuckDBPyConnection], object]
"""The body of a write transaction. It receives the connection, with the transaction open and `lake` as default."""


class Lake(LakeReader):
    """An attached DuckLake. Not for use by two threads at a time."""

    _with_one_thread: duckdb.DuckDBPyConnection | None = None  # the engine that was told so; a new one was not

    # -- working aside from the lake's tables ------------------------------------------------------------

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run a statement that changes no table of the lake, such as CREATE TEMP TABLE. Raises what `query` raises."""
        with self._translated("working on temporary tables"), self._catalog.reading():
            self._con.execute(sql, parameters)

    @contextmanager
    def files_read_anew(self) -> Iterator[None]:
        """Read data files from where they are, for the length of the block, and not from DuckDB's memory of them."""
        # The options of a process that only reads are locked; and it has read nothing before.
        if self._read_only or not self._caches_files:
            yield
            return
        self.run("SET enable_external_file_cache = false")
        try:
            yield
        finally:
            with contextlib.suppress(duckdb.Error):
                self._con.execute("RESET enable_external_file_cache")

    # -- writing -----------------------------------------------------------------------------------------

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The connection with the lake as its default database. Its errors are DuckDB's.

        What reads the lake with it outside of a commit does so inside `reading`.
        """
        return self._con

    def computing_engine(self) -> duckdb.DuckDBPyConnection:
        """Return a new DuckDB that knows nothing of the lake; see `engine.start_computing_engine`."""
        return start_computing_engine(self._settings, self._scratch.path / f"computing-{new_id()}")

    @property
    def cores(self) -> int:
        """The number of threads that may compute at a time."""
        return self._settings.threads or os.cpu_count() or 1

    @property
    def engine(self) -> duckdb.DuckDBPyConnection:
        """DuckDB beside the lake, for work on files before any transaction opens. Its errors are DuckDB's.

        It has temporary tables, macros and views of its own, and does not see the tables of the lake by their names.
        """
        return self._beside

    def use_threads(self, *, one: bool) -> None:
        """Let DuckDB use one thread from now on, which is for small work, or all that it may.

        Its threads wait for each other in busy loops, and with more than one of them each scan of a catalog in an
        SQLite file opens the file anew: with one, the commit of a small file costs half the CPU, and takes no longer.
        """
        if one == (self._with_one_thread is self._beside):
            return
        most = f"SET threads = {self._settings.threads}" if self._settings.threads else "RESET threads"
        with self._translated("choosing a number of threads"):
            self._beside.execute("SET threads = 1" if one else most)
        self._with_one_thread = self._beside if one else None

    def staging_path(self, name: str, table: str = CHARGES) -> str:
        """Return the path of a new Parquet file of a table, for a commit that adds it with `ducklake_add_data_files`.

        Raises:
            Fatal: the data path needs credentials and there are none.
        """
        self._prepare_storage()
        return self._storage.staging_path(name, table)

    @contextmanager
    def staging_file(self, path: str) -> Iterator[Path]:
        """Yield a path on this host for the content of a staged file; when the block ends well, the data path has it.

        Nothing is there afterwards where nothing was written, or where the block fails.

        Raises:
            ServiceUnavailable: S3 does not take it.
            OSError: the disk does not.
        """
        with self._storage.written(path, self._scratch.path) as local:
            yield local

    def discard(self, path: str) -> None:
        """Remove a staged file that no commit has added."""
        self._storage.discard(path)

    @once_more
    def commit(  # noqa: PLR0913 - each is a thought of its own, and all but one have defaults or names
        self,
        write: Write,
        *,
        claims: Sequence[Claim],
        author: str,
        message: str,
        staged: Sequence[str] = (),
        lost_files: Sequence[int] = (),
        unchanged: Mapping[str, str | None] = MappingProxyType({}),
        alone: bool = False,
    ) -> int:
        """Run `write` in one transaction and commit it together with its claims, or change nothing.

        Whatever the commit names is on the disk before the catalog says so: a power cut leaves no file behind that is
        named and empty.

        Args:
            write: the changes. Without any there is no commit.
            claims: see `common.lake.guard`.
            author: who commits, for the snapshot.
            message: why, for the snapshot.
            staged: the files that `write` adds.
            lost_files: DuckLake's ids of data files that no longer can be read, which the commit takes out of the lake.
            unchanged: scopes that the commit reads, each with the entry that it must still have when it becomes true.
            alone: the commit removes rows of the catalog's tables; on SQLite nobody may read them meanwhile.

        Returns:
            The id of the newest snapshot that this connection made, 0 where it made none: an expiry makes none.

        Raises:
            ClaimRefused: a claimed scope has changed; look it up again and decide again.
            ReadersAtWork: `alone`, and somebody reads.
            WriteConflict: another writer was first; redo the whole unit.
            CatalogUnavailable: no answer, so the commit may or may not have happened; the ledger tells.
            DataDamaged: a data file that the changes depend on cannot be read.
        """
        with counted_commit(), self._translated("committing to the lake"):
            self._prepare_storage()  # before the lock: renewing credentials may take a while
            self._storage.sync(staged)
            with self._catalog.writing(alone=alone), self._transaction():
                with failpoint("write"):
                    write(self._con)
                self._con.execute(
                    "CALL lake.set_commit_message(?, ?, extra_info => ?)",
                    [author, message, claims_json(claims, lost_files, unchanged)],
                )
            row = self._beside.execute("FROM ducklake_last_committed_snapshot('lake')").fetchone()
        return self._saw(self._snapshots.made(int(row[0]) if row and row[0] is not None else 0))

    # -- writing to the catalog alone: none of these makes a snapshot ----------------------------------------

    @once_more
    def clean_up(self, before: datetime, at_most: int) -> int:
        """Remove files that no snapshot needs since before a moment, the oldest first, and return their number.

        It may be repeated. A statement that has begun to read such a file ends with `DataDamaged`. DuckLake's own
        `ducklake_cleanup_old_files` compares texts on SQLite, and takes every file of the same day.

        Raises:
            Retryable, Fatal: see `common.lake.failures`.
        """
        with self._translated("removing old files"), self._catalog.writing():
            self._prepare_storage()
            found = self._con.execute(statement(__name__, "old_files", catalog=METADATA), [before, at_most]).fetchall()
            paths = [f"{self.data_path}{path}" if relative else path for _, path, relative in found]
            # The files go first, the list of them after: what is lost in between is done again. No query reads the
            # list, so none has to wait.
            with ThreadPoolExecutor(max_workers=8) as pool:
                list(pool.map(self._storage.remove, (path for path in paths if path.startswith(self.data_path))))
            if found:
                scheduled = f"{METADATA}.ducklake_files_scheduled_for_deletion"
                ids = [file_id for file_id, _, _ in found]
                self._con.execute(f"DELETE FROM {scheduled} WHERE list_contains($1, data_file_id)", [ids])
            return len(found)

    def forget_rows(self, store: str, before: int) -> None:
        """Remove the rows of one of the catalog's tables of inlined rows that were deleted by snapshot `before`.

        DuckLake keeps them until it writes all rows of the table to a file, dead ones included.

        Raises:
            ReadersAtWork: somebody reads the catalog, and it is on SQLite.
            Retryable, Fatal: see `common.lake.failures`.
        """
        with self._translated("removing old rows"), self._catalog.writing(alone=True):
            self._con.execute(f"DELETE FROM {METADATA}.{store} WHERE end_snapshot <= ?", [before])

    def restore_options(self) -> bool:
        """Set DuckLake's options of the tables if one of them is not as it should be. Returns True when it was not.

        Raises:
            Retryable, Fatal: see `common.lake.failures`.
        """
        with self._translated("setting the options of the tables"):
            with self._catalog.reading():
                if not options_differ(self._con):
                    return False
            with self._catalog.writing(), self._transaction():
                apply_options(self._con)
            return True
