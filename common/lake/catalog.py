"""The two catalog databases a DuckLake of ours may have, and all in which they differ."""

import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

import duckdb
from filelock import FileLock, Timeout

from billstream.common.errors import CatalogUnavailable, Fatal

METADATA = "__ducklake_metadata_lake"  # how DuckLake names the catalog database of `lake`
GUARD_TABLE = f"{METADATA}.processed_key"  # for questions about all scopes; about a few, ask `Lake.processed_keys`
LOCK_SECONDS = 60
BUSY_MILLISECONDS = 10_000
PASSWORD = "<password>"  # noqa: S105 - stands for one in a printed statement

Row = tuple[str | None, ...]
"""A row of the guard's table, its columns in the order of `common.lake.guard.COLUMNS`."""

# A server that has vanished without a word is given up after about a minute; the operating system would wait for hours.
_IMPATIENCE = {
    "connect_timeout": "10",
    "keepalives_idle": "20",
    "keepalives_interval": "10",
    "keepalives_count": "4",
    "tcp_user_timeout": "60000",
}

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


def literal(text: str) -> str:
    """`text` as an SQL string literal, for the statements that take no parameters (ATTACH, LOAD, CREATE SECRET)."""
    return "'" + text.replace("'", "''") + "'"


def _sql(name: str) -> str:
    return (files("billstream.common.lake") / "sql" / name).read_text()


class Catalog(Protocol):
    """Where DuckLake keeps its metadata, and where the claim guard lives."""

    @property
    def description(self) -> str:
        """The catalog's address without its secrets."""

    @property
    def extension(self) -> str:
        """DuckDB's extension that reads and writes it."""

    @property
    def host_local(self) -> bool:
        """Whether only processes on this host can reach it."""

    def attach_sql(self, options: Sequence[str]) -> list[str]:
        """The statements that attach the DuckLake as `lake`."""

    def connect_sql(self, options: Sequence[str]) -> list[str]:
        """Return `attach_sql` for another program: it runs in any folder, and placeholders stand for passwords."""

    def exists(self) -> bool:
        """Whether there may be a catalog already; False only when there surely is none."""

    def make_room(self) -> None:
        """Make what a new catalog needs to be created in."""

    def install_guard(self, con: duckdb.DuckDBPyConnection, attach: Sequence[str]) -> None:
        """Make the guard's table and trigger. The lake is attached to `con`, before and after."""

    def guarded(self, con: duckdb.DuckDBPyConnection, query: str, digests: Sequence[str]) -> list[Row]:
        """Rows of the guard's table: those that the script `query` finds for these digests, by an index."""

    def writing(self) -> AbstractContextManager[None]:
        """Held around each write transaction."""


@dataclass(frozen=True)
class SqliteCatalog:
    """A catalog in one SQLite file: any number of processes on one host."""

    path: Path

    @property
    def description(self) -> str:
        """The file's path."""
        return str(self.path)

    @property
    def extension(self) -> str:
        """DuckDB's own SQLite."""
        return "sqlite_scanner"

    @property
    def host_local(self) -> bool:
        """A file belongs to its host."""
        return True

    def attach_sql(self, options: Sequence[str]) -> list[str]:
        """One ATTACH; a reader that meets a writer waits for it."""
        clauses = ", ".join([*options, f"META_BUSY_TIMEOUT {BUSY_MILLISECONDS}"])
        return [f"ATTACH {literal(f'ducklake:sqlite:{self.path}')} AS lake ({clauses})"]

    def connect_sql(self, options: Sequence[str]) -> list[str]:
        """Return the same ATTACH, by the file's absolute path."""
        return SqliteCatalog(self.path.absolute()).attach_sql(options)

    def exists(self) -> bool:
        """Whether the file is there."""
        return self.path.exists()

    def make_room(self) -> None:
        """The file's folder."""
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def install_guard(self, con: duckdb.DuckDBPyConnection, attach: Sequence[str]) -> None:
        """Run the guard's script, and switch to write-ahead logging, through Python's own SQLite.

        DuckDB brings an SQLite library of its own. Two of them in one process must never have one file open
        at a time: when either closes the file, the operating system drops the locks of both. Hence the lake
        is detached while Python's is at work.
        """
        con.execute("USE memory")
        con.execute("DETACH lake")
        guard = sqlite3.connect(self.path, timeout=BUSY_MILLISECONDS / 1000)
        try:
            guard.execute("PRAGMA journal_mode = WAL")
            guard.executescript(f"BEGIN IMMEDIATE;\n{_sql('guard.sqlite.sql')}\nCOMMIT;")
        finally:
            guard.close()
        for statement in attach:
            con.execute(statement)

    def guarded(self, con: duckdb.DuckDBPyConnection, query: str, digests: Sequence[str]) -> list[Row]:
        """Ask SQLite itself: a scan through DuckDB would read the whole table."""
        return con.execute(
            "SELECT * FROM sqlite_query(?, ?, params => row(?))",
            [METADATA, _sql(f"{query}.sqlite.sql"), json.dumps(list(digests))],
        ).fetchall()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One writer at a time: SQLite refuses a second one now and then, however long it is told to wait.

        Raises:
            CatalogUnavailable: another process has been writing for a minute.
        """
        try:
            with FileLock(f"{self.path}.lock", timeout=LOCK_SECONDS):
                yield
        except Timeout:
            raise CatalogUnavailable(
                f"{self.path}.lock has been held by another billstream process for {LOCK_SECONDS} seconds."
            ) from None


@dataclass(frozen=True)
class PostgresCatalog:
    """A catalog in a PostgreSQL database: any number of processes on any number of hosts."""

    host: str
    port: int
    database: str
    user: str
    password: str
    options: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        """Without the password, wherever it may be printed."""
        return f"PostgresCatalog({self.description})"

    @classmethod
    def from_url(cls, url: str) -> "PostgresCatalog":
        """Read `postgresql://user:password@host:port/database?sslmode=require`.

        Raises:
            Fatal: the URL names no host or no database.
        """
        try:
            parts = urlsplit(url)
            port = parts.port or 5432
        except ValueError:
            raise Fatal("BILLSTREAM_CATALOG is not a postgresql:// URL that can be read.") from None
        options = dict(parse_qsl(parts.query))
        host = options.pop("host", None) or parts.hostname
        database = unquote(parts.path.lstrip("/"))
        if not host or not database:
            raise Fatal("BILLSTREAM_CATALOG must be postgresql://user:password@host:port/database.")
        return cls(
            host=host,
            port=port,
            database=database,
            user=unquote(parts.username or "postgres"),
            password=unquote(parts.password or ""),
            options=tuple(sorted({**_IMPATIENCE, **options}.items())),
        )

    @property
    def description(self) -> str:
        """The URL without password and options."""
        return f"postgresql://{self.user}@{self.host}:{self.port}/{self.database}"

    @property
    def extension(self) -> str:
        """DuckDB's client of PostgreSQL."""
        return "postgres_scanner"

    @property
    def host_local(self) -> bool:
        """A server is reached from anywhere."""
        return False

    def attach_sql(self, options: Sequence[str]) -> list[str]:
        """The credentials travel in a secret, so that no error text of DuckDB can show them."""
        secret = {
            "HOST": self.host,
            "PORT": str(self.port),
            "DATABASE": self.database,
            "USER": self.user,
            "PASSWORD": self.password,
        }
        pairs = ", ".join(f"{name} {literal(value)}" for name, value in secret.items())
        target = "ducklake:postgres:" + " ".join(f"{name}={value}" for name, value in self.options)
        clauses = ", ".join([*options, "META_SECRET 'billstream_catalog'"])
        return [
            f"CREATE OR REPLACE SECRET billstream_catalog (TYPE postgres, {pairs})",
            f"ATTACH {literal(target)} AS lake ({clauses})",
        ]

    def connect_sql(self, options: Sequence[str]) -> list[str]:
        """Return the same statements without the password, nor those that a URL may hold among its options."""
        shown = tuple((name, PASSWORD if "password" in name else value) for name, value in self.options)
        return replace(self, password=PASSWORD, options=shown).attach_sql(options)

    def exists(self) -> bool:
        """Only asking tells."""
        return True

    def make_room(self) -> None:
        """The database is its owner's to make."""

    def install_guard(self, con: duckdb.DuckDBPyConnection, attach: Sequence[str]) -> None:  # noqa: ARG002 - the port's form
        """Run the guard's script on the server."""
        con.execute("CALL postgres_execute(?, ?)", [METADATA, _sql("guard.postgres.sql")])

    def guarded(self, con: duckdb.DuckDBPyConnection, query: str, digests: Sequence[str]) -> list[Row]:
        """Ask PostgreSQL itself: a scan through DuckDB would read the whole table."""
        if any(not _DIGEST.match(digest) for digest in digests):
            raise ValueError("a digest is a SHA-256 in hexadecimal")
        sql = _sql(f"{query}.postgres.sql").replace("{digests}", literal(json.dumps(list(digests))))
        return con.execute("SELECT * FROM postgres_query(?, ?)", [METADATA, sql]).fetchall()

    def writing(self) -> AbstractContextManager[None]:
        """PostgreSQL takes care of its writers."""
        return nullcontext()


def catalog_from_url(url: str) -> Catalog:
    """The catalog that `BILLSTREAM_CATALOG` names.

    Raises:
        Fatal: the value is a URL of another kind.
    """
    if url.startswith(("postgresql://", "postgres://")):
        return PostgresCatalog.from_url(url)
    path = url.removeprefix("sqlite:///") if url.startswith("sqlite:///") else url
    if "://" in path:
        raise Fatal("BILLSTREAM_CATALOG must be a file path or a postgresql:// URL.")
    return SqliteCatalog(Path(path))
