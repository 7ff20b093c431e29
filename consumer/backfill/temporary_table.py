"""Large temporary tables, read and written a page at a time.

The lake has one connection: between two pages it is free for other work, which a cursor over the whole table would
forbid.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from billstream.common.lake import Lake

PAGE = 1000  # rows


def read_pages(lake: Lake, table: str) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of a temporary table as dictionaries, at most 1,000 at a time.

    Args:
        lake: has the connection that made the table.
        table: has a column `number` that counts its rows from 0.
    """
    first = 0
    # By number, not by OFFSET: an offset reads all rows before it again for each page.
    while rows := lake.query(
        f"SELECT * FROM {table} WHERE number >= ? AND number < ?", [first, first + PAGE]
    ).to_pylist():
        yield rows
        first += PAGE


def append_rows(lake: Lake, table: str, columns: Mapping[str, Sequence[object]]) -> None:
    """Append rows to a temporary table, given as columns of equal length."""
    # Through Arrow: as bound parameters, 1,000 rows take half a second.
    lake.connection.register("new_page", pa.table(dict(columns)))
    try:
        lake.run(f"INSERT INTO {table} BY NAME SELECT * FROM new_page")
    finally:
        lake.connection.unregister("new_page")
