"""The tables that are copied, with their columns and comments as the lake has them."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from billstream.common.lake import Lake
from billstream.common.lake.tables import CHARGES
from billstream.common.statements import statement

AGGREGATES = ("daily_costs", "user_costs", "service_costs", "region_costs")
DAY = "charge_day"

# The zone's calendar takes sixteen times as long, and is needed for the two infinite days alone.
_DAY_OF_CHARGE = (
    "CASE WHEN isfinite(charge_period_start) THEN make_timestamp(epoch_us(charge_period_start))::DATE "
    "ELSE (charge_period_start AT TIME ZONE 'UTC')::DATE END"
)


@dataclass(frozen=True)
class Column:
    """A column with DuckDB's type."""

    name: str
    type: str
    comment: str


@dataclass(frozen=True)
class Table:
    """A table of the lake.

    Attributes:
        name: in the lake, and in a target.
        comment: what it is.
        columns: those of the lake. A copy has `charge_day`, by which whole days are replaced, in any case.
        moment: the column that the day is of; the lake's files tell its range.
        day: the day of a row, as SQL.
    """

    name: str
    comment: str
    columns: tuple[Column, ...]
    moment: str = DAY
    day: str = DAY

    @property
    def is_charges(self) -> bool:
        """Return whether its rows are charges and not sums of them."""
        return self.name == CHARGES

    @property
    def copied(self) -> tuple[Column, ...]:
        """Return the columns of a copy, the day among them."""
        if any(column.name == DAY for column in self.columns):
            return self.columns
        return (Column(DAY, "DATE", f"UTC day of {self.moment}."), *self.columns)

    @property
    def names(self) -> str:
        """Return the columns of the lake for SQL."""
        return ", ".join(column.name for column in self.columns)


def read_tables(lake: Lake, charges_at: int, aggregates_at: int) -> tuple[Table, ...]:
    """Return the tables that are copied, charges first, each with the columns that it has in a snapshot.

    Raises:
        Retryable, Fatal: see `common.lake.failures`.
    """
    names = (CHARGES, *AGGREGATES)
    rows = lake.rows(statement(__name__, "comments"), [list(names)])
    comments = {(table, column): comment for table, column, comment in rows}
    found = []
    for name in names:
        version, moment, day = (aggregates_at, DAY, DAY)
        if name == CHARGES:
            version, moment, day = (charges_at, "charge_period_start", _DAY_OF_CHARGE)
        # A migration after the snapshot may have added columns that the snapshot does not have.
        described = lake.rows(f"DESCRIBE SELECT * FROM {name} AT (VERSION => {version})")
        columns = tuple(Column(column, kind, comments.get((name, column), "")) for column, kind, *_ in described)
        found.append(Table(name, comments[name, ""], columns, moment, day))
    return tuple(found)


def layout_of(tables: Sequence[Table]) -> str:
    """Return a digest of tables, columns and types; a copy with another one is made anew."""
    described = [[table.name, *([column.name, column.type] for column in table.copied)] for table in tables]
    return hashlib.sha256(json.dumps(described).encode()).hexdigest()
