"""`billstream sql`: one SELECT over a lake that is attached read-only."""

import duckdb
import pyarrow as pa

from billstream.common.errors import Fatal
from billstream.common.lake import Lake
from billstream.common.lake.gate import one_select


def read_only(lake: Lake, query: str) -> pa.Table:
    """Return the result of a query that can change nothing.

    Raises:
        Fatal: it is not one SELECT that only reads the lake, or DuckDB refuses it; then the text is DuckDB's.
        KeyboardInterrupt: Ctrl-C ended the query.
    """
    try:
        return lake.engine.execute(one_select(lake.engine, query)).to_arrow_table()
    except duckdb.Error as error:
        raise Fatal(str(error)) from error
    except RuntimeError as error:  # DuckDB's Python client reports Ctrl-C so, and nothing else
        raise KeyboardInterrupt from error
