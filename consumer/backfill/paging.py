"""A large temporary table, a page at a time: the lake's one connection is free for other work in between."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from billstream.common.lake import Lake

PAGE = 1000


def pages(lake: "Lake", table: str) -> Iterator[list[dict[str, Any]]]:
    """The rows of a temporary table, as dictionaries, at most 1,000 at a time.

    Args:
        lake: whose connection made the table.
        table: has a column `number` that counts its rows from 0.
    """
    first = 0
    while rows := lake.query(
        f"SELECT * FROM {table} WHERE number >= ? AND number < ?", [first, first + PAGE]
    ).to_pylist():
        yield rows
        first += PAGE


def append(lake: "Lake", table: str, columns: Mapping[str, Sequence[object]]) -> None:
    """Add a page of rows to a temporary table. Goes by Arrow: bound as parameters, a page takes half a second."""
    lake.engine.register("new_page", pa.table(dict(columns)))
    try:
        lake.run(f"INSERT INTO {table} BY NAME SELECT * FROM new_page")
    finally:
        lake.engine.unregister("new_page")
