"""The catalog in a PostgreSQL database."""

import json
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import duckdb

from billstream.common.lake.catalog import METADATA, NEWEST_SNAPSHOT, Row, Writes, literal, script
from billstream.common.lake.postgres_url import PostgresUrl

PASSWORD = "<password>"  # noqa: S105 - stands for one in a printed statement

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


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
        clauses = ", ".join([*options, "META_SECRET 'billstream_catalog'"])
        return [
            secret_sql(self.url, "billstream_catalog"),
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
        con.execute("CALL postgres_execute(?, ?)", [METADATA, script("guard.postgres.sql")])

    def guarded(self, con: duckdb.DuckDBPyConnection, query: str, digests: Sequence[str]) -> list[Row]:
        """Let PostgreSQL itself search: a scan through DuckDB would read the whole table."""
        # The query is passed on as a text, and DuckDB binds no values in it: only digests may become part of it.
        if any(not _DIGEST.match(digest) for digest in digests):
            raise ValueError("a digest is a SHA-256 in hexadecimal")
        sql = script(f"{query}.postgres.sql").replace("{digests}", literal(json.dumps(list(digests))))
        return con.execute("SELECT * FROM postgres_query(?, ?)", [METADATA, sql]).fetchall()

    @property
    def look_seconds(self) -> float:
        """Return two seconds: each look is a question to the server."""
        return 2.0

    def writes(self) -> Writes | None:
        """Return None: the server's files are its own."""
        return None

    def newest_snapshot(self, con: duckdb.DuckDBPyConnection) -> int:
        """Let PostgreSQL itself look at the end of its index."""
        ((newest,),) = con.execute("SELECT * FROM postgres_query(?, ?)", [METADATA, NEWEST_SNAPSHOT]).fetchall()
        return int(newest)

    def reading(self) -> AbstractContextManager[None]:
        """Return an empty context: all that a transaction reads is of one snapshot of PostgreSQL's."""
        return nullcontext()

    def writing(self, *, alone: bool = False) -> AbstractContextManager[None]:  # noqa: ARG002 - the port's form
        """Return an empty context: PostgreSQL coordinates its writers."""
        return nullcontext()


def secret_sql(url: PostgresUrl, name: str) -> str:
    """Return the statement that gives a whole URL to DuckDB's client of PostgreSQL, as a secret with a name of ours."""
    parts = {
        "HOST": ",".join(url.hosts),
        "PORT": ",".join(url.ports),
        "DATABASE": url.database,
        "USER": url.user,
        "PASSWORD": url.password,
        **{option.upper(): value for option, value in sorted(url.options.items())},
    }
    # An empty part would keep libpq from asking PGPASSWORD, the password file or the service.
    pairs = ", ".join(f"{part} {literal(value)}" for part, value in parts.items() if value)
    return f"CREATE OR REPLACE SECRET {name} (TYPE postgres, {pairs})"
