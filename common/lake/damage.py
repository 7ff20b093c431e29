"""Damage of the lake at rest: the catalog or a data file was cut, overwritten or lost while nobody was looking.

Like `common.lake.failures`, this reads the texts of DuckDB, which has no class of its own for damage. A text that is
not known here stays what it was.
"""

import re

import duckdb

from billstream.common.errors import (
    BillstreamError,
    CatalogUnavailable,
    ClaimRefused,
    DataDamaged,
    Fatal,
    Misconfigured,
    NoRoom,
)
from billstream.common.lake.failures import without_statement
from billstream.common.masking import masked

_LONGEST_CAUSE = 200
_OF_DUCKLAKE = (
    "metadata|snapshot|snapshot_changes|schema|table|view|tag|column_tag|data_file|delete_file|file_column_stats|"
    "files_scheduled_for_deletion|inlined_data_tables|column|table_stats|table_column_stats|schema_versions|"
    "column_mapping|name_mapping"
)
_CATALOG = re.compile(
    r"file is not a database|disk image is malformed|malformed database schema|"
    rf"(?:table with name|relation|no such table:?) \"?(?:\w+\"?\.\"?)?(?:ducklake_(?:{_OF_DUCKLAKE})|processed_key)\b",
    re.IGNORECASE,
)
_NOT_BEGUN = re.compile(r"failed to initialize ducklake", re.IGNORECASE)
_NO_CATALOG = re.compile(r"existing ducklake at metadata catalog .* does not exist", re.IGNORECASE)
_LOST = re.compile(
    r"\.parquet.*(?:no such file|is a directory)|no files found that match.*\.parquet",
    re.IGNORECASE | re.DOTALL,
)
# On S3: fewer bytes than the catalog says. The text names no file.
_SHORTER = re.compile(r"content-length from server mismatches requested range", re.IGNORECASE)
_ROTTEN = re.compile(
    r"could not read enough bytes|attempted to read \d+ bytes|too small to be a parquet|no magic bytes|footer length|"
    r"parquet (?:file|reader|footer|page|metadata)|snappy|zstd|lz4|thrift|tprotocol|corrupt|"
    r"invalid string encoding|don't know what type|invalid utf-?8|decompress|dictionary (?:page|index|offset)|"
    r"out of buffer|rle|bit.?pack|page header|column chunk|read.{0,20}past|no more data",
    re.IGNORECASE,
)
# Whatever their texts say, these are not about what is in a file.
_OTHER = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ParserException,
    duckdb.ConnectionException,
    duckdb.TransactionException,
    duckdb.InterruptException,
    duckdb.ConstraintException,
    duckdb.OutOfMemoryException,
)


def damage(error: duckdb.Error, catalog: str, otherwise: BillstreamError) -> BillstreamError:
    """Return the damage that an error of the lake reports, with what to do.

    What S3 refuses is no damage here: only the storage can tell a lost file from a lost bucket, see `Storage.refused`.

    Args:
        error: what DuckDB raised.
        catalog: the catalog's address without secrets.
        otherwise: what the error means if it reports no damage.
    """
    # The statement that failed is part of the text, and it may contain texts of strangers.
    text = without_statement(" ".join(str(error).split()))
    if isinstance(otherwise, ClaimRefused | Misconfigured | NoRoom):
        return otherwise
    if _CATALOG.search(text) or (isinstance(otherwise, Fatal) and _NOT_BEGUN.search(text)):
        return Fatal(
            f"The catalog of the lake at {catalog} is damaged ({cause(text)}). Restore it from a backup; without one, "
            "move it and the data files away, and build the lake anew: billstream init, then billstream sweep."
        )
    if _NO_CATALOG.search(text):
        return Fatal(
            f"There is no billstream lake at {catalog} yet. Run `billstream init`. If there was one, its catalog is "
            "lost: restore it from a backup, or build the lake anew: billstream init, then billstream sweep."
        )
    if isinstance(error, _OTHER) or not isinstance(otherwise, Fatal | CatalogUnavailable):
        return otherwise
    found = _SHORTER.search(text) or (isinstance(otherwise, Fatal) and (_LOST.search(text) or _ROTTEN.search(text)))
    return data_damaged(text) if found else otherwise


def data_damaged(text: str) -> DataDamaged:
    """Return the error about a data file that is lost or damaged; `text` is DuckDB's."""
    return DataDamaged(
        f"A data file of the lake is lost or damaged ({cause(text)}). Run `billstream verify --repair`: it names the "
        "file and loads its rows again."
    )


def cause(text: str) -> str:
    """Return the part of DuckDB's text that says what is wrong: the end, without its hints."""
    said = masked(re.split(r"Did you mean|LINE \d+:", " ".join(text.split()))[0].rstrip(" .!"))
    return said if len(said) <= _LONGEST_CAUSE else f"…{said[-_LONGEST_CAUSE:]}"
