"""DuckDB's extensions, loaded from their wheels: nothing is downloaded or copied."""

from collections.abc import Sequence
from importlib.resources import as_file, files

import duckdb

from billstream.common.errors import Fatal
from billstream.common.lake.catalog import literal


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
            raise Fatal(
                f"DuckDB's extension {name} could not be loaded. Install duckdb-extension-"
                f"{name.replace('_', '-')}=={duckdb.__version__}, the exact version of duckdb. ({error})"
            ) from error
