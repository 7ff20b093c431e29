"""DuckDB as we set it up: in memory, with our extensions and our limits."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from billstream.common.lake.extensions import load_extensions
from billstream.common.settings import Settings


def start_engine(settings: Settings, spill: Path, extensions: Sequence[str]) -> duckdb.DuckDBPyConnection:
    """A new DuckDB that speaks UTC and fetches nothing from the network.

    Args:
        settings: the limits.
        spill: a folder of this engine alone. DuckDB names what it spills alike in every process, and two that spill
            into one folder read each other's bytes.
        extensions: what to load.

    Raises:
        Fatal: an extension is missing or belongs to another version of DuckDB.
    """
    con = duckdb.connect(
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "memory_limit": settings.memory_limit,
            "temp_directory": str(spill),
            "preserve_insertion_order": "false",
        }
    )
    load_extensions(con, extensions)
    con.execute("SET TimeZone = 'UTC'")
    if settings.threads:
        con.execute(f"SET threads = {settings.threads}")
    # DuckLake redoes a commit whose snapshot number was taken by another: often, when many commit at once.
    # About a second in all: what still fails then is redone as a whole, with a fresh look at the ledger.
    con.execute("SET ducklake_max_retry_count = 10")
    con.execute("SET ducklake_retry_wait_ms = 10")
    con.execute("SET ducklake_retry_backoff = 1.5")
    return con
