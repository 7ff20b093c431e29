"""Choose charges: of some days, with given values of some dimensions. Reads and the SQL of rows share the condition."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from types import MappingProxyType

from billstream.aggregator.causes.slices import Name
from billstream.aggregator.rollups import PROVIDER_NAMES

COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "currency": "billing_currency",
        "line": "CASE WHEN charge_class = 'Correction' THEN 'Correction' ELSE coalesce(charge_category, 'Usage') END",
        "provider": f"coalesce({', '.join(PROVIDER_NAMES)})",
        "account": "coalesce(sub_account_id, billing_account_id)",
        "category": "service_category",
        "service": "service_name",
        "region": "region_id",
        "user": "x_user_id",
        "sku": "coalesce(sku_id, sku_price_id, sku_meter)",
        "resource": "coalesce(resource_id, resource_name)",
    }
)
"""Each dimension as an expression over `charges`. `line`: what a charge is for, Usage where the file does not tell."""

SLICED = ("provider", "account", "category", "service", "region", "user", "sku", "resource")
"""The dimensions that a slice may have, the broadest first."""

USAGE = "Usage"
COSTS: Mapping[str, str] = MappingProxyType(
    {
        "effective_cost": "coalesce(effective_cost, billed_cost)",
        "billed_cost": "billed_cost",
        "list_cost": "list_cost",
        "contracted_cost": "contracted_cost",
    }
)
"""Each cost as an expression over `charges`. A charge without an effective cost has its billed cost instead."""

Write = Callable[[str | date], str]
"""Return the SQL of a value: a literal, or a parameter that it becomes."""


@dataclass(frozen=True)
class Charges:
    """The charges of some days that have given values.

    Attributes:
        days: UTC days of charge_period_start, in any order.
        where: the value of each dimension that is fixed, by its name in `COLUMNS`; None: charges without a value.
        cost: which cost is summed, a name in `COSTS`.
    """

    days: frozenset[date]
    where: Mapping[str, Name] = field(default_factory=dict)
    cost: str = "effective_cost"

    def condition(self, write: Write) -> str:
        """Return the condition of SQL over `charges`; each value is written by `write`."""
        parts = [in_days(self.days, write)]
        parts += [_has(COLUMNS[name], value, write) for name, value in self.where.items()]
        return "\n  AND ".join(parts)

    @property
    def amount(self) -> str:
        """The cost of a charge as SQL."""
        return COSTS[self.cost]


class Parameters(list[object]):
    """Values that become parameters of a statement, numbered from 1."""

    def write(self, value: str | date) -> str:
        """Keep a value, and return the SQL that stands for it; a day is a DATE and a name a VARCHAR."""
        self.append(value)
        return f"${len(self)}::{'DATE' if isinstance(value, date) else 'VARCHAR'}"


def _has(column: str, value: Name, write: Write) -> str:
    if value is None:
        return f"{column} IS NULL"
    # DuckLake compares a value with the statistics of files in SQL of its own, which a NUL in the value cuts off. It
    # leaves expressions alone.
    return f"{column} = {write(value)}" if value.isprintable() else f"({column} || '') = {write(value)}"


def days_between(first: date, last: date) -> frozenset[date]:
    """Return the days from the first to the last, both included."""
    return frozenset(first + timedelta(number) for number in range((last - first).days + 1))


def in_days(days: frozenset[date], write: Write, column: str = "charge_period_start") -> str:
    """Return the condition that a moment is in one of the days in UTC; no day: false.

    It compares the column itself, so that files of other days are not read.
    """
    ranges = [
        f"({column} >= {_midnight(first, write)} AND {column} < {_midnight(last + timedelta(1), write)})"
        for first, last in _ranges(days)
    ]
    return f"({' OR '.join(ranges)})" if ranges else "false"


def _midnight(day: date, write: Write) -> str:
    # A text with its offset: a DATE would begin at the midnight of the session's time zone.
    return f"{write(f'{day.isoformat()} 00:00:00+00')}::TIMESTAMPTZ"


def _ranges(days: frozenset[date]) -> list[tuple[date, date]]:
    """Return the days as ranges without gaps."""
    found: list[tuple[date, date]] = []
    for day in sorted(days):
        if found and day == found[-1][1] + timedelta(1):
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found
