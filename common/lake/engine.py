"""DuckDB as billstream configures it: in memory, with limits, and with extensions from their wheels."""

from collections.abc import Sequence
from contextlib import suppress
from importlib.resources import as_file, files
from pathlib import Path

import duckdb

from billstream.common.errors import Misconfigured
from billstream.common.lake.catalog import literal
from billstream.common.settings import Settings

CONFIG = {
    # Extensions come from their wheels, in exactly our version; DuckDB must not download others.
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    # Rows of a load have no order; keeping one would make DuckDB hold large results in memory.
    "preserve_insertion_order": "false",
    # A name in SQL is a table of the lake or nothing: never a variable of the Python code around it.
    "python_enable_replacements": "false",
    # Secrets that somebody keeps in the home folder of this account would decide with which keys S3 is reached.
    "allow_persistent_secrets": "false",
}
"""The options of every connection, whatever the settings."""


def start_engine(settings: Settings, spill: Path, extensions: Sequence[str]) -> duckdb.DuckDBPyConnection:
    """Return a new DuckDB connection that uses UTC and downloads no extensions.

    Args:
        settings: limits of memory and threads.
        spill: folder of this connection alone. DuckDB uses the same names for temporary files in every process, so
            two that share a folder read each other's bytes.
        extensions: names of the extensions to load.

    Raises:
        Fatal: an extension is missing or belongs to another version of DuckDB.
    """
    con = duckdb.connect(
        config={
            **CONFIG,
            "memory_limit": settings.memory_limit,
            "temp_directory": str(spill),
        }
    )
    load_extensions(con, extensions)
    con.execute("SET TimeZone = 'UTC'")
    if settings.threads:
        con.execute(f"SET threads = {settings.threads}")
    # DuckLake repeats a commit whose snapshot number another commit has taken; that happens often when many commit at
    # once. It gives up after about a second; then the whole unit is repeated, with a new look at the ledger.
    con.execute("SET ducklake_max_retry_count = 10")
    con.execute("SET ducklake_retry_wait_ms = 10")
    con.execute("SET ducklake_retry_backoff = 1.5")
    return con


def start_computing_engine(settings: Settings, spill: Path) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB without a lake and without extensions, on one thread, whose results have the order of their rows.

    A statement of it asks no catalog, so a small one costs a tenth of what it costs beside the lake.

    Args:
        settings: limits of memory.
        spill: folder of this connection alone.
    """
    con = duckdb.connect(
        config={
            **CONFIG,
            "preserve_insertion_order": "true",
            "memory_limit": settings.memory_limit,
            "temp_directory": str(spill),
            "threads": "1",
        }
    )
    con.execute("SET TimeZone = 'UTC'")
    return con


def isolated() -> duckdb.DuckDBPyConnection:
    """Return a DuckDB in memory that reaches no file, no other database and no variable of Python."""
    con = duckdb.connect(config={**CONFIG, "enable_external_access": "false"})
    con.execute("SET TimeZone = 'UTC'")
    return con


def beside(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Return a second connection to the same DuckDB, whose default database is not the lake.

    Each statement of a connection with a DuckLake as its default database begins a transaction there, which asks the
    catalog: 3 to 8 milliseconds of CPU. Files, temporary tables, secrets of S3 and the catalog's own tables need none.
    """
    other = con.cursor()
    other.execute("SET TimeZone = 'UTC'")  # an option of one connection; the others are of the whole DuckDB
    return other


def seal(con: duckdb.DuckDBPyConnection, location: str) -> None:
    """Let a connection that only reads reach nothing but the files of its lake, for good.

    DuckDB's own files and URLs are meant. It does not stop functions that connect to a database by themselves, nor
    writing below `location`; SQL of a stranger goes through `gate.one_select` besides.

    Args:
        con: a connection with the lake attached: attaching reads the catalog's file.
        location: the data path. The folder of temporary files stays open by itself.
    """
    con.execute(f"SET allowed_directories = [{literal(location)}]")
    con.execute("SET enable_external_access = false")
    con.execute("SET lock_configuration = true")


def succeeds(statements: Sequence[str], extensions: Sequence[str]) -> bool:
    """Return whether a new DuckDB connection, beside all others of this process, can execute the statements."""
    with duckdb.connect(config={**CONFIG}) as con:
        load_extensions(con, extensions)
        try:
            for statement in statements:
                con.execute(statement).fetchall()
        except duckdb.Error:
            return False
    return True


def run_script(con: duckdb.DuckDBPyConnection, script: str) -> None:
    """Run statements that are about this connection alone in one transaction: else each of them asks the lake first."""
    con.execute("BEGIN TRANSACTION")
    try:
        con.execute(script)
        con.execute("COMMIT")
    except duckdb.Error:
        with suppress(duckdb.Error):
            con.execute("ROLLBACK")
        raise


def load_extensions(con: duckdb.DuckDBPyConnection, names: Sequence[str]) -> None:
    """Load extensions into `con`. Load only those needed: DuckDB takes 0.1 seconds to check the signature of each.

    Raises:
        Fatal: a wheel is missing or belongs to another version of DuckDB.
    """
    version = f"v{duckdb.__version__}"
    for name in names:
        try:
            binary = files(f"duckdb_extension_{name}") / "extensions" / version / f"{name}.duckdb_extension"
            with as_file(binary) as path:
                con.execute(f"LOAD {literal(str(path))}")
        except (ModuleNotFoundError, FileNotFoundError, duckdb.Error) as error:
            raise Misconfigured(
                f"DuckDB's extension {name} could not be loaded. Install duckdb-extension-"
                f"{name.replace('_', '-')}=={duckdb.__version__}, the exact version of duckdb. ({error})"
            ) from error
