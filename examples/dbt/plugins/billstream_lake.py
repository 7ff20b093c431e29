"""Attaches billstream's lake to the DuckDB of dbt: read-only, at one snapshot, with extensions from their wheels.

It reads the variables of billstream: BILLSTREAM_CATALOG (the path of an SQLite file, or the URL of a PostgreSQL
database), BILLSTREAM_HOME for its default, and BILLSTREAM_DATA_PATH. For data on S3 the keys are those of AWS_*.
"""

import os
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import duckdb_extensions
from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb import DuckDBPyConnection

BUSY_MILLISECONDS = 10_000


class Plugin(BasePlugin):
    """The lake as the database `lake`, for every model of a run.

    All models, tests and hooks of one run read the same snapshot, so that its marts agree with each other, whatever is
    loaded meanwhile. billstream keeps a snapshot for seven days at least (BILLSTREAM_KEEP_SNAPSHOTS).
    """

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Attach the newest snapshot of the lake."""
        home = Path(os.environ.get("BILLSTREAM_HOME", "var"))
        catalog = os.environ.get("BILLSTREAM_CATALOG") or str(home / "catalog.sqlite")
        on_server = catalog.startswith(("postgresql://", "postgres://"))
        load(conn, "ducklake", "postgres_scanner" if on_server or self.creds.attach else "")
        if on_server:
            # As a secret, so that no error shows the password.
            conn.execute(postgres_secret(catalog))
            attach, options = "ducklake:postgres:", ["META_SECRET 'billstream_catalog'"]
        else:
            load(conn, "sqlite_scanner")
            # With more threads DuckDB reads such a catalog over several connections, outside of one snapshot.
            conn.execute("SET GLOBAL threads = 1")
            attach, options = f"ducklake:sqlite:{catalog}", [f"META_BUSY_TIMEOUT {BUSY_MILLISECONDS}"]
        if os.environ.get("BILLSTREAM_DATA_PATH", "").startswith("s3://"):
            load(conn, "httpfs")
            conn.execute(s3_secret())
        options += ["READ_ONLY", "CREATE_IF_NOT_EXISTS false"]
        conn.execute(f"ATTACH {literal(attach)} AS lake ({', '.join(options)})")
        ((newest,),) = conn.execute("SELECT id FROM lake.current_snapshot()").fetchall()
        conn.execute("DETACH lake")
        conn.execute(f"ATTACH {literal(attach)} AS lake ({', '.join([*options, f'SNAPSHOT_VERSION {newest}'])})")


def load(conn: DuckDBPyConnection, *names: str) -> None:
    """Load extensions from their wheels."""
    for name in filter(None, names):
        duckdb_extensions.import_extension(name, con=conn)
        conn.execute(f"LOAD {name}")


def postgres_secret(url: str) -> str:
    """Return the statement that gives DuckDB the URL of the catalog; what it leaves out comes from PGPASSWORD etc."""
    parts = urlsplit(url)
    values = {
        "host": parts.hostname or "",
        "port": str(parts.port or ""),
        "database": unquote(parts.path.lstrip("/")),
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        **dict(parse_qsl(parts.query)),
    }
    if unknown := [name for name in values if not name.isidentifier()]:
        raise ValueError(f"BILLSTREAM_CATALOG has an option that is no word: {unknown[0]!r}")
    return secret("billstream_catalog", "postgres", values)


def s3_secret() -> str:
    """Return the statement that gives DuckDB the keys of the data path."""
    endpoint = urlsplit(os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or "")
    values = {
        "key_id": os.environ.get("AWS_ACCESS_KEY_ID", ""),
        "secret": os.environ.get("AWS_SECRET_ACCESS_KEY", ""),
        "session_token": os.environ.get("AWS_SESSION_TOKEN", ""),
        "region": os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "",
        "endpoint": endpoint.netloc,
    }
    if endpoint.netloc:
        values |= {"url_style": "path", "use_ssl": str(endpoint.scheme == "https").lower()}
    return secret("billstream_data", "s3", values)


def secret(name: str, kind: str, values: dict[str, str]) -> str:
    """Return the statement that makes a secret of this process alone, without the values that are empty."""
    pairs = "".join(f", {key} {literal(value)}" for key, value in values.items() if value)
    return f"CREATE OR REPLACE SECRET {name} (TYPE {kind}{pairs})"


def literal(text: str) -> str:
    """Return a text as SQL."""
    return "'" + text.replace("'", "''") + "'"
