"""One process's connection to a lake: attach it, create it, find the way back to it; and what its errors mean."""

import contextlib
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
import structlog

from billstream.common import retries
from billstream.common.errors import BillstreamError, CatalogUnavailable, Fatal
from billstream.common.failpoints import failpoint
from billstream.common.lake.catalog import Catalog, literal
from billstream.common.lake.catalogs import catalog_from_url
from billstream.common.lake.damage import damage
from billstream.common.lake.data_path import DataPathRefused, once_more
from billstream.common.lake.engine import beside, seal, start_engine, succeeds
from billstream.common.lake.failures import broke_down, translate
from billstream.common.lake.local_storage import LocalStorage
from billstream.common.lake.migrations import (
    apply_migrations,
    apply_options,
    check_version,
    newest,
    options_differ,
    schema_version,
)
from billstream.common.lake.snapshots import Snapshots
from billstream.common.lake.storage import Storage, probe, storage_from
from billstream.common.metrics.health import HEALTH
from billstream.common.places import prepare_folder
from billstream.common.scratch import ScratchFolder, remove_leftovers
from billstream.common.settings import Settings

log = structlog.get_logger(__name__)

MOST_SNAPSHOTS = 500
"""After so many snapshots a connection that works on is replaced; that costs about half a CPU second.

DuckLake keeps the statistics of every table for each snapshot that a connection has seen, 40 KB for a commit of one
small file. To detach the lake does not give them back; a new engine does.
"""

ONE_BREAKDOWN_SECONDS = 600.0
"""A DuckDB that breaks down twice within these, while the catalog answers, has an error of its own."""


class LakeConnection:
    """The connection to a DuckLake that is attached as the default database. Not for use by two threads at a time."""

    def __init__(self, settings: Settings, *, read_only: bool = False) -> None:
        self._settings = settings
        self._read_only = read_only
        self._catalog: Catalog = catalog_from_url(settings.catalog_url)
        self._snapshots = Snapshots(self._catalog)
        self._lost, self._newest_seen, self._broke_at = False, 0, -math.inf
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
        HEALTH.has_lake(attached=True)
        return lake

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Detach the lake and remove all scratch space."""
        HEALTH.has_lake(attached=False)
        self._disconnect()
        self._scratch.remove()

    def begin_work(self) -> None:
        """Prepare for the next unit of work of a process that runs for long; temporary tables may be gone afterwards.

        Attach the lake again if it was lost, or if this connection has seen so many snapshots that the memory that
        DuckDB keeps about them is worth giving back; else do nothing. Never call it inside a transaction.

        Raises:
            CatalogUnavailable, Fatal: as `reconnect_if_lost`; the next call tries again.
        """
        if self._lost or self._snapshots_seen < MOST_SNAPSHOTS:
            self.reconnect_if_lost()
            return
        seen, self._lost = self._snapshots_seen, True
        self._attach_anew()
        log.info("lake_renewed", catalog=self.catalog, snapshots=seen)

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
        self._attach_anew()
        log.info("lake_reconnected", catalog=self.catalog)

    def _attach_anew(self) -> None:
        self._disconnect()
        self._connect()
        self._attach(create=False)
        self._lost = False
        HEALTH.has_lake(attached=True)

    def _saw(self, snapshot_id: int) -> int:
        """Count a snapshot that this connection has read or made, and return it."""
        self._snapshots_seen += snapshot_id != self._newest_seen
        self._newest_seen = snapshot_id
        return snapshot_id

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

    # -- transactions and errors -----------------------------------------------------------------------------

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
        HEALTH.moved()
        try:
            yield
        except duckdb.Error as error:
            raise self.failure(error, doing) from error

    def failure(self, error: duckdb.Error, doing: str) -> BillstreamError:
        """Translate an error of DuckDB's about this lake, for work with `engine`; see `common.lake.failures`."""
        known = damage(error, self.catalog, translate(error, doing))
        if isinstance(known, DataPathRefused):
            return self._storage.refused(self._con, known)
        broken = broke_down(error)
        if broken and type(known) is Fatal:
            known = self._explained(known)
        self._lost = self._lost or isinstance(known, CatalogUnavailable) or broken
        if self._lost:
            HEALTH.has_lake(attached=False)
        return known

    def _explained(self, breakdown: Fatal) -> BillstreamError:
        """Find out what a breakdown of DuckDB means: a lost catalog, or an error of DuckDB's own.

        DuckLake does not check each answer of a server: a connection that is lost while rows are read that the catalog
        keeps itself looks like an error of DuckDB's. A server that restarts may answer again by the time it is asked.
        """
        if self._catalog.host_local:
            return breakdown
        if not succeeds(self._catalog.ask_sql(), [self._catalog.extension]):
            return CatalogUnavailable(f"the catalog does not answer, and DuckDB broke down: {breakdown}")
        if not self._lost:  # a DuckDB that broke down answers nothing more until it is replaced; that counts once
            again, self._broke_at = time.monotonic() - self._broke_at < ONE_BREAKDOWN_SECONDS, time.monotonic()
            if again:
                return breakdown
        return CatalogUnavailable(f"DuckDB broke down, perhaps over a lost connection to the catalog: {breakdown}")

    def _prepare_storage(self) -> None:
        with self._translated("reaching the data path"):
            self._storage.prepare(self._con)

    @once_more
    def _probe_storage(self) -> None:
        with self._translated(f"trying the data path {self._storage.location}"):
            probe(self._storage, self._con)

    # -- opening -----------------------------------------------------------------------------------------

    def _connect(self) -> None:
        self._snapshots_seen = 0
        self._storage: Storage = storage_from(self._settings.data_location)
        names = ["ducklake", self._catalog.extension, *self._storage.extensions]
        self._con = start_engine(self._settings, self._scratch.path, names)
        if not self._caches_files:
            self._con.execute("SET enable_external_file_cache = false")
        self._beside = beside(self._con)

    @property
    def _caches_files(self) -> bool:
        """False where files are on a disk: the system caches them, and DuckDB's copy would grow with every new file."""
        return not isinstance(self._storage, LocalStorage)

    def _disconnect(self) -> None:
        """Detach, then close: a connection that is closed with its lake attached may keep the catalog busy."""
        self._beside.close()
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
        with self._translated(f"opening the lake at {where}"), self._catalog.reading():
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
            # DuckLake accepts options of committed tables only; a process may have ended before it set them.
            if applied or options_differ(self._con):
                with self._transaction():  # a commit for each took longer than all the scripts together
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
