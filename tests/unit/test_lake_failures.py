"""DuckDB's exceptions become ours by what they say; what nobody has seen before is fatal."""

import duckdb
import pytest

from billstream.common.errors import (
    BillstreamError,
    CatalogUnavailable,
    ClaimRefused,
    Fatal,
    NoRoom,
    Retryable,
    WriteConflict,
)
from billstream.common.lake.failures import CLAIM_REFUSED, translate

TEXTS: list[tuple[type[BillstreamError], str]] = [
    (ClaimRefused, f"TransactionContext Error: Failed to commit: {CLAIM_REFUSED}"),
    (ClaimRefused, f"Failed to commit DuckLake transaction. Transaction conflict: ERROR: {CLAIM_REFUSED}"),
    (WriteConflict, "Transaction conflict - attempting to insert into table with index 3 - but another transaction"),
    (WriteConflict, 'Failed to execute query "COMMIT": database is locked'),
    (WriteConflict, "ERROR: could not serialize access due to concurrent update"),
    (WriteConflict, "ERROR: deadlock detected"),
    (WriteConflict, 'ERROR: duplicate key value violates unique constraint "ducklake_snapshot_pkey"'),
    (NoRoom, "IO Error: Could not write file: No space left on device"),
    (NoRoom, "database or disk is full"),
    (CatalogUnavailable, 'could not connect to server: Connection refused. Is the server running on host "db"?'),
    (CatalogUnavailable, "Unable to connect to Postgres at host=db"),
    (CatalogUnavailable, "server closed the connection unexpectedly"),
    (CatalogUnavailable, "FATAL: terminating connection due to administrator command"),
    (CatalogUnavailable, "FATAL: the database system is starting up"),
    (CatalogUnavailable, "FATAL: sorry, too many connections already"),
    (CatalogUnavailable, "HTTP Error: Unable to connect to URL s3://lake/x: 503 (Service Unavailable)"),
    (CatalogUnavailable, "IO Error: Timeout was reached"),
    (CatalogUnavailable, "SlowDown: Please reduce your request rate"),
    (Fatal, "Catalog Error: Table with name chargers does not exist!"),
    (Fatal, "Binder Error: Referenced column not found"),
    (Fatal, "permission denied for table ducklake_snapshot"),
    (Fatal, "Out of Memory Error: could not allocate block of size 256.0 KiB"),
    (Fatal, ""),
]


@pytest.mark.parametrize(("kind", "text"), TEXTS)
def test_a_failure_is_named_by_its_text(kind: type[BillstreamError], text: str) -> None:
    assert type(translate(duckdb.Error(text), "committing")) is kind
    assert type(translate(duckdb.Error(text.upper() if kind is not ClaimRefused else text), "committing")) is kind


@pytest.mark.parametrize("kind", [duckdb.HTTPException, duckdb.ConnectionException])
def test_a_failure_of_the_network_is_one_whatever_it_says(kind: type[duckdb.Error]) -> None:
    assert type(translate(kind("something new"), "reading")) is CatalogUnavailable


def test_a_refused_claim_is_a_conflict_and_both_may_be_tried_again() -> None:
    assert issubclass(ClaimRefused, WriteConflict)
    assert issubclass(WriteConflict, Retryable)
    assert not issubclass(Fatal, Retryable)


def test_the_refusal_has_no_word_on_which_ducklake_tries_again() -> None:
    assert not [word for word in ("primary key", "unique", "conflict", "concurrent") if word in CLAIM_REFUSED]


def test_the_text_tells_what_was_being_done_and_the_cause_at_its_end() -> None:
    error = translate(duckdb.Error("INSERT " + "x" * 10_000 + "\n the\tcause"), "committing to the lake")
    assert str(error).startswith("committing to the lake failed: INSERT xxx")
    assert str(error).endswith("x the cause")
    assert len(str(error)) < 700
