"""Translation of DuckDB's exceptions into those of billstream.

DuckDB reports errors of the catalog database and of the object store only in the text of its exceptions, so this is the
only place where a text decides. A wrong decision here loses nothing: after a retryable error the unit is decided again
from the ledger, and an unknown error is fatal.
"""

import re

import duckdb

from billstream.common.errors import BillstreamError, CatalogUnavailable, ClaimRefused, Fatal, NoRoom, WriteConflict
from billstream.common.lake.data_path import data_path_fault
from billstream.common.masking import masked

CLAIM_REFUSED = "billstream: claim refused"

_CONFLICT = re.compile(
    r"transaction conflict|conflict with|attempting to (?!fetch)|write-write|database is locked|"
    r"could not serialize|deadlock detected|duplicate key|tuple concurrently updated",
    re.IGNORECASE,
)
_NO_ROOM = re.compile(
    r"no space left|disk quota exceeded|file too large|database or disk is full|disk is full|not enough space",
    re.IGNORECASE,
)
_BAD_DISK = re.compile(r"disk i/o error", re.IGNORECASE)  # SQLite cannot create the files that it needs to read
_UNAVAILABLE = re.compile(
    # When the connection is lost inside a transaction, DuckDB reports that it could not end the transaction.
    r"failed to execute query \"(?:begin|commit|rollback)|"
    # The same while a statement is planned: only the next question to the catalog fails, and says this.
    r"current transaction is aborted \(please rollback\)|"
    # DuckLake asked the catalog, and reads an answer that is an error.
    r"attempting to fetch from an unsuccessful query result|"
    r"could not connect|connection refused|unable to connect|server closed the connection|terminating connection|"
    r"connection (?:to server|timed out|reset|error)|the database system is|no connection to the server|"
    r"could not establish|timed? ?out|too many (?:connections|clients)|could not translate host name|"
    r"could not (?:send|receive) (?:data|startup)|ssl syscall error|ssl connection has been closed|canceling statement|"
    r"read-only transaction|session is (?:not )?read-only|standby mode|http error|http (?:5\d\d|429)|slow ?down",
    re.IGNORECASE,
)
_LONGEST_TEXT = 600
# After either, DuckDB answers nothing more. DuckLake may hand the first one on inside another error.
_BROKEN = re.compile(
    r"database has been invalidated because of a previous fatal error|\binternal error: ", re.IGNORECASE
)
_STACK_TRACE = re.compile(r"\s*Stack Trace:.*", re.DOTALL)  # names of functions, and paths: no words about the cause


def _table(advice_by_pattern: dict[str, str]) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(pattern, re.IGNORECASE), advice) for pattern, advice in advice_by_pattern.items())


# What a server, or its client, refuses for good while connecting: waiting changes nothing. Everything else is waited
# for; a host name that is not known, too, as the name server of a fleet learns it when that host starts.
_CONNECTING = re.compile(r"unable to connect to postgres|fatal:|fe_sendauth", re.IGNORECASE)
_CONNECTION_REFUSED = _table(
    {
        r"authentication failed for user|no password supplied|empty password": (
            "PostgreSQL refuses the user or the password. Correct them in BILLSTREAM_CATALOG, or in PGPASSWORD or the "
            "password file (PGPASSFILE, ~/.pgpass)."
        ),
        r'role ".*" (?:does not exist|is not permitted to log in)': (
            "PostgreSQL has no such user, or does not let it log in. Create the role with LOGIN, or correct the user "
            "in BILLSTREAM_CATALOG."
        ),
        r'database ".*" does not exist': (
            "The server has no such database. Create it with `createdb`, or correct its name in BILLSTREAM_CATALOG."
        ),
        r"pg_hba\.conf": (
            "The server's pg_hba.conf does not let this user in from this host, or not without TLS. Add a line there, "
            "or `sslmode=require` to BILLSTREAM_CATALOG."
        ),
        r"ssl was required|does not support ssl|weak sslmode|channel binding|certificate verify failed|"
        r"certificate file|private key file|could not (?:load|read) .*certificate|server certificate for|"
        r"server's host name|does not match host name|tlsv1\w* alert|sslv3 alert|wrong version number|"
        r"unsupported protocol": (
            "The server and the TLS options do not go together. Correct sslmode, sslrootcert, sslcert and sslkey in "
            "BILLSTREAM_CATALOG, or the server's certificate."
        ),
        r"invalid connection option|invalid \w+ value|invalid integer value|invalid port number|could not match \d+|"
        r'\w+ value "[^"]*" |could not parse network address|definition of service|service file|service name|'
        r"configuration parameter|for parameter|command-line argument|connection info string|"
        r"auth(?:entication)? method|kerberos|gssapi|sspi|requirepeer|peer user name": (
            "An option of BILLSTREAM_CATALOG, or one of libpq's own variables (PGSSLMODE and the like), is not "
            "accepted. Correct it."
        ),
    }
)
# What the database, or DuckLake, refuses for good at any time.
_REFUSED = _table(
    {
        r"permission denied for (?:access method|column|database|function|large object|relation|schema|sequence|table|"
        r"tablespace|type|view)|must be owner of": (
            "The user of BILLSTREAM_CATALOG lacks a privilege in the database. GRANT it; `billstream init` needs the "
            "owner of the lake's tables."
        ),
        r"existing ducklake at metadata catalog .* does not exist": (
            "There is no billstream lake in this catalog yet. Run `billstream init`."
        ),
        r'data_path parameter "(.*)" does not match existing data path in the catalog "(.*)"': (
            "The lake of this catalog has its files at {1}, and the data path is set to {0}. Correct "
            "BILLSTREAM_DATA_PATH, or BILLSTREAM_CATALOG if you mean another lake. If the files were moved, stop all "
            "other commands and run `billstream relocate`."
        ),
    }
)
# How DuckDB begins such a text; it says nothing about the reason.
_ATTACHING = re.compile(r'\A.*?unable to connect to postgres at "[^"]*": ', re.IGNORECASE | re.DOTALL)
# The statement that failed is part of the text, and it may contain texts of strangers.
_STATEMENT = re.compile(r'failed to (?:execute query|prepare copy|prepare query) ".*": ', re.IGNORECASE | re.DOTALL)


def translate(  # noqa: PLR0911 - one for each outcome
    error: duckdb.Error,
    doing: str,
    *,
    asked: str = "the catalog or the data path",
    setting: str = "BILLSTREAM_CATALOG",
) -> BillstreamError:
    """Translate an error into the class that decides what happens next, with a text short enough for a log line.

    Args:
        error: what DuckDB raised.
        doing: what was being done; the text begins with it.
        asked: what should have answered.
        setting: what names the database, for the advice.

    Returns:
        `ClaimRefused`, `WriteConflict`, `NoRoom`, `CatalogUnavailable`, or `Fatal` for any other error;
        `DataPathRefused` is the `Fatal` for which fresh credentials may help.
    """
    text = _STACK_TRACE.sub("", str(error))
    if CLAIM_REFUSED in text:
        return ClaimRefused(f"{doing}: another consumer was first.")
    short = _shortened(text)
    # First: S3's own sentences have words in them that mean something else about a catalog.
    if fault := data_path_fault(without_statement(text)):
        return fault.explained(doing, short)
    if refusal := refusal_of(without_statement(text), setting):
        return Fatal(f"{doing}: {refusal}")
    if _CONFLICT.search(text):
        return WriteConflict(f"{doing}: another writer was first. {short}")
    if _NO_ROOM.search(text):
        return NoRoom(f"{doing}: the disk is full. {short}")
    if _BAD_DISK.search(text):
        return NoRoom(f"{doing}: the disk is full, or it fails. {short}")
    if isinstance(error, duckdb.HTTPException | duckdb.ConnectionException) or _UNAVAILABLE.search(text):
        return CatalogUnavailable(f"{doing}: {asked} does not answer. {short}")
    return Fatal(f"{doing} failed: {short}")


def broke_down(error: duckdb.Error) -> bool:
    """Return whether DuckDB met an error of its own: this instance of it answers nothing more."""
    if isinstance(error, duckdb.InternalException | duckdb.FatalException):
        return True
    return bool(_BROKEN.search(without_statement(str(error))))


def without_statement(text: str) -> str:
    """Cut the statement that failed, and the stack trace of an error of DuckDB's own, out of a text of DuckDB's."""
    return _STATEMENT.sub("", _STACK_TRACE.sub("", text))


def refusal_of(cause: str, setting: str) -> str | None:
    """Return what PostgreSQL refuses for good, and what to do; None for any other failure.

    Args:
        cause: the text of whichever client, without a statement.
        setting: what names the database, for the advice.
    """
    for pattern, advice in (*(_CONNECTION_REFUSED if _CONNECTING.search(cause) else ()), *_REFUSED):
        if match := pattern.search(cause):
            if match.groups():  # what names its details in the advice needs no second sentence
                return masked(advice.format(*match.groups()))
            return f"{advice.replace('BILLSTREAM_CATALOG', setting)} ({_shortened(cause)})"
    return None


def _shortened(text: str) -> str:
    """Mask secrets, then cut the middle out of a long text: it is the SQL of a whole commit, and the cause is last."""
    flat = " ".join(masked(_ATTACHING.sub("", text)).split())
    half = _LONGEST_TEXT // 2
    return flat if len(flat) <= _LONGEST_TEXT else f"{flat[:half]} … {flat[-half:]}"
