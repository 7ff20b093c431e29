"""A copy of the lake in a schema of a PostgreSQL database, written through DuckDB's own client of PostgreSQL.

A transaction of DuckDB writes to one database only. So this is a DuckDB of its own, beside that of the lake: rows come
as Parquet files, and one transaction of the server has rows and watermark.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from billstream.common.errors import (
    BillstreamError,
    CatalogUnavailable,
    Fatal,
    Misconfigured,
    ServiceUnavailable,
    WriteConflict,
)
from billstream.common.failpoints import failpoint
from billstream.common.lake import Lake
from billstream.common.lake.catalog import literal
from billstream.common.lake.engine import load_extensions
from billstream.common.lake.failures import translate, without_statement
from billstream.common.lake.postgres_catalog import secret_sql
from billstream.common.lake.postgres_url import PostgresUrl
from billstream.common.metrics.health import HEALTH
from billstream.common.statements import statement
from billstream.publishing.days import Piece
from billstream.publishing.postgres import layout
from billstream.publishing.postgres.contents import PostgresContents
from billstream.publishing.tables import Table
from billstream.publishing.watermark import Watermark

_DATABASE = "target"
# Two processes that publish at once take turns. It comes before the first look, which then sees what the other did.
_TAKE_TURNS = "LOCK TABLE {schema}.watermark IN EXCLUSIVE MODE"


class PostgresTarget:
    """One schema of one database. Not for use by two threads at a time.

    Args:
        name: of the target, in the file of targets.
        url: the database.
        setting: the variable that holds the URL, for advice.
        schema: a name of letters, digits and underscores.
        readers: the role that may read the copy; None for nobody but the owner.
        lake: whose scratch space and limits are used.
    """

    kind = "postgres"

    def __init__(
        self, name: str, url: PostgresUrl, *, setting: str, schema: str, readers: str | None, lake: Lake
    ) -> None:
        self.name = name
        self._url, self._setting = url, setting
        self._schema, self._readers = schema, readers
        self._lake = lake
        self._con: duckdb.DuckDBPyConnection | None = None
        self._granted = False

    @property
    def place(self) -> str:
        """Return the URL without password and options, and the schema."""
        return f"{self._url.description} schema {self._schema}"

    def watermark(self) -> Watermark | None:
        """See `target.Target`."""
        with self._connected("reading the watermark") as con:
            watermarks, *_ = self._found(con, ())
            return self._watermark(con) if watermarks else None

    @contextmanager
    def contents(self) -> Iterator[PostgresContents]:
        """See `target.Target`. A transaction of DuckDB's with a server sees one state of it."""
        with self._connected("reading the copy") as con:
            con.execute("BEGIN TRANSACTION")
            try:
                watermarks, *_ = self._found(con, ())
                mark = self._watermark(con) if watermarks else None
                yield PostgresContents(lambda text: _query(con, text), self._schema, mark)
            finally:
                with suppress(duckdb.Error):  # a statement that failed may have ended it
                    con.execute("ROLLBACK")

    def prepare(self, tables: Sequence[Table]) -> None:
        """See `target.Target`. Tables that others made with these names are refused."""
        with self._connected("making the tables") as con, _transaction(con, "publish prepare"):
            watermarks, there, partitioned, timescale = self._found(con, tables)
            if there and not watermarks:
                raise Misconfigured(
                    f"{self.place} has tables of the same names that billstream did not make; nothing was changed. "
                    "Name another schema in the file of BILLSTREAM_TARGETS."
                )
            new = not watermarks
            statements = layout.table_statements(self._schema, tables, partitioned=partitioned or not timescale)
            _run(con, ";\n".join(statements))
            if new and timescale:
                hyper = statement(__name__, "hypertable", timescale=timescale, charges=self._literal("charges"))
                _run(con, hyper)

    @contextmanager
    def changing(self, since: Watermark | None, new: Watermark) -> Iterator["_Changing"]:
        """See `target.Target`."""
        with self._connected("changing the copy") as con:
            with _transaction(con, "publish commit"):
                _run(con, _TAKE_TURNS.format(schema=layout.quoted(self._schema)))
                if self._watermark(con) != since:
                    raise WriteConflict(f"Another process has published to {self.name}.")
                self._grant(con)
                yield _Changing(con, self._schema, self._partitions(con))
                mark = f"{layout.quoted(self._schema)}.{layout.WATERMARK}"
                _run(con, f"DELETE FROM {mark}")
                row = [new.lake_id, new.snapshot_id, new.read_at, new.read_time, new.refreshed_at, new.layout]
                con.execute(f"INSERT INTO {_DATABASE}.{mark} VALUES (?, ?, ?, ?, ?, ?, ?)", [*row, datetime.now(UTC)])
            self._granted = True

    def close(self) -> None:
        """See `target.Target`."""
        con, self._con = self._con, None
        if con:
            con.close()

    def _watermark(self, con: duckdb.DuckDBPyConnection) -> Watermark | None:
        rows = _query(con, statement(__name__, "watermark", schema=layout.quoted(self._schema)))
        if not rows:
            return None
        lake_id, snapshot_id, read_at, read_time, refreshed_at, digest = rows[0]
        return Watermark(
            lake_id=lake_id,
            snapshot_id=snapshot_id,
            read_at=read_at,
            read_time=read_time,
            refreshed_at=refreshed_at,
            layout=digest,
        )

    def _found(self, con: duckdb.DuckDBPyConnection, tables: Sequence[Table]) -> tuple[int, int, bool, str | None]:
        """Return the number of watermarks and tables there, whether charges are partitioned, TimescaleDB's schema."""
        names = ", ".join(literal(table.name) for table in tables) or "NULL"
        text = statement(
            __name__, "found", schema=literal(self._schema), tables=names, charges=self._literal("charges")
        )
        ((watermarks, there, partitioned, timescale),) = _query(con, text)
        return watermarks, there, partitioned, timescale

    def _partitions(self, con: duckdb.DuckDBPyConnection) -> set[str] | None:
        """Return the partitions of the charges; None where PostgreSQL does not partition them, as with TimescaleDB."""
        _, _, partitioned, _ = self._found(con, ())
        text = statement(__name__, "partitions", charges=self._literal("charges"))
        return {name for (name,) in _query(con, text)} if partitioned else None

    def _grant(self, con: duckdb.DuckDBPyConnection) -> None:
        if self._readers is None or self._granted:
            return
        if not _query(con, f"SELECT 1 FROM pg_roles WHERE rolname = {literal(self._readers)}"):
            raise Misconfigured(
                f"{self._url.description} has no role {self._readers}, which is to read the copy; nothing was changed. "
                f"Create it: CREATE ROLE {layout.quoted(self._readers)}; or leave `readers` out of the target."
            )
        _run(con, ";\n".join(layout.grants(self._schema, self._readers)))

    def _literal(self, table: str) -> str:
        return literal(f"{layout.quoted(self._schema)}.{layout.quoted(table)}")

    @contextmanager
    def _connected(self, doing: str) -> Iterator[duckdb.DuckDBPyConnection]:
        HEALTH.moved()
        doing = f"target {self.name}: {doing}"
        try:
            if self._con is None:
                self._con = self._connect()
            yield self._con
        except duckdb.Error as error:
            self.close()  # whatever broke, the next call begins with a new connection
            raise self._failure(error, doing) from error

    def _connect(self) -> duckdb.DuckDBPyConnection:
        con = self._lake.computing_engine()
        try:
            load_extensions(con, ["postgres_scanner"])
            # A text of PostgreSQL's has no NUL; without this a single one would stop everything.
            con.execute(f"SET pg_null_byte_replacement = {literal(layout.NULL_BYTE)}")
            con.execute(secret_sql(self._url, "billstream_target"))
            con.execute(f"ATTACH '' AS {_DATABASE} (TYPE postgres, SECRET billstream_target)")
        except BaseException:
            con.close()
            raise
        return con

    def _failure(self, error: duckdb.Error, doing: str) -> BillstreamError:
        cause = without_statement(str(error))
        known = translate(error, doing, asked=f"the target {self._url.description}", setting=self._setting)
        if "permission denied" in cause or "must be owner" in cause:
            return Misconfigured(
                f"{doing}: the user of {self._setting} lacks a privilege; nothing was changed. It needs CREATE on the "
                f"database, or a schema {self._schema} of its own. ({cause.strip()[-300:]})"
            )
        if isinstance(known, CatalogUnavailable):
            return ServiceUnavailable(str(known))
        if type(known) is Fatal and "Unable to connect" in cause:
            return Misconfigured(str(known))
        return known


class _Changing:
    """The changes of one open transaction; see `target.Changing`. `partitions` are those of the charges."""

    def __init__(self, con: duckdb.DuckDBPyConnection, schema: str, partitions: set[str] | None) -> None:
        self._con, self._schema, self._partitions = con, schema, partitions

    def clear(self, table: Table, piece: Piece | None) -> None:
        """Let the server remove them: DuckDB would fetch where each row is."""
        _run(self._con, layout.clear_statement(self._schema, table, piece))

    def add(self, table: Table, piece: Piece, path: Path) -> int:
        """Copy them, in the binary form of PostgreSQL's COPY."""
        if table.is_charges and self._partitions is not None:
            self._make_partitions(table, piece, self._partitions)
        names = ", ".join(layout.quoted(column.name) for column in table.copied)
        values = ", ".join(layout.value_of(column) for column in table.copied)
        into = f"{_DATABASE}.{layout.quoted(self._schema)}.{layout.quoted(table.name)}"
        ((rows,),) = self._con.execute(
            f"INSERT INTO {into} ({names}) SELECT {values} FROM read_parquet(?, hive_partitioning = false)", [str(path)]
        ).fetchall()
        return int(rows)

    def _make_partitions(self, table: Table, piece: Piece, there: set[str]) -> None:
        for name, statements in layout.partitions(self._schema, table, piece).items():
            if name not in there:
                _run(self._con, ";\n".join(statements))
                there.add(name)


@contextmanager
def _transaction(con: duckdb.DuckDBPyConnection, step: str) -> Iterator[None]:
    con.execute("BEGIN TRANSACTION")
    try:
        yield
        with failpoint(step):
            con.execute("COMMIT")
    except BaseException:
        with suppress(duckdb.Error):  # a COMMIT that failed has ended the transaction
            con.execute("ROLLBACK")
        raise
    con.execute("CALL pg_clear_cache()")  # tables that were made in it


def _run(con: duckdb.DuckDBPyConnection, sql: str) -> None:
    con.execute("CALL postgres_execute(?, ?)", [_DATABASE, sql])


def _query(con: duckdb.DuckDBPyConnection, sql: str) -> list[tuple]:  # type: ignore[type-arg]
    return con.execute("SELECT * FROM postgres_query(?, ?)", [_DATABASE, sql]).fetchall()
