"""The record of the data path in the catalog, changed after the files of the lake were moved."""

from importlib.resources import files

import duckdb
import structlog

from billstream.common.errors import Misconfigured
from billstream.common.lake.catalog import METADATA, literal
from billstream.common.lake.catalogs import catalog_from_url
from billstream.common.lake.engine import start_engine
from billstream.common.lake.failures import translate
from billstream.common.lake.local_storage import LocalStorage
from billstream.common.lake.migrations import check_version, newest, schema_version
from billstream.common.lake.storage import Storage, storage_from
from billstream.common.scratch import scratch_folder
from billstream.common.settings import Settings

log = structlog.get_logger(__name__)

NAMED = 3  # missing files that an error names


def record_moved_data(settings: Settings) -> None:
    """Let the catalog know that the files of the lake are now at the data path of the settings.

    No other process may have the lake open.

    Raises:
        Fatal: there is no lake, or not all of its files are there; nothing is changed then.
        CatalogUnavailable: the catalog database or the data path does not answer.
    """
    catalog, storage = catalog_from_url(settings.catalog_url), storage_from(settings.data_location)
    where = catalog.description
    if not catalog.exists():
        check_version(0, where=where)
    options = [f"DATA_PATH {literal(storage.location)}", "OVERRIDE_DATA_PATH true", "CREATE_IF_NOT_EXISTS false"]
    extensions = ["ducklake", catalog.extension, *storage.extensions]
    with (
        scratch_folder(settings.spool, "duckdb") as spill,
        start_engine(settings, spill, extensions) as con,
        catalog.writing(),
    ):
        try:
            if not isinstance(storage, LocalStorage):  # that would make the folder, and it has to be there already
                storage.prepare(con)
            for statement in (*catalog.attach_sql(options), "USE lake"):
                con.execute(statement)
            _check_version(schema_version(con), where=where)
            _record(con, storage)
            con.execute("USE memory; DETACH lake")
        except duckdb.Error as error:
            raise translate(error, f"recording the data path of the lake at {where}") from error
    log.info("data_path_recorded", data_path=storage.location, catalog=where)


def _check_version(version: int, *, where: str) -> None:
    """Refuse what is no lake, or is newer than this code; an older lake is migrated at its new place."""
    if not 0 < version <= newest():
        check_version(version, where=where)


def _record(con: duckdb.DuckDBPyConnection, storage: Storage) -> None:
    sql = (files("billstream.common.lake") / "sql" / "needed_files.sql").read_text().replace("{metadata}", METADATA)
    needed = {str(row[0]) for row in con.execute(sql).fetchall()}
    missing = sorted(needed - _present(con, storage))
    if missing:
        raise Misconfigured(
            f"{len(missing)} of {len(needed)} files of the lake are not at {storage.location}, such as "
            f"{', '.join(missing[:NAMED])}. Nothing was changed. Move or copy all files of the old data path there, in "
            "the same folders, and repeat the command."
        )
    con.execute(
        f"UPDATE {METADATA}.ducklake_metadata SET value = ? WHERE key = 'data_path' AND scope IS NULL",
        [storage.location],
    )


def _present(con: duckdb.DuckDBPyConnection, storage: Storage) -> set[str]:
    """Return the Parquet files of a location, by their paths under it."""
    if isinstance(storage, LocalStorage):
        return {str(path.relative_to(storage.folder)) for path in storage.folder.rglob("*.parquet")}
    rows = con.execute("SELECT file FROM glob(?)", [f"{storage.location}**/*.parquet"]).fetchall()
    return {str(row[0]).removeprefix(storage.location) for row in rows}
