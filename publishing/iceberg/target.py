"""A copy of the lake as five Iceberg tables in one namespace of a catalog, written by pyiceberg.

Each table is changed in one commit of its own. The watermark of a table is in that commit; what the watermarks of all
tables mean is in `marks`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import structlog
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError, NotInstalledError
from pyiceberg.schema import Schema
from pyiceberg.table import Table as IcebergTable
from pyiceberg.types import IcebergType

from billstream.common.errors import Misconfigured, Retryable, WriteConflict
from billstream.common.failpoints import failpoint
from billstream.common.lake import Lake
from billstream.common.lake.tables import CHARGES
from billstream.common.masking import masked
from billstream.common.metrics.health import HEALTH
from billstream.publishing.config import IcebergPlace
from billstream.publishing.days import Piece
from billstream.publishing.iceberg.change import TableChange
from billstream.publishing.iceberg.contents import IcebergContents
from billstream.publishing.iceberg.expiry import cleaned, expire
from billstream.publishing.iceberg.failures import translated
from billstream.publishing.iceberg.layout import months_of, schema_of
from billstream.publishing.iceberg.marks import LAKE_ID, State, read_state
from billstream.publishing.tables import AGGREGATES, Table
from billstream.publishing.watermark import Watermark

log = structlog.get_logger(__name__)

TABLES = (CHARGES, *AGGREGATES)
"""The order of the commits. It is the same for every process, so of two only one gets beyond the first table."""

_MADE = "billstream.made"
_PROPERTIES = {
    _MADE: "true",
    "format-version": "2",  # what every engine reads
    "write.parquet.compression-codec": "zstd",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
    # Once, so that a commit whose answer was lost is looked for before it counts as refused; see `change.commit`.
    "commit.retry.num-retries": "1",
}


class IcebergTarget:
    """One namespace of one catalog. Not for use by two threads at a time.

    Args:
        name: of the target, in the file of targets.
        place: its catalog and namespace.
        lake: whose scratch space and limits are used.
    """

    kind = "iceberg"

    def __init__(self, name: str, place: IcebergPlace, *, lake: Lake) -> None:
        self.name = name
        self._place, self._lake = place, lake
        self._catalog: Catalog | None = None
        self._engine: duckdb.DuckDBPyConnection | None = None

    @property
    def place(self) -> str:
        """Return the catalog without secrets, and the namespace."""
        return self._place.description

    def watermark(self) -> Watermark | None:
        """See `target.Target`."""
        with self._connected("reading the watermark") as catalog:
            found = self._tables(catalog)
            return read_state([table.metadata for table in found]).watermark if len(found) == len(TABLES) else None

    @contextmanager
    def contents(self) -> Iterator[IcebergContents]:
        """See `target.Target`. The state of each table is that of its newest commit when the block begins."""
        with self._connected("reading the copy") as catalog:
            tables = {table.name()[-1]: table for table in self._tables(catalog)}
            yield IcebergContents(tables, self._computing())

    def prepare(self, tables: Sequence[Table]) -> None:
        """See `target.Target`. Tables that others made with these names are refused."""
        with self._connected("making the tables") as catalog, failpoint("publish prepare"):
            there = {table.name()[-1]: table for table in self._tables(catalog)}
            for name, table in there.items():
                if _MADE not in table.properties:
                    raise Misconfigured(
                        f"{self.place} has a table {name} that billstream did not make; nothing was changed. Name "
                        "another namespace in the file of BILLSTREAM_TARGETS."
                    )
            catalog.create_namespace_if_not_exists(self._place.namespace)
            for wanted in tables:
                schema = schema_of(wanted)
                if wanted.name in there:
                    self._add_columns(there[wanted.name], schema)
                    continue
                catalog.create_table(
                    (self._place.namespace, wanted.name),
                    schema,
                    partition_spec=months_of(schema),
                    properties=_PROPERTIES | {"comment": wanted.comment} | cleaned(datetime.now(UTC)),
                )

    @contextmanager
    def changing(self, since: Watermark | None, new: Watermark) -> Iterator["_Changing"]:
        """See `target.Target`; here each table has a transaction, and the copy has moved with the last commit.

        Whoever reads two tables meanwhile compares their watermarks. Where this ends early, the next one begins again
        at `since`, whichever tables were committed.
        """
        with self._connected("changing the copy") as catalog:
            found = self._tables(catalog)
            if len(found) != len(TABLES):
                raise WriteConflict(f"Tables of {self.place} were removed meanwhile.")
            state = read_state([table.metadata for table in found])
            if state.watermark != since:
                raise WriteConflict(f"Another process has published to {self.name}.")
            for table in found:
                if table.properties.get(LAKE_ID, new.lake_id) != new.lake_id:
                    raise Misconfigured(
                        f"{self.place} has a copy of another lake; nothing was changed. Name another namespace in the "
                        "file of BILLSTREAM_TARGETS, or drop the tables that are there."
                    )
            changing = _Changing(found, state, self._computing(), new)
            try:
                yield changing
                changing.commit_up_to(None)
            except BaseException:
                changing.discard()
                raise
        self._expire(found)

    def close(self) -> None:
        """See `target.Target`."""
        engine, self._engine = self._engine, None
        catalog, self._catalog = self._catalog, None
        if engine:
            engine.close()
        if catalog:
            catalog.close()

    def _tables(self, catalog: Catalog) -> list[IcebergTable]:
        """Return those of the tables that are there, in the order of their commits, as they are now."""
        found = []
        for name in TABLES:
            try:
                found.append(catalog.load_table((self._place.namespace, name)))
            except (NoSuchTableError, NoSuchNamespaceError):
                continue
        return found

    def _add_columns(self, table: IcebergTable, wanted: Schema) -> None:
        there = {one.name: one.field_type for one in table.schema().fields}
        for one in wanted.fields:
            if one.name in there and not _same(there[one.name], one.field_type):
                raise Misconfigured(
                    f"{self.place}: the column {one.name} of {table.name()[-1]} is {there[one.name]}, and now has to "
                    f"be {one.field_type}; nothing was changed. Drop the tables; the next run makes them anew."
                )
        with table.update_schema() as update:
            for one in wanted.fields:
                if one.name not in there:
                    update.add_column(one.name, one.field_type, doc=one.doc)

    def _expire(self, tables: Sequence[IcebergTable]) -> None:
        """Remove old snapshots and unused files. The copy is complete by now: what fails waits for the next change."""
        for table in tables:
            HEALTH.moved()
            try:
                with translated(f"target {self.name}: expiring snapshots", self.place):
                    removed = expire(table, timedelta(days=self._place.keep_days))
            except (Retryable, Misconfigured) as error:
                log.warning("target_expiry_postponed", target=self.name, table=table.name()[-1], reason=str(error))
                return
            if removed:
                log.info("target_snapshots_expired", target=self.name, table=table.name()[-1], files=removed)

    def _computing(self) -> duckdb.DuckDBPyConnection:
        if self._engine is None:
            self._engine = self._lake.computing_engine()
        return self._engine

    def _load(self) -> Catalog:
        try:
            return load_catalog(self._place.catalog_name, **self._place.properties())
        except (ValueError, ModuleNotFoundError, NotInstalledError) as error:  # of properties, and of drivers
            raise Misconfigured(
                f"target {self.name}: {self.place} cannot be opened: {masked(str(error.__cause__ or error))}. "
                "Correct its catalog in the file of BILLSTREAM_TARGETS."
            ) from error

    @contextmanager
    def _connected(self, doing: str) -> Iterator[Catalog]:
        HEALTH.moved()
        try:
            with translated(f"target {self.name}: {doing}", self.place):
                if self._catalog is None:
                    self._catalog = self._load()
                yield self._catalog
        except Retryable:
            self.close()  # whatever broke, the next call begins with a new connection
            raise


@dataclass
class _Changing:
    """The changes of five tables, one after the other; see `target.Changing`."""

    tables: Sequence[IcebergTable]
    state: State
    engine: duckdb.DuckDBPyConnection
    new: Watermark
    _committed: int = 0
    _open: TableChange | None = field(default=None, repr=False)

    def clear(self, table: Table, piece: Piece | None) -> None:
        """See `target.Changing`."""
        self._change_of(table).clear(piece)

    def add(self, table: Table, piece: Piece, path: Path) -> int:
        """See `target.Changing`."""
        return self._change_of(table).add(table, piece, path)

    def commit_up_to(self, name: str | None) -> None:
        """Commit the tables before this one, or all. A table without changes moves its watermark."""
        while self._committed < len(TABLES) and TABLES[self._committed] != name:
            self._next().commit(self.new)
            self._open = None
            self._committed += 1

    def discard(self) -> None:
        """Leave out what was not committed."""
        if self._open:
            self._open.discard()

    def _change_of(self, table: Table) -> TableChange:
        self.commit_up_to(table.name)
        return self._next()

    def _next(self) -> TableChange:
        if self._open is None:
            base = self.state.bases[self._committed]
            self._open = TableChange(self.tables[self._committed], base, self.engine)
        return self._open


def _same(one: IcebergType, other: IcebergType) -> bool:
    """Return whether two types are one; the numbers that a map's parts have do not count."""
    return str(one) == str(other)
