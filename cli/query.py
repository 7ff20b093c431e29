"""`billstream sql`: one SELECT over a lake that is attached read-only."""

from concurrent.futures import ThreadPoolExecutor, wait

import duckdb
import pyarrow as pa

from billstream.common.errors import BillstreamError, Fatal
from billstream.common.lake import Lake
from billstream.common.lake.damage import damage
from billstream.common.lake.data_path import data_path_fault
from billstream.common.lake.gate import one_select


def read_only(lake: Lake, query: str) -> pa.Table:
    """Return the result of a query that can change nothing.

    Raises:
        CatalogUnavailable: maintenance has been at a step for a minute.
        Fatal: it is not one SELECT that only reads the lake, or DuckDB refuses it; then the text is DuckDB's.
        DataDamaged, CatalogUnavailable, Misconfigured: a data file is lost, or the data path is away or refused.
        KeyboardInterrupt: Ctrl-C ended the query.
    """

    def run() -> pa.Table:
        with lake.reading():
            return lake.connection.execute(one_select(lake.connection, query)).to_arrow_table()

    # In the main thread DuckDB would look for Ctrl-C only now and then, some queries for minutes never.
    with ThreadPoolExecutor(max_workers=1) as aside:
        running = aside.submit(run)
        try:
            return running.result()
        except duckdb.Error as error:
            raise _explained(lake, error) from error
        except KeyboardInterrupt:
            while not running.done():  # an interrupt between two statements of ours would be lost
                lake.connection.interrupt()
                wait([running], timeout=0.1)
            raise


def _explained(lake: Lake, error: duckdb.Error) -> BillstreamError:
    if data_path_fault(str(error)):
        return lake.failure(error, "reading the lake")
    return damage(error, lake.catalog, Fatal(str(error)))
