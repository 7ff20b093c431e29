"""What a copy of the catalog has to come with: the files that it names, and what it tells of its lake."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from billstream.common.errors import CatalogUnavailable, Fatal, Misconfigured, NoRoom
from billstream.common.lake.catalog import METADATA, Catalog, literal
from billstream.common.lake.damage import damage
from billstream.common.lake.engine import start_engine
from billstream.common.lake.failures import translate
from billstream.common.lake.local_storage import LocalStorage
from billstream.common.lake.migrations import check_version, schema_version
from billstream.common.lake.postgres_catalog import PostgresCatalog
from billstream.common.lake.sqlite_catalog import SqliteCatalog
from billstream.common.lake.storage import storage_from
from billstream.common.scratch import scratch_folder
from billstream.common.settings import Settings
from billstream.common.statements import statement

_NAMED = 3  # files that an error names


@dataclass(frozen=True)
class NamedFile:
    """A data file or a file of deleted rows: its path under the data path, and its size."""

    name: str
    size_bytes: int


@dataclass(frozen=True)
class CatalogFacts:
    """What a catalog tells at one moment. `lake_id` stays the same for the life of the lake, whatever its place."""

    lake_id: str
    snapshot_id: int
    ducklake_format: str
    data_path: str
    schema_version: int
    files: tuple[NamedFile, ...]


def copy_sqlite(settings: Settings, catalog: SqliteCatalog, target: Path) -> CatalogFacts:
    """Copy the catalog of one moment into a new file, while others write, and return what the copy tells.

    Raises:
        Fatal: there is no lake, its schema is not this version's, or its data path is another one.
        CatalogUnavailable, NoRoom: it cannot be read now, or the copy cannot be written.
    """
    doing = f"copying the catalog {catalog.description}"
    if not catalog.exists():
        check_version(0, where=catalog.description)
    catalog.inspect(writing=True)  # SQLite makes files beside it, even to read
    try:
        catalog.copy_to(target)
    except OSError as error:
        raise (NoRoom if error.errno else CatalogUnavailable)(f"{doing}: {error.strerror}") from error
    except ValueError as error:
        raise Fatal(
            f"{doing}: {error}. The catalog is damaged: restore it from a backup (`billstream restore`)."
        ) from error
    with _attached(settings, SqliteCatalog(target), doing) as con:
        version = schema_version(con)
        check_version(version, where=catalog.description)
        facts = con.execute(statement(__name__, "lake_facts", schema=METADATA)).fetchall()
        return _facts(version, facts, con.execute(statement(__name__, "saved_files", schema=METADATA)).fetchall())


@contextmanager
def exported_postgres(settings: Settings, catalog: PostgresCatalog) -> Iterator[tuple[str, CatalogFacts]]:
    """Hold the catalog of one moment; yield the id of its PostgreSQL snapshot, for `pg_dump`, and what it tells.

    Raises:
        Fatal, CatalogUnavailable: as `copy_sqlite`.
    """
    doing = f"reading the catalog {catalog.description}"
    with _attached(settings, catalog, doing) as con:
        version = schema_version(con)
        check_version(version, where=catalog.description)
        # One transaction of the server for all that follows, which `pg_dump` then joins. It only reads.
        con.execute("BEGIN TRANSACTION")
        snapshot = _on_server(con, "SELECT pg_export_snapshot()")[0][0]
        facts = _on_server(con, statement(__name__, "lake_facts", schema="public"))
        files = _on_server(con, statement(__name__, "saved_files", schema="public"))
        yield str(snapshot), _facts(version, facts, files)


def _on_server(con: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return con.execute("SELECT * FROM postgres_query(?, ?)", [METADATA, sql]).fetchall()


@contextmanager
def _attached(settings: Settings, catalog: Catalog, doing: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection with the lake attached, read-only, over this catalog."""
    storage = storage_from(settings.data_location)
    options = [f"DATA_PATH {literal(storage.location)}", "READ_ONLY", "CREATE_IF_NOT_EXISTS false"]
    extensions = ["ducklake", catalog.extension, *storage.extensions]
    with (
        scratch_folder(settings.spool, "duckdb") as spill,
        start_engine(settings, spill, extensions) as con,
    ):
        try:
            if not isinstance(storage, LocalStorage):  # that would make the folder
                storage.prepare(con)
            for line in (*catalog.attach_sql(options), "USE lake"):
                con.execute(line)
            yield con
        except duckdb.Error as error:
            raise damage(error, catalog.description, translate(error, doing)) from error
        finally:
            # A connection that is closed with its lake attached may keep the catalog busy.
            for line in ("ROLLBACK", "USE memory", "DETACH lake"):
                with suppress(duckdb.Error):
                    con.execute(line)


def _facts(version: int, facts: Sequence[tuple[Any, ...]], files: Sequence[tuple[Any, ...]]) -> CatalogFacts:
    lake_id, snapshot_id, ducklake_format, data_path = facts[0]
    outside = [name for name, _, relative in files if not relative]
    if outside:
        raise Misconfigured(
            f"{len(outside)} of {len(files)} files of the lake lie outside its data path, such as "
            f"{', '.join(outside[:_NAMED])}: a backup would not be whole, so none was made. Load their rows again "
            "(`billstream replay --force`), so that they are written below the data path."
        )
    named = tuple(NamedFile(str(name), int(size)) for name, size, _ in files)
    return CatalogFacts(str(lake_id), int(snapshot_id), str(ducklake_format), str(data_path), version, named)
