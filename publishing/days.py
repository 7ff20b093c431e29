"""The days of a table that a target has to replace, in pieces of a month at most."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

from billstream.common.lake import Lake
from billstream.common.statements import statement
from billstream.publishing.tables import Table

FIRST_DAY, FIRST_BEYOND = date(1, 1, 1), date(9999, 1, 1)
"""A day before the first, or from the second on, such as an infinite one, is beyond the calendar."""


@dataclass(frozen=True)
class Piece:
    """Days of one month; or every day beyond the calendar, where `month` is None.

    `days` are those that are meant, None for the whole month.
    """

    month: date | None
    days: tuple[date, ...] | None = None

    @property
    def after(self) -> date:
        """Return the first day of the next month."""
        if self.month is None:
            raise ValueError("what is beyond the calendar is no month")
        return (self.month + timedelta(days=31)).replace(day=1)


def changed_days(lake: Lake, table: Table, first: int, last: int) -> list[date | None]:
    """Return the days whose rows the snapshots from `first` to `last` have changed; None stands for all beyond.

    Raises:
        DataDamaged: rows that were deleted cannot be read any more.
        Retryable, Fatal: see `common.lake.failures`.
    """
    if first > last:
        return []
    text = statement(
        __name__, "changed_days", table=table.name, columns=table.names, day=table.day, first=first, last=last
    )
    return [day for (day,) in lake.rows(text, [FIRST_DAY, FIRST_BEYOND])]


def all_months(lake: Lake, table: Table, version: int) -> list[Piece]:
    """Return the months of which a table has rows in a snapshot.

    Raises:
        Retryable, Fatal: see `common.lake.failures`.
    """
    text = statement(__name__, "months", table=table.name, day=table.day, version=version)
    return [Piece(month) for (month,) in lake.rows(text, [FIRST_DAY, FIRST_BEYOND])]


def pieces(days: Sequence[date | None]) -> list[Piece]:
    """Return the days by month, the earliest first; what is beyond the calendar comes last."""
    inside = sorted(day for day in days if day is not None)
    found = [Piece(month, tuple(same)) for month, same in groupby(inside, key=lambda day: day.replace(day=1))]
    return [*found, *([Piece(None)] if None in days else [])]


def stage(lake: Lake, table: Table, version: int, piece: Piece, path: str) -> None:
    """Write the rows of a piece to a Parquet file of this host, with the day of each.

    Raises:
        DataDamaged: they cannot be read.
        Retryable, Fatal: see `common.lake.failures`.
    """
    columns = ", ".join(
        f"{table.day} AS {column.name}" if column.name == "charge_day" else column.name for column in table.copied
    )
    which = "beyond" if piece.month is None else "month" if piece.days is None else "days"
    text = statement(
        __name__,
        f"stage_{which}",
        table=table.name,
        columns=columns,
        moment=table.moment,
        day=table.day,
        version=version,
        path=path.replace("'", "''"),
    )
    bounds = (FIRST_DAY, FIRST_BEYOND) if piece.month is None else (piece.month, piece.after)
    given = [datetime(bound.year, bound.month, 1, tzinfo=UTC) for bound in bounds]
    lake.run(text, [*given, *([list(piece.days)] if piece.days is not None else [])])
