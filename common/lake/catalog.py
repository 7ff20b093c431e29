"""The two kinds of catalog database, SQLite and PostgreSQL, with all differences between them."""

import errno
import json
import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Protocol

import duckdb

from billstream.common.errors import Misconfigured
from billstream.common.lake.only_writer import only_writer
from billstream.common.lake.postgres_url import FORM, SCHEMES, PostgresUrl, read_url
from billstream.common.lake.readers_lock import ReadersLock
from billstream.common.places import prepare_folder, usable

METADATA = "__ducklake_metadata_lake"  # how DuckLake names the catalog database of `lake`
GUARD_TABLE = f"{METADATA}.processed_key"  # for questions about all scopes; about a few, ask `Lake.processed_keys`
BUSY_MILLISECONDS = 10_000
PASSWORD = "<password>"  # noqa: S105 - stands for one in a printed statement

Row = tuple[str | None, ...]
"""A row of the guard's table, its columns in the order of `common.lake.guard.COLUMNS`."""

_PURPOSE = "the lake's catalog"
_VARIABLE = "BILLSTREAM_CATALOG"
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
# What is no path of a file: a URL, another scheme, user and password before a host, key=value of libpq or ODBC.
_NO_PATH = re.compile(
    r"""://
    | \A [a-z][\w+.-]* :
    | \A (?! / (?!/) | \.{1,2}/ ) [^@]* : .* @
    | [\x00-\x1f]
    | (?: \A | [\s;:?&,'"] ) (?: host (?:addr)? | port | user (?: \ ?(?:id|name) )? | uid | pass (?:word|wd|file)? | pwd
        | dbname | database | server | data\ source | service | ssl\w* | \w*key | secret | token | options
        | application_name ) \s* =
    """,
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)


def literal(text: str) -> str:
    """Quote a text as an SQL string literal, for statements without parameters (ATTACH, LOAD, CREATE SECRET)."""
    return "'" + text.replace("'", "''") + "'"


def _sql(name: str) -> str:
    return (files("billstream.common.lake") / "sql" / name).read_text()


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

    def reading(self) -> AbstractContextManager[None]:
        """Return a context to hold around each statement, or each transaction, that reads."""

    def writing(self, *, alone: bool = False) -> AbstractContextManager[None]:
        """Return a context to hold around each write transaction; `alone`: it removes rows of the catalog's tables."""


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
            guard.executescript(f"BEGIN IMMEDIATE;\n{_sql('guard.sqlite.sql')}\nCOMMIT;")
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
            [METADATA, _sql(f"{query}.sqlite.sql"), json.dumps(list(digests))],
        ).fetchall()

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


@dataclass(frozen=True)
class PostgresCatalog:
    """A catalog in a PostgreSQL database: any number of processes on any number of hosts.

    DuckLake's tables and the guard are in the schema `public`, whatever the search path of the user.
    """

    url: PostgresUrl

    @property
    def description(self) -> str:
        """Return the URL without password and options."""
        return self.url.description

    @property
    def extension(self) -> str:
        """Return DuckDB's client of PostgreSQL."""
        return "postgres_scanner"

    @property
    def host_local(self) -> bool:
        """Return False: a server can be reached from other hosts."""
        return False

    def attach_sql(self, options: Sequence[str]) -> list[str]:
        """Return the statements; the whole URL is in a secret, so that no error text of DuckDB can show it."""
        parts = {
            "HOST": ",".join(self.url.hosts),
            "PORT": ",".join(self.url.ports),
            "DATABASE": self.url.database,
            "USER": self.url.user,
            "PASSWORD": self.url.password,
            **{name.upper(): value for name, value in sorted(self.url.options.items())},
        }
        # An empty part would keep libpq from asking PGPASSWORD, the password file or the service.
        pairs = ", ".join(f"{name} {literal(value)}" for name, value in parts.items() if value)
        clauses = ", ".join([*options, "META_SECRET 'billstream_catalog'"])
        return [
            f"CREATE OR REPLACE SECRET billstream_catalog (TYPE postgres, {pairs})",
            f"ATTACH 'ducklake:postgres:' AS lake ({clauses})",
        ]

    def connect_sql(self, options: Sequence[str]) -> list[str]:
        """Return the same statements without the passwords."""
        shown = {name: PASSWORD if "password" in name else value for name, value in self.url.options.items()}
        without = replace(self.url, password=PASSWORD, options=shown)
        return PostgresCatalog(without).attach_sql(options)

    def exists(self) -> bool:
        """Return True: only a connection can tell."""
        return True

    def ask_sql(self) -> list[str]:
        """Return the secret, a connection without DuckLake, and the smallest question."""
        return [
            self.attach_sql([])[0],
            "ATTACH '' AS asked (TYPE postgres, SECRET billstream_catalog, READ_ONLY)",
            "FROM postgres_query('asked', 'SELECT 1')",
        ]

    def make_room(self) -> None:
        """Do nothing: the administrator creates the database."""

    def inspect(self, *, writing: bool) -> None:
        """Do nothing: the server decides."""

    def install_guard(self, con: duckdb.DuckDBPyConnection, attach: Sequence[str]) -> None:  # noqa: ARG002 - the port's form
        """Run the guard's script on the server."""
        con.execute("CALL postgres_execute(?, ?)", [METADATA, _sql("guard.postgres.sql")])

    def guarded(self, con: duckdb.DuckDBPyConnection, query: str, digests: Sequence[str]) -> list[Row]:
        """Let PostgreSQL itself search: a scan through DuckDB would read the whole table."""
        # The query is passed on as a text, and DuckDB binds no values in it: only digests may become part of it.
        if any(not _DIGEST.match(digest) for digest in digests):
            raise ValueError("a digest is a SHA-256 in hexadecimal")
        sql = _sql(f"{query}.postgres.sql").replace("{digests}", literal(json.dumps(list(digests))))
        return con.execute("SELECT * FROM postgres_query(?, ?)", [METADATA, sql]).fetchall()

    def reading(self) -> AbstractContextManager[None]:
        """Return an empty context: all that a transaction reads is of one snapshot of PostgreSQL's."""
        return nullcontext()

    def writing(self, *, alone: bool = False) -> AbstractContextManager[None]:  # noqa: ARG002 - the port's form
        """Return an empty context: PostgreSQL coordinates its writers."""
        return nullcontext()


def catalog_from_url(url: str) -> Catalog:
    """Return the catalog that `BILLSTREAM_CATALOG` names.

    Raises:
        Fatal: the value is neither a path nor a postgresql:// URL that can be read. The text does not repeat it, as it
            may have a password.
    """
    url = url.strip()  # a value from a file often ends with a line break
    if url.startswith(SCHEMES):
        return PostgresCatalog(read_url(url))
    path = url.removeprefix("sqlite:///")
    if _NO_PATH.search(path):
        raise Misconfigured(
            "BILLSTREAM_CATALOG is neither the path of a file nor a postgresql:// URL. A connection string such as "
            f"`host=… password=…` has to be written as a URL: {FORM}. A path with a colon begins with `/` or `./`."
        )
    return SqliteCatalog(Path(path))
