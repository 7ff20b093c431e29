"""The one edge where DuckDB's exceptions become billstream's.

DuckDB reports what the catalog database or the object store said only in the text of its exceptions, so this
is the one place where a text decides. Every mistake here is on the safe side: whatever is retryable is
decided anew from the ledger, and what is not recognised is fatal.
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
_BAD_DISK = re.compile(r"disk i/o error", re.IGNORECASE)  # SQLite cannot make the files that it needs to read
_UNAVAILABLE = re.compile(
    # DuckDB's last word when the connection went away inside a transaction is that it could not end it.
    r"failed to execute query \"(?:begin|commit|rollback)|"
    r"could not connect|connection refused|unable to connect|server closed the connection|terminating connection|"
    r"connection (?:to server|timed out|reset|error)|the database system is|no connection to the server|"
    r"could not establish|timed? ?out|too many connections|http error|http (?:5\d\d|429)|slow ?down",
    re.IGNORECASE,
)
_LONGEST_TEXT = 600


def translate(error: duckdb.Error, doing: str) -> BillstreamError:
    """Name the failure of `doing` by its class, with a text short enough for a log line.

    Returns:
        `ClaimRefused`, `WriteConflict`, `NoRoom`, `CatalogUnavailable`, or `Fatal` for all else.
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
    """The end of a long text is where the cause stands; the middle is the SQL of a whole commit."""
    flat = " ".join(text.split())
    half = _LONGEST_TEXT // 2
    return flat if len(flat) <= _LONGEST_TEXT else f"{flat[:half]} … {flat[-half:]}"
