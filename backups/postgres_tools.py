"""PostgreSQL's own programs: `pg_dump`, `pg_restore` and `psql`."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, urlencode

from billstream.common.errors import CatalogUnavailable, Fatal, Misconfigured, NoRoom
from billstream.common.lake.postgres_url import PostgresUrl
from billstream.common.masking import masked

_LONGEST = 600  # characters of what a program said
_MISMATCH = ("server version mismatch", "unsupported version")
_EXISTS = ("already exists",)
_FULL = ("no space left", "disk quota", "disk full")
_REFUSED = ("authentication failed", "no password supplied", "does not exist", "pg_hba.conf", "permission denied")
_AWAY = (
    "could not connect", "connection to server", "server closed", "terminating connection", "starting up", "timeout"
)  # fmt: skip


def dump(url: PostgresUrl, snapshot: str, target: Path) -> None:
    """Write the schema `public` of a database, as an exported snapshot has it, in the custom format of `pg_dump`.

    Raises:
        Misconfigured: the program is missing, too old, or refused.
        CatalogUnavailable, NoRoom: no answer, or the disk is full.
    """
    options = ["--format=custom", "--no-owner", "--no-privileges", "--schema=public"]
    _run("pg_dump", url, [*options, f"--snapshot={snapshot}", f"--file={target}"])


def has_lake(url: PostgresUrl) -> bool:
    """Return whether a database has a lake. Raises what `dump` raises."""
    sql = "SELECT to_regclass('public.ducklake_metadata') IS NOT NULL"
    return _run("psql", url, ["-X", "-A", "-t", "-c", sql]).strip() == "t"


def load(url: PostgresUrl, source: Path) -> None:
    """Load a dump into a database, all of it or nothing.

    Raises:
        Misconfigured: see `dump`; or the database has such tables already.
        CatalogUnavailable, NoRoom: see `dump`.
    """
    options = ["--no-owner", "--no-privileges", "--schema=public", "--single-transaction", "--exit-on-error"]
    _run("pg_restore", url, [*options, str(source)])


def _run(program: str, url: PostgresUrl, options: Sequence[str]) -> str:
    found = shutil.which(program)
    if not found:
        raise Misconfigured(
            f"{program} is not installed, and the catalog is in PostgreSQL. Install PostgreSQL's client programs, of "
            "the server's version or newer, or name their folder in PATH. How to save the catalog where they are: see "
            "`Backup and upgrade` in the documentation."
        )
    done = subprocess.run(  # noqa: S603 - no shell; the options are ours
        [found, f"--dbname={_address(url)}", "--no-password", *options],
        env=_environment(url),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise _explained(program, url, done.stderr)
    return done.stdout


def _address(url: PostgresUrl) -> str:
    """Return the URL for a command line, which every account of the host can read: without the password."""
    if "sslpassword" in url.options:
        raise Misconfigured(
            "BILLSTREAM_CATALOG has an sslpassword, which PostgreSQL's programs take on their command line only, where "
            "others could read it. Use a key without a password for backups, or a service file (?service=…)."
        )
    parts = {"host": ",".join(url.hosts), "port": ",".join(url.ports), "dbname": url.database, "user": url.user}
    given = {name: value for name, value in (parts | dict(url.options)).items() if value}
    return f"postgresql:///?{urlencode(given, quote_via=quote, safe='/,:')}"


def _environment(url: PostgresUrl) -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C", **({"PGPASSWORD": url.password} if url.password else {})}


def _explained(program: str, url: PostgresUrl, said: str) -> Fatal | CatalogUnavailable | NoRoom:
    cause = " ".join(said.split())  # what it means is told by the words themselves: a password may be one of them
    text = masked(cause)
    short = text.rstrip(".") if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    doing = f"{program} of {url.description}"
    if _says(cause, _MISMATCH):
        return Misconfigured(
            f"{doing}: {short}. Nothing was changed. The program is older than the server, or than the dump: put the "
            "folder of PostgreSQL's client programs of the server's version first in PATH."
        )
    if _says(cause, _EXISTS):
        return Misconfigured(
            f"{doing}: the database has a lake already, or other tables of the same names. Nothing was changed. "
            "Restore into an empty database: `createdb`, and its name in BILLSTREAM_CATALOG."
        )
    if _says(cause, _FULL):
        return NoRoom(f"{doing}: the disk is full. {short}")
    if _says(cause, _REFUSED):
        return Misconfigured(f"{doing}: {short}. Nothing was changed. Correct BILLSTREAM_CATALOG, or the privileges.")
    if _says(cause, _AWAY):
        return CatalogUnavailable(f"{doing}: the server does not answer. {short}")
    return Fatal(f"{doing} failed: {short}")


def _says(text: str, words: Sequence[str]) -> bool:
    return any(word in text.lower() for word in words)
