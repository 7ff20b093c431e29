"""`billstream sql`: one SELECT over a lake that is attached read-only."""

import duckdb
import pyarrow as pa

from common.errors import Fatal
from common.lake import Lake

_READING = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}


def read_only(lake: Lake, query: str) -> pa.Table:
    """The result of a query that can change nothing.

    Raises:
        Fatal: it is not one SELECT, or DuckDB refuses it; the text is DuckDB's.
    """
    try:
        statements = lake.engine.extract_statements(query)
    except duckdb.Error as error:
        raise Fatal(str(error)) from error
    if len(statements) != 1 or statements[0].type not in _READING:
        raise Fatal("`billstream sql` runs one SELECT; the lake is changed by loading files only.")
    try:
        return lake.engine.execute(statements[0]).to_arrow_table()
    except duckdb.Error as error:
        raise Fatal(str(error)) from error
