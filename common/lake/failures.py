"""Translation of DuckDB's exceptions into those of billstream.

DuckDB reports errors of the catalog database and of the object store only in the text of its exceptions, so this is the
only place where a text decides. A wrong decision here loses nothing: after a retryable error the unit is decided again
from the ledger, and an unknown error is fatal.
"""

import re

import duckdb

from billstream.common.errors import BillstreamError, CatalogUnavailable, ClaimRefused, Fatal, NoRoom, WriteConflict

CLAIM_REFUSED = "billstream: claim refused"

_CONFLICT = re.compile(
    r"transaction conflict|conflict with|attempting to|write-write|database is locked|"
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
    r"could not connect|connection refused|unable to connect|server closed the connection|terminating connection|"
    r"connection (?:to server|timed out|reset|error)|the database system is|no connection to the server|"
    r"could not establish|timed? ?out|too many connections|http error|http (?:5\d\d|429)|slow ?down",
    re.IGNORECASE,
)
_LONGEST_TEXT = 600


def translate(error: duckdb.Error, doing: str) -> BillstreamError:
    """Translate an error into the class that decides what happens next, with a text short enough for a log line.

    Args:
        error: what DuckDB raised.
        doing: what was being done; the text begins with it.

    Returns:
        `ClaimRefused`, `WriteConflict`, `NoRoom`, `CatalogUnavailable`, or `Fatal` for any other error.
    """
    text = str(error)
    if CLAIM_REFUSED in text:
        return ClaimRefused(f"{doing}: another consumer was first.")
    short = _shorten(text)
    if _CONFLICT.search(text):
        return WriteConflict(f"{doing}: another writer was first. {short}")
    if _NO_ROOM.search(text):
        return NoRoom(f"{doing}: the disk is full. {short}")
    if _BAD_DISK.search(text):
        return NoRoom(f"{doing}: the disk is full, or it fails. {short}")
    if isinstance(error, duckdb.HTTPException | duckdb.ConnectionException) or _UNAVAILABLE.search(text):
        return CatalogUnavailable(f"{doing}: the catalog or the data path does not answer. {short}")
    return Fatal(f"{doing} failed: {short}")


def _shorten(text: str) -> str:
    """Cut the middle out of a long text: it is the SQL of a whole commit, and the cause is at the end."""
    flat = " ".join(text.split())
    half = _LONGEST_TEXT // 2
    return flat if len(flat) <= _LONGEST_TEXT else f"{flat[:half]} … {flat[-half:]}"
