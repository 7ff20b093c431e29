"""DuckDB's exceptions become ours by what they say; what nobody has seen before is fatal."""

import duckdb
import pytest

from billstream.common import masking
from billstream.common.errors import (
    BillstreamError,
    CatalogUnavailable,
    ClaimRefused,
    Fatal,
    NoRoom,
    Retryable,
    WriteConflict,
)
from billstream.common.lake.damage import damage
from billstream.common.lake.data_path import DataPathRefused
from billstream.common.lake.failures import CLAIM_REFUSED, broke_down, translate
from billstream.common.masking import keep_secret

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
    (
        CatalogUnavailable,
        "Failed to get global stats information from DuckLake: Current transaction is aborted (please ROLLBACK)",
    ),
    (
        CatalogUnavailable,
        "Attempting to fetch from an unsuccessful query result: Current transaction is aborted (please ROLLBACK)",
    ),
    (CatalogUnavailable, "FATAL: terminating connection due to administrator command"),
    (CatalogUnavailable, "FATAL: the database system is starting up"),
    (CatalogUnavailable, "FATAL: sorry, too many connections already"),
    (CatalogUnavailable, "HTTP Error: Unable to connect to URL s3://lake/x: 503 (Service Unavailable)"),
    (CatalogUnavailable, "IO Error: Timeout was reached"),
    (CatalogUnavailable, "SlowDown: Please reduce your request rate"),
    (CatalogUnavailable, "IO Error: Could not resolve hostname error for HTTP PUT to 'http://nowhere/lake/x.parquet'"),
    (
        CatalogUnavailable,
        "IO Error: Server returned nothing (no headers, no data) error for HTTP HEAD to 'http://s3/x'",
    ),
    (CatalogUnavailable, "IO Error: Failure when receiving data from the peer error for HTTP GET to 'http://s3/x'"),
    (CatalogUnavailable, "IO Error: Transferred a partial file error for HTTP GET to 'http://s3/x'"),
    (CatalogUnavailable, "IO Error: A new one of curl error for HTTP GET to 'http://s3/x'"),
    (CatalogUnavailable, "HTTP Error: Request returned HTTP 400 for HTTP PUT to 'http://s3/x'"),
    (
        CatalogUnavailable,
        "HTTP Error: Unable to connect to URL s3://lake/x: Conflict (HTTP code 409) OperationAborted: m",
    ),
    (CatalogUnavailable, "HTTP Error: HTTP GET error reading 'http://s3/x' in region 'r' (HTTP 502 Bad Gateway)"),
    (Fatal, "Catalog Error: Table with name chargers does not exist!"),
    (Fatal, "Binder Error: Referenced column not found"),
    (Fatal, "permission denied for table ducklake_snapshot"),
    (Fatal, "Out of Memory Error: could not allocate block of size 256.0 KiB"),
    (Fatal, ""),
]

ATTACHING = (
    'IO Error: Failed to attach DuckLake MetaData "__ducklake_metadata_lake" at path + "postgres:"Unable to connect to '
    'Postgres at "": '
)
SERVER = 'connection to server at "db" (10.0.0.1), port 5432 failed: '
REFUSALS = [
    (SERVER + 'FATAL:  password authentication failed for user "me"', "user or the password"),
    (SERVER + 'FATAL:  Peer authentication failed for user "me"', "user or the password"),
    (SERVER + "fe_sendauth: no password supplied", "user or the password"),
    (SERVER + 'FATAL:  role "me" does not exist', "no such user"),
    (SERVER + 'FATAL:  role "me" is not permitted to log in', "no such user"),
    (SERVER + 'FATAL:  database "lake" does not exist', "no such database"),
    (
        SERVER + 'FATAL:  permission denied for database "lake"\nDETAIL:  User does not have CONNECT',
        "lacks a privilege",
    ),
    (SERVER + 'FATAL:  no pg_hba.conf entry for host "10.0.0.2", user "me", database "lake", no encryption', "pg_hba"),
    (SERVER + 'FATAL:  pg_hba.conf rejects connection for host "10.0.0.2", user "me", database "lake"', "pg_hba"),
    (SERVER + "server does not support SSL, but SSL was required", "TLS"),
    (SERVER + "SSL error: certificate verify failed", "TLS"),
    (SERVER + 'server certificate for "other" does not match host name "db"', "TLS"),
    (SERVER + 'root certificate file "/x" does not exist', "TLS"),
    (SERVER + 'could not open certificate file "/x": No such file or directory', "TLS"),
    (SERVER + 'certificate present, but not private key file "/y"', "TLS"),
    (SERVER + "SSL error: tlsv1 alert unknown ca", "TLS"),
    (SERVER + "channel binding required, but SSL not in use", "TLS"),
    (SERVER + 'FATAL:  unrecognized configuration parameter "nope"', "An option"),
    (SERVER + 'FATAL:  invalid value for parameter "client_encoding": "nope"', "An option"),
    (SERVER + 'invalid integer value "x" for connection option "connect_timeout"', "An option"),
    (SERVER + 'authentication method requirement "md5" failed: server requested SASL authentication', "An option"),
    ('invalid sslmode value: "nope"', "An option"),
    ('invalid connection option "foo"', "An option"),
    ('definition of service "nope" not found', "An option"),
    ('gssencmode value "require" invalid when GSSAPI support is not compiled in', "An option"),
    ('could not parse network address "x": Name or service not known', "An option"),
    ("could not match 2 port numbers to 3 hosts", "An option"),
]
WAITED_FOR = [
    SERVER + "Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?",
    'connection to server on socket "/run/.s.PGSQL.5432" failed: No such file or directory',
    'could not translate host name "db" to address: Name or service not known',
    'could not translate host name "db" to address: Temporary failure in name resolution',
    SERVER + "FATAL:  the database system is starting up",
    SERVER + "FATAL:  the database system is shutting down",
    SERVER + "FATAL:  the database system is in recovery mode",
    SERVER + "FATAL:  sorry, too many clients already",
    SERVER + 'FATAL:  too many connections for role "me"',
    SERVER + "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute",
    SERVER + "server closed the connection unexpectedly",
    SERVER + "SSL SYSCALL error: EOF detected",
    SERVER + "timeout expired",
    SERVER + "No route to host",
    SERVER + "session is read-only",
    SERVER + "server is in hot standby mode",
]
LATER = [
    "FATAL:  terminating connection due to administrator command",
    'Failed to execute query "COMMIT": could not receive data from server: Connection reset by peer',
    'Failed to execute query "SELECT 1": SSL connection has been closed unexpectedly',
    'Failed to execute query "SELECT 1": ERROR:  canceling statement due to statement timeout',
    'Failed to execute query "SELECT 1": ERROR:  cannot execute INSERT in a read-only transaction',
]


@pytest.mark.parametrize(("text", "advice"), REFUSALS)
def test_what_a_server_refuses_for_good_is_told_at_once(text: str, advice: str) -> None:
    for raised in (ATTACHING + text, f'IO Error: Unable to connect to Postgres at "": {text}'):
        error = translate(duckdb.IOException(raised), "opening the lake at postgresql://me@db:5432/lake")
        assert type(error) is Fatal
        assert advice in str(error)
        assert " ".join(text.removeprefix(SERVER).split()) in str(error), "the server's own words are in it"


@pytest.mark.parametrize("text", [*[ATTACHING + text for text in WAITED_FOR], *LATER])
def test_a_server_that_may_come_back_is_waited_for(text: str) -> None:
    assert type(translate(duckdb.IOException(text), "opening the lake")) is CatalogUnavailable


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ('Failed to execute query "INSERT …": ERROR:  permission denied for table processed_key', "lacks a privilege"),
        ('Failed to prepare COPY "COPY …": ERROR:  permission denied for schema public', "lacks a privilege"),
        ("ERROR:  must be owner of function billstream_claim", "lacks a privilege"),
        ('Existing DuckLake at metadata catalog "postgres:" does not exist - and creating', "Run `billstream init`"),
    ],
)
def test_what_the_database_refuses_for_good_says_what_to_do(text: str, advice: str) -> None:
    error = translate(duckdb.Error(text), "reading the lake")
    assert type(error) is Fatal
    assert advice in str(error)


def test_another_data_path_is_named_with_the_lakes_own() -> None:
    text = (
        'DATA_PATH parameter "/new/{x}/" does not match existing data path in the catalog "/old/".\n'
        "You can override the DATA_PATH by setting OVERRIDE_DATA_PATH to True."
    )
    error = translate(duckdb.Error(text), "opening the lake")
    assert type(error) is Fatal
    assert "has its files at /old/, and the data path is set to /new/{x}/" in str(error)
    assert "billstream relocate" in str(error)
    assert "OVERRIDE" not in str(error)


def test_a_strangers_text_in_a_statement_decides_nothing() -> None:
    for key in ("pg_hba.conf", 'FATAL: database "x" does not exist', 'x": ERROR: permission denied for table x'):
        text = f"Failed to execute query \"INSERT INTO x VALUES ('{key}')\": ERROR:  deadlock detected"
        assert type(translate(duckdb.Error(text), "committing")) is WriteConflict


def test_a_password_that_is_a_word_of_the_error_does_not_change_its_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "_kept", set())
    for word in ("refused", "connection", "password", "billstream: claim"):
        keep_secret(word)
    assert type(translate(duckdb.Error(CLAIM_REFUSED), "committing")) is ClaimRefused
    assert type(translate(duckdb.Error("connection refused"), "committing")) is CatalogUnavailable
    assert "FATAL: ******** authentication failed" in str(
        translate(duckdb.Error(ATTACHING + REFUSALS[0][0]), "opening")
    )


def test_secrets_are_masked_before_a_long_text_is_cut() -> None:
    keep_secret("s3cret-of-this-test")
    for filler in range(250, 340):
        error = translate(duckdb.Error("x" * filler + "s3cret-of-this-test" + "y" * 700), "reading")
        assert "s3c" not in str(error)
        assert "test" not in str(error)


@pytest.mark.parametrize(("kind", "text"), TEXTS)
def test_a_failure_is_named_by_its_text(kind: type[BillstreamError], text: str) -> None:
    assert type(translate(duckdb.Error(text), "committing")) is kind
    assert type(translate(duckdb.Error(text.upper() if kind is not ClaimRefused else text), "committing")) is kind


DATA_PATH_REFUSALS: list[tuple[str, int, str, str | None]] = [
    ("Unable to connect to URL s3://lake/x: Forbidden (HTTP code 403)\n\nAccessDenied: m", 403, "AccessDenied", None),
    (
        "Unable to connect to URL s3://lake/x: Moved (HTTP code 301) PermanentRedirect: you are attempting to access",
        301,
        "PermanentRedirect",
        None,
    ),
    (
        "HTTP GET error reading 'http://s3/x' in region 'r' (HTTP 400 Bad Request)\nExpiredToken: m",
        400,
        "ExpiredToken",
        None,
    ),
    ("HTTP GET error reading 's3://lake/x' in region 'r' (HTTP 404 Not Found)\n\nLINE 1: F", 404, "", "s3://lake/x"),
    (
        "HTTP GET error reading 's3://lake/x' in region 'r' (HTTP 404 Not Found)\n\nNoSuchKey: m",
        404,
        "NoSuchKey",
        "s3://lake/x",
    ),
    ("HTTP GET error reading 's3://lake/x' in region 'r' (HTTP 404)\n\nNoSuchBucket: m", 404, "NoSuchBucket", None),
    (
        "HTTP GET error reading 's3://lake/x' in region 'r' (HTTP 416 Range Not Satisfiable)\n\nInvalidRange: m",
        416,
        "InvalidRange",
        "s3://lake/x",
    ),
]


@pytest.mark.parametrize(("text", "status", "code", "lost"), DATA_PATH_REFUSALS)
def test_a_refusal_of_the_data_path_keeps_its_code(text: str, status: int, code: str, lost: str | None) -> None:
    error = translate(duckdb.HTTPException(f"HTTP Error: {text}"), "reading")
    assert isinstance(error, DataPathRefused)
    assert (error.status, error.code, error.lost) == (status, code, lost)


@pytest.mark.parametrize("answer", ["HTTP 503 Slow Down", "HTTP 404 Not Found)\n\nNoSuchBucket: m", "HTTP 403 F"])
def test_what_s3_answers_is_no_damage_whatever_the_file_is_called(answer: str) -> None:
    text = f"HTTP Error: HTTP GET error reading 's3://lake/0404-zstd.parquet' in region 'r' ({answer})"
    known = translate(duckdb.HTTPException(text), "reading")
    assert damage(duckdb.HTTPException(text), "catalog", known) is known


@pytest.mark.parametrize("kind", [duckdb.HTTPException, duckdb.ConnectionException])
def test_a_failure_of_the_network_is_one_whatever_it_says(kind: type[duckdb.Error]) -> None:
    assert type(translate(kind("something new"), "reading")) is CatalogUnavailable


BUG = "INTERNAL Error: Attempted to access index 0 within vector of size 0"
INVALID = f'Failed: database has been invalidated because of a previous fatal error. Original error: "{BUG}"'


@pytest.mark.parametrize(
    ("error", "broken"),
    [
        (duckdb.InternalException("something new"), True),
        (duckdb.FatalException("something new"), True),
        (duckdb.IOException(f"Failed to query most recent snapshot for DuckLake: {BUG}"), True),
        (duckdb.InvalidInputException(INVALID), True),
        (duckdb.IOException("server closed the connection unexpectedly"), False),
        (duckdb.Error("HTTP Error: Unable to connect to URL s3://x: 500 (HTTP code 500) InternalError: m"), False),
        (duckdb.Error(f"Failed to execute query \"INSERT INTO t VALUES ('{BUG}')\": ERROR: value too long"), False),
    ],
)
def test_an_error_of_duckdbs_own_is_known_by_its_class_or_its_words(error: duckdb.Error, *, broken: bool) -> None:
    assert broke_down(error) is broken


def test_an_error_of_duckdbs_own_is_fatal_where_no_catalog_is_asked_and_shows_no_stack() -> None:
    error = translate(duckdb.InternalException(f"{BUG}\n\nStack Trace:\n\n/x/no space left.so(+0x1)"), "reading")
    assert type(error) is Fatal
    assert str(error) == f"reading failed: {BUG}"


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
