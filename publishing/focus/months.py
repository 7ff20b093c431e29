"""The billing months of a lake, and what each of them has: rows, sums of the costs, and values that FOCUS misses."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal

from billstream.common.lake.reader import SnapshotReader
from billstream.common.statements import statement
from billstream.publishing.focus.versions import FocusVersion

COSTS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")
_NEVER = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Sums:
    """The sums of the four costs in one currency, exact; None where no row has such a cost, or none has a currency."""

    currency: str | None
    rows: int
    billed_cost: Decimal | None
    effective_cost: Decimal | None
    list_cost: Decimal | None
    contracted_cost: Decimal | None


@dataclass(frozen=True)
class Month:
    """One billing month.

    `missing` has the columns that FOCUS wants a value of in every row, with the number of rows that have none.
    """

    first_day: date
    first_start: datetime = _NEVER
    last_start: datetime = _NEVER
    sums: tuple[Sums, ...] = ()
    missing: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The month as `yyyy-mm`."""
        return self.first_day.isoformat()[:7]

    @property
    def rows(self) -> int:
        """The number of rows of all currencies."""
        return sum(one.rows for one in self.sums)


def months_of(snapshot: SnapshotReader, version: FocusVersion) -> list[Month]:
    """Return the billing months that have charges, in order."""
    names = version.names({})
    missing = ", ".join(f"count(*) - count({names[column]})" for column in version.never_null)
    by_month: dict[date, list[tuple[Sums, datetime, datetime, Sequence[int]]]] = {}
    for first_day, *told, first_start, last_start, counts in snapshot.rows(
        statement(__name__, "months", missing=missing)
    ):
        by_month.setdefault(first_day, []).append((Sums(*told), first_start, last_start, counts))
    months = []
    for first_day, found in by_month.items():
        sums, starts, ends, counts = zip(*found, strict=True)
        totals = dict(zip(version.never_null, map(sum, zip(*counts, strict=True)), strict=True))
        lacking = {column: total for column, total in totals.items() if total}
        months.append(Month(first_day, min(starts), max(ends), tuple(sums), lacking))
    return months
