"""SQL that attaches a lake from another program: plain DuckDB, a notebook, a BI tool."""

from billstream.common.lake.catalog import literal
from billstream.common.lake.catalogs import catalog_from_url
from billstream.common.lake.storage import storage_from
from billstream.common.settings import Settings


def connect_sql(settings: Settings) -> list[str]:
    """Return the statements that attach the lake of the settings read-only as `lake`, and make it the default.

    No statement holds a secret: `<password>`, `<access key>`, `<secret key>` and `<session token>` stand for them.

    Raises:
        Fatal: BILLSTREAM_CATALOG is not understood, or the data path is on S3 and no AWS credentials are configured.
    """
    catalog, storage = catalog_from_url(settings.catalog_url), storage_from(settings.data_location)
    # Another program does not have our wheels: it installs the extensions from DuckDB's repository, once.
    extensions = ["ducklake", catalog.extension, *storage.extensions]
    loads = [statement for name in extensions for statement in (f"INSTALL {name}", f"LOAD {name}")]
    options = [f"DATA_PATH {literal(storage.location)}", "READ_ONLY", "CREATE_IF_NOT_EXISTS false"]
    return [*loads, *storage.connect_sql(), *catalog.connect_sql(options), "USE lake"]
