"""The schema of the lake: numbered scripts, each applied once, in order."""

import re
from dataclasses import dataclass
from importlib.resources import files

import duckdb

from billstream.common.errors import Misconfigured

_OPTION = re.compile(r"^CALL lake\.set_option\('(\w+)', (\d+), table_name => '(\w+)'\);$", re.MULTILINE)
_NAME = re.compile(r"^(\d{4})_(\w+)\.sql$")


@dataclass(frozen=True, order=True)
class Migration:
    """One numbered script."""

    version: int
    name: str
    sql: str


def migrations() -> list[Migration]:
    """Return every script of `common/lake/migrations`, in order."""
    scripts = (files("billstream.common.lake") / "migrations").iterdir()
    return sorted(
        Migration(int(match[1]), match[2], script.read_text())
        for script in scripts
        if (match := _NAME.match(script.name))
    )


def newest() -> int:
    """Return the schema version that this code makes."""
    return migrations()[-1].version


def schema_version(con: duckdb.DuckDBPyConnection) -> int:
    """Return the number of the newest script that was applied to the attached lake; 0 for a new lake."""
    try:
        row = con.execute("SELECT max(version) FROM lake.schema_version").fetchone()
    except duckdb.CatalogException:
        # A new lake has no such table. To list the tables first takes a tenth of a second: DuckLake counts their rows.
        return 0
    return int(row[0] or 0) if row else 0


def check_version(version: int, *, where: str) -> None:
    """Refuse a lake whose schema this code does not know.

    Raises:
        Fatal: the lake is older or newer than the code; the text says what to do.
    """
    if version > newest():
        raise Misconfigured(
            f"The lake at {where} has schema version {version}; this billstream knows versions up to {newest()}. "
            "Upgrade billstream."
        )
    if version == 0:
        raise Misconfigured(f"There is no billstream lake at {where} yet. Run `billstream init`.")
    if version < newest():
        raise Misconfigured(
            f"The lake at {where} has schema version {version}; this billstream needs {newest()}. "
            "Run `billstream init`: it migrates the lake and keeps its data."
        )


def apply_migrations(con: duckdb.DuckDBPyConnection, version: int) -> list[Migration]:
    """Run, inside the open transaction, every script newer than `version`. Returns what was run."""
    # In the transaction of the scripts: a lake has a version if and only if it has the tables of that version.
    con.execute(
        "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL, name VARCHAR, applied_at TIMESTAMPTZ)"
    )
    pending = [migration for migration in migrations() if migration.version > version]
    for migration in pending:
        con.execute(migration.sql)
        con.execute("INSERT INTO schema_version VALUES (?, ?, now())", [migration.version, migration.name])
    return pending


def apply_options(con: duckdb.DuckDBPyConnection) -> None:
    """Set DuckLake's options of each table; it may be repeated."""
    con.execute(_options_script())


def options_differ(con: duckdb.DuckDBPyConnection) -> bool:
    """Return whether an option of a table is not set as the script sets it.

    A process may have ended between the commit of the scripts and that of the options.
    """
    found = con.execute("SELECT option_name, value, scope_entry FROM ducklake_options('lake') WHERE scope = 'TABLE'")
    held = {(name, table): value for name, value, table in found.fetchall()}
    wanted = _OPTION.findall(_options_script())
    return any(held.get((name, f"main.{table}")) != value for name, value, table in wanted)


def _options_script() -> str:
    return (files("billstream.common.lake") / "sql" / "options.sql").read_text()
