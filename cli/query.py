"""`billstream sql`: one SELECT over a lake that is attached read-only."""

import re

import duckdb
import pyarrow as pa

from billstream.common.errors import Fatal
from billstream.common.lake import Lake

# Functions that a SELECT may call and that write: over a read-only lake they fail, but leave files behind.
_MAINTENANCE = re.compile(
    r"\b(?:ducklake_(?:add|cleanup|delete|expire|flush|merge|rewrite|set)\w*|(?:force_)?checkpoint)\s*\(", re.IGNORECASE
)


def read_only(lake: Lake, query: str) -> pa.Table:
    """Return the result of a query that can change nothing.

    Raises:
        Fatal: it is not one SELECT, or DuckDB refuses it; the text is DuckDB's.
    """
    try:
        statements = lake.engine.extract_statements(query)
    except duckdb.Error as error:
        raise Fatal(str(error)) from error
    # No EXPLAIN either: `EXPLAIN ANALYZE COPY` writes a file.
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise Fatal(
            "`billstream sql` runs one SELECT; nothing was run. To change the lake, load files: billstream load --help"
        )
    if _MAINTENANCE.search(query):
        raise Fatal("`billstream sql` only reads, so it runs no maintenance of DuckLake; nothing was run.")
    try:
        return lake.engine.execute(statements[0]).to_arrow_table()
    except duckdb.Error as error:
        raise Fatal(str(error)) from error
