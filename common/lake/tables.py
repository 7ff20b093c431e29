"""The tables that loads write rows into. Each row belongs to a load, and leaves its table with that load."""

from typing import Literal, cast, get_args

Table = Literal["charges", "billing_periods", "invoice_details"]
"""The table that the rows of a file belong in. A profile names it."""

CHARGES: Table = "charges"
TABLES: tuple[Table, ...] = get_args(Table)

SET_ASIDE = "set_aside_charges"
"""The table of charges that do not count, as a preferred export has the same. Loads write into `charges` alone."""

WITH_ROWS = (*TABLES, SET_ASIDE)
"""Every table with rows of loads."""

NEVER_NULL: dict[Table, str] = {
    "charges": "charge_period_start",
    "billing_periods": "billing_period_start",
    "invoice_details": "invoice_id",
}
"""The column that every row of a table has a value for."""


def folder_of(table: str) -> str:
    """Return the folder of a table's data files under the data path, the way DuckLake names it: schema, then table."""
    return f"main/{table}"


def table_of(path: str) -> Table:
    """Return the table of a staged file. It is the folder that the file lies in."""
    return cast("Table", path.rsplit("/", 2)[-2])
