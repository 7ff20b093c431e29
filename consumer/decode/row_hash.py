"""An order-free hash of a load's rows: the sum of DuckDB's hash of each row, over the columns of its staged file.

It depends on the values alone, so it survives when rows are written to other data files, and a row that comes twice
changes it. DuckDB may hash otherwise in another version, and later schemas have more columns: the text of a hash says
how it was made, such as `duckdb-1.5.5 f4001 8271630958`: the version, the columns, the sum. With rows of another table
than charges, the table's name follows the version: `duckdb-1.5.5/billing_periods`.
"""

from collections.abc import Mapping, Sequence

import duckdb

from billstream.common.lake.tables import CHARGES

_HASHED_BY = f"duckdb-{duckdb.__version__}"


def made_by(columns: Sequence[str], table: Sequence[str], name: str = CHARGES) -> str:
    """Return how a hash over these columns is made: DuckDB's version, and a bit for each column of the table `name`."""
    # Migrations only append columns to the table, so a bit keeps its meaning.
    bits = sum(1 << table.index(column) for column in columns)
    return f"{_version(name)} {bits:x}"


def hash_of_row(columns: Sequence[str], table: Mapping[str, str], of: str = "") -> str:
    """Return the SQL of one row's hash. Order and types of the columns are the table's; `of` qualifies them."""
    ordered = [f"{of}{name}::{kind}" for name, kind in table.items() if name in set(columns)]
    return f"hash({', '.join(ordered)})"


def hashed_columns(how: str, table: Sequence[str], name: str = CHARGES) -> list[str] | None:
    """Return the columns of a hash that was made as `how` says; None if this version of billstream cannot make it.

    Args:
        how: see `made_by`.
        table: the columns of the table.
        name: the table; a hash of rows of another one is not made.
    """
    by, _, bits = how.partition(" ")
    if by != _version(name) or not bits or int(bits, 16) >> len(table):
        return None
    return [column for number, column in enumerate(table) if int(bits, 16) >> number & 1]


def _version(table: str) -> str:
    return _HASHED_BY if table == CHARGES else f"{_HASHED_BY}/{table}"
