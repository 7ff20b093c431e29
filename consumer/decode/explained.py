"""The failures of DuckDB over local files: which are a file's, and which those of a disk, a network or the catalog."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import duckdb

from billstream.common.errors import BillstreamError, Poison, Retryable
from billstream.common.lake import Lake
from billstream.common.lake.catalog import literal
from billstream.consumer.decode.scan import load_macros

# DuckDB's exceptions over the content of a file: what it cannot split or cast, costs whose sum does not fit, and
# records that fill its buffer.
_CONTENT_ERRORS = (
    duckdb.InvalidInputException,
    duckdb.ConversionException,
    duckdb.OutOfRangeException,
    duckdb.NotImplementedException,
)
# Exceptions that tell of a disk, a network or the catalog; no file explains them.
_SERVICE_ERRORS = (
    duckdb.IOException,
    duckdb.ConnectionException,
    duckdb.PermissionException,
    duckdb.TransactionException,
    duckdb.InterruptException,
)
_SHOWN = 1000


class TooLarge(Poison):
    """There is not enough memory for the files together."""


class Unexplained(Poison):
    """DuckDB failed in a way that none of its words for files, disks and networks covers."""


@contextmanager
def explained(lake: Lake) -> Iterator[None]:
    """Translate the failures of the lake's DuckDB over local files.

    Raises:
        Poison: one of the files explains it, or may explain it.
        Retryable, Fatal: the catalog, the data path or a disk is at fault.
    """
    try:
        yield
    except (duckdb.OutOfMemoryException, MemoryError) as error:
        raise _too_large(lake) from error
    except duckdb.Error as error:
        # An error of no class of its own is one of a library that DuckDB reads with, Parquet's Thrift above all.
        if isinstance(error, _CONTENT_ERRORS) or type(error) is duckdb.Error:
            raise Poison(_unreadable("file", error)) from error
        known = lake.failure(error, "decoding files")
        if isinstance(known, Retryable) or isinstance(error, _SERVICE_ERRORS):
            raise known from error
        # Any other is a bug, of DuckDB or of ours, that these files have met and others have not.
        _restart_if_broken(lake)
        raise Unexplained(_unreadable("file", error)) from error


def unreadable_sources(sources: Mapping[str, str], lake: Lake) -> dict[str, str]:
    """Return the Parquet files that DuckDB cannot even begin to read, with the reason.

    DuckDB reports them with errors of every class, also those that it has for its own bugs, so each is tried alone.

    Args:
        sources: for each load, its file as SQL, which may use the macros.
        lake: has the DuckDB that reads.
    """
    reasons = {}
    for load_id, source in sources.items():
        with explained(lake):
            load_macros(lake.engine)  # each time: the file before may have cost the connection
        try:
            lake.engine.execute(f"SELECT * FROM {source} LIMIT 0")
        except (duckdb.OutOfMemoryException, MemoryError):
            reasons[load_id] = str(_too_large(lake))
        except duckdb.Error as error:
            _restart_if_broken(lake)
            reasons[load_id] = _unreadable("Parquet file", error)
    return reasons


def _restart_if_broken(lake: Lake) -> None:
    """Attach the lake again if DuckDB has invalidated itself, as it does after a bug of its own; else do nothing.

    Raises:
        CatalogUnavailable: the catalog or the data path does not answer.
    """
    with suppress(BillstreamError):
        lake.rows("SELECT 1")
    lake.reconnect_if_lost()


def check_data_path(lake: Lake, name: str) -> None:
    """Write a file that nothing is wrong with, so that no file is blamed for what would happen to every one.

    Raises:
        Retryable, Fatal: that fails, too.
    """
    path = lake.staging_path(name)
    try:
        lake.engine.execute(f"COPY (SELECT 1 AS one) TO {literal(path)} (FORMAT parquet)")
    except duckdb.Error as error:
        raise lake.failure(error, "decoding files") from error
    finally:
        lake.discard(path)


def _too_large(lake: Lake) -> TooLarge:
    """Return the reason for a file that needs more memory than DuckDB may use."""
    ((limit,),) = lake.rows("SELECT current_setting('memory_limit')")
    return TooLarge(
        f"DuckDB needs more memory for this file alone than BILLSTREAM_MEMORY_LIMIT allows, which is {limit}. No row "
        "of it is loaded: raise the limit or split the file, then run `billstream quarantine reload`."
    )


def _unreadable(what: str, error: duckdb.Error) -> str:
    """Return the reason for a file that DuckDB cannot read."""
    first = str(error).splitlines()[0].rstrip(".")[:_SHOWN]
    return f"DuckDB cannot read the {what}: {first}. No row of it is loaded: repair the file and upload it again."
