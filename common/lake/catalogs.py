"""Which catalog `BILLSTREAM_CATALOG` names."""

import re
from pathlib import Path

from billstream.common.errors import Misconfigured
from billstream.common.lake.catalog import Catalog
from billstream.common.lake.postgres_catalog import PostgresCatalog
from billstream.common.lake.postgres_url import FORM, SCHEMES, read_url
from billstream.common.lake.sqlite_catalog import SqliteCatalog

# What is no path of a file: a URL, another scheme, user and password before a host, key=value of libpq or ODBC.
_NO_PATH = re.compile(
    r"""://
    | \A [a-z][\w+.-]* :
    | \A (?! / (?!/) | \.{1,2}/ ) [^@]* : .* @
    | [\x00-\x1f]
    | (?: \A | [\s;:?&,'"] ) (?: host (?:addr)? | port | user (?: \ ?(?:id|name) )? | uid | pass (?:word|wd|file)? | pwd
        | dbname | database | server | data\ source | service | ssl\w* | \w*key | secret | token | options
        | application_name ) \s* =
    """,
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)


def catalog_from_url(url: str) -> Catalog:
    """Return the catalog that `BILLSTREAM_CATALOG` names.

    Raises:
        Fatal: the value is neither a path nor a postgresql:// URL that can be read. The text does not repeat it, as it
            may have a password.
    """
    url = url.strip()  # a value from a file often ends with a line break
    if url.startswith(SCHEMES):
        return PostgresCatalog(read_url(url))
    path = url.removeprefix("sqlite:///")
    if _NO_PATH.search(path):
        raise Misconfigured(
            "BILLSTREAM_CATALOG is neither the path of a file nor a postgresql:// URL. A connection string such as "
            f"`host=… password=…` has to be written as a URL: {FORM}. A path with a colon begins with `/` or `./`."
        )
    return SqliteCatalog(Path(path))
