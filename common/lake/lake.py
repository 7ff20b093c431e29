"""One process's connection to the lake: attach, read, and commit with claims."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa
import structlog

from billstream.common import retries
from billstream.common.errors import BillstreamError, CatalogUnavailable
from billstream.common.failpoints import failpoint
from billstream.common.lake.catalog import Catalog, catalog_from_url, literal
from billstream.common.lake.damage import damage
from billstream.common.lake.data_path import DataPathRefused, once_more
from billstream.common.lake.engine import seal, start_engine
from billstream.common.lake.failures import translate
from billstream.common.lake.guard import Claim, ProcessedKey, claims_json, processed_key
from billstream.common.lake.migrations import apply_migrations, apply_options, check_version, newest, schema_version
from billstream.common.lake.storage import LocalStorage, Storage, probe, storage_from
from billstream.common.places import prepare_folder
from billstream.common.scratch import ScratchFolder, remove_leftovers
from billstream.common.settings import Settings

log = structlog.get_logger(__name__)

Write = Callable[[duckdb.DuckDBPyConnection], object]
"""The body of a write transaction. It receives the connection, with the transaction open and `lake` as default."""


class Lake:
    """An attached DuckLake. Not for use by two threads at a time.

    Tables and views are named without a schema in every SQL text: the lake is the default database.
    """

    def __init__(self, settings: Settings, *, read_only: bool = False) -> None:
        self._settings = settings
        self._read_only = read_only
        self._catalog: Catalog = catalog_from_url(settings.catalog_url)
        self._lost = False
        remove_leftovers(settings.spool)
        self._scratch = ScratchFolder(settings.spool, "duckdb")
        self._connect()

    @classmethod
    def open(cls, settings: Settings, *, create: bool = False, read_only: bool = False) -> Self:
        """Attach the lake that the settings name.

        Args:
            settings: where catalog and data are, and how much memory DuckDB may use.
            create: create the lake if there is none, and migrate an older one.
            read_only: refuse every change, and seal the connection; see `engine.seal`.

        Raises:
            Fatal: there is no lake, its schema is not this version's, or an extension is missing.
            CatalogUnavailable: the catalog database or the data path does not answer.
        """
        lake = cls(settings, read_only=read_only)
        try:
            lake._attach(create=create)
        except BaseException:
            lake.close()
            raise
        return lake

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Detach the lake and remove all scratch space."""
        self._disconnect()
        self._scratch.remove()

    def reconnect_if_lost(self) -> None:
        """Attach the lake again if the catalog or the data path did not answer since the last call; else do nothing.

        Raises:
            CatalogUnavailable: they still do not answer.
            Fatal: see `open`.
        """
        if not self._lost:
            return
        # DuckDB reconnects to a server by itself, but each transaction that a lost connection cut off keeps its place
        # in DuckDB's pool of connections, until the pool is full.
        self._disconnect()
        self._connect()
        self._attach(create=False)
        self._lost = False
        log.info("lake_reconnected", catalog=self.catalog)

    @property
    def catalog(self) -> str:
        """The catalog's address without secrets."""
        return self._catalog.description

    @property
    def data_path(self) -> str:
        """Return the folder or S3 prefix of the Parquet files."""
        return self._storage.location

    @property
    def scratch(self) -> Path:
        """Return the folder of DuckDB's temporary files."""
        return self._scratch.path

    # -- reading -----------------------------------------------------------------------------------------

    @once_more
    def query(self, sql: str | duckdb.Statement, parameters: Sequence[Any] = ()) -> pa.Table:
        """Return the result of a SELECT as an Arrow table. SQL of ours: a user's goes through `gate.one_select` first.

        Raises:
            Retryable, Fatal: see `common.lake.failures`.
        """
        with self._translated("reading the lake"):
            return self._con.execute(sql, parameters).to_arrow_table()

    @once_more
    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the result of a small SELECT as tuples of Python values. Raises what `query` raises."""
        with self._translated("reading the lake"):
            return self._con.execute(sql, parameters).fetchall()

    def snapshot_id(self) -> int:
        """Return the id of the newest snapshot; a transaction that begins now sees it."""
        with self._translated("reading the newest snapshot"):
            row = self._con.execute("FROM ducklake_current_snapshot('lake')").fetchone()
        return int(row[0]) if row else 0

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
        with self._translated("reading the ledger"):
            found = self._catalog.guarded(self._con, query, digests)
        return [processed_key(row) for row in found]

    def columns(self, table: str) -> dict[str, str]:
        """Return the columns of a table or view of the lake with their DuckDB types, in order."""
        rows = self.rows(
            "SELECT column_name, data_type FROM duckdb_columns() "
            "WHERE database_name = 'lake' AND table_name = ? ORDER BY column_index",
            [table],
        )
        return dict(rows)

    # -- working aside from the lake's tables ------------------------------------------------------------

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run a statement that changes no table of the lake, such as CREATE TEMP TABLE. Raises what `query` raises."""
        with self._translated("working on temporary tables"):
            self._con.execute(sql, parameters)

    @contextmanager
    def files_read_anew(self) -> Iterator[None]:
        """Read data files from where they are, for the length of the block, and not from DuckDB's memory of them."""
        if self._read_only:  # its options are locked; and a process that only reads has read nothing before
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
    def engine(self) -> duckdb.DuckDBPyConnection:
        """The connection itself, for work on local files before any transaction opens. Its errors are DuckDB's."""
        return self._con

    def staging_path(self, name: str) -> str:
        """Return the path of a new Parquet file of charges, for a commit that adds it with `ducklake_add_data_files`.

        Raises:
            Fatal: the data path needs credentials and there are none.
        """
        self._prepare_storage()
        return self._storage.staging_path(name)

    def discard(self, path: str) -> None:
        """Remove a staged file that no commit has added."""
        self._storage.discard(path)

    @once_more
    def commit(
        self,
        write: Write,
        *,
        claims: Sequence[Claim],
        author: str,
        message: str,
        staged: Sequence[str] = (),
        lost_files: Sequence[int] = (),
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

        Returns:
            The id of the snapshot this commit made.

        Raises:
            ClaimRefused: a claimed scope has changed; look it up again and decide again.
            WriteConflict: another writer was first; redo the whole unit.
            CatalogUnavailable: no answer, so the commit may or may not have happened; the ledger tells.
            DataDamaged: a data file that the changes depend on cannot be read.
        """
        with self._translated("committing to the lake"):
            self._prepare_storage()  # before the lock: renewing credentials may take a while
            self._storage.sync(staged)
            with self._catalog.writing(), self._transaction():
                with failpoint("write"):
                    write(self._con)
                self._con.execute(
                    "CALL lake.set_commit_message(?, ?, extra_info => ?)",
                    [author, message, claims_json(claims, lost_files)],
                )
            row = self._con.execute("FROM ducklake_last_committed_snapshot('lake')").fetchone()
        return int(row[0]) if row else 0

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        began = time.time()
        self._con.execute("BEGIN TRANSACTION")
        try:
            yield
            self._storage.sync_written(began)
            # A commit into a file on this host has no reply that could get lost.
            unsealed = self._catalog.host_local
            with failpoint("commit"), nullcontext() if unsealed else self._storage.sealed(self._con, began):
                self._con.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(duckdb.Error):  # a refused COMMIT has already ended the transaction
                self._con.execute("ROLLBACK")
            raise

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except duckdb.Error as error:
            raise self.failure(error, doing) from error

    def failure(self, error: duckdb.Error, doing: str) -> BillstreamError:
        """Translate an error of DuckDB's about this lake, for work with `engine`; see `common.lake.failures`."""
        known = damage(error, self.catalog, translate(error, doing))
        if isinstance(known, DataPathRefused):
            return self._storage.refused(self._con, known)
        # After an error of its own DuckDB answers nothing more over this connection.
        ended = isinstance(error, duckdb.InternalException | duckdb.FatalException)
        self._lost = self._lost or isinstance(known, CatalogUnavailable) or ended
        return known

    def _prepare_storage(self) -> None:
        with self._translated("reaching the data path"):
            self._storage.prepare(self._con)

    @once_more
    def _probe_storage(self) -> None:
        with self._translated(f"trying the data path {self._storage.location}"):
            probe(self._storage, self._con)

    # -- opening -----------------------------------------------------------------------------------------

    def _connect(self) -> None:
        self._storage: Storage = storage_from(self._settings.data_location)
        extensions = ["ducklake", self._catalog.extension, *self._storage.extensions]
        self._con = start_engine(self._settings, self._scratch.path, extensions)

    def _disconnect(self) -> None:
        """Detach, then close: a connection that is closed with its lake attached may keep the catalog busy."""
        self._detach_quietly()
        self._con.close()

    def _attach(self, *, create: bool) -> None:
        where = self._catalog.description
        if create:
            self._catalog.make_room()
        elif not self._catalog.exists():
            check_version(0, where=where)
        if isinstance(self._storage, LocalStorage) and not self._catalog.host_local:
            log.warning("data_path_is_local", data_path=self._storage.location, catalog=where)
        self._catalog.inspect(writing=not self._read_only)
        self._prepare_storage()
        if isinstance(self._storage, LocalStorage) and not self._read_only:
            prepare_folder(self._storage.folder, "the lake's data", "BILLSTREAM_DATA_PATH")
        options = [f"DATA_PATH {literal(self._storage.location)}"]
        if self._read_only:
            options.append("READ_ONLY")
        if not create:
            options.append("CREATE_IF_NOT_EXISTS false")
        statements = [*self._catalog.attach_sql(options), "USE lake"]
        if create:
            self._probe_storage()
            retries.redo_on_conflict(lambda: self._create(statements))
            return
        with self._translated(f"opening the lake at {where}"):
            self._execute_all(statements)
            check_version(schema_version(self._con), where=where)
            if self._read_only:
                seal(self._con, self._storage.location)

    def _create(self, statements: Sequence[str]) -> None:
        """Create or migrate the lake; several processes may try at once, in any order."""
        with self._translated(f"creating the lake at {self._catalog.description}"), self._catalog.writing():
            self._detach_quietly()
            self._execute_all(statements)
            version = schema_version(self._con)
            if version < newest():
                # Before the first table: no commit may ever happen without the guard. An older guard is replaced.
                self._catalog.install_guard(self._con, statements)
            with self._transaction():
                applied = apply_migrations(self._con, version)
            if applied:  # DuckLake accepts options of committed tables only
                apply_options(self._con)
        check_version(max([version, *(m.version for m in applied)]), where=self._catalog.description)
        for migration in applied:
            log.info("schema_migrated", schema_version=migration.version, name=migration.name)

    def _execute_all(self, statements: Sequence[str]) -> None:
        for statement in statements:
            self._con.execute(statement)

    def _detach_quietly(self) -> None:
        with contextlib.suppress(duckdb.Error):
            self._con.execute("USE memory")
            self._con.execute("DETACH lake")
