"""The record of the data path in the catalog, changed after the files were moved."""

from importlib.resources import files

import duckdb

from billstream.common.errors import Fatal
from billstream.common.lake.catalog import METADATA
from billstream.common.lake.storage import LocalStorage, Storage

NAMED = 3  # missing files that an error names


def record_data_path(con: duckdb.DuckDBPyConnection, storage: Storage) -> None:
    """Record the storage's location as the data path of the attached lake, once all files of the lake are there.

    The lake is attached with OVERRIDE_DATA_PATH; call it with the lock of writers held, and no other process at work.

    Raises:
        Fatal: a file that a snapshot refers to is not there; nothing is changed.
    """
    sql = (files("billstream.common.lake") / "sql" / "needed_files.sql").read_text().replace("{metadata}", METADATA)
    needed = {str(row[0]) for row in con.execute(sql).fetchall()}
    missing = sorted(needed - _present(con, storage))
    if missing:
        raise Fatal(
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
