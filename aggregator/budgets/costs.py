"""The costs that a budget or a metric counts, by day, from the aggregate `cost_cells`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext

from billstream.aggregator.budgets.model import COLUMNS, Counted
from billstream.common.lake import Lake
from billstream.common.statements import statement


@dataclass(frozen=True)
class DailyCosts:
    """The exact cost of each day that has any; usage apart from everything else."""

    usage: Mapping[date, Decimal]
    others: Mapping[date, Decimal]

    def whole(self) -> dict[date, Decimal]:
        """Return both together."""
        # Sums have up to 38 digits, more than the default context keeps.
        with localcontext(prec=80):
            return {
                day: self.usage.get(day, Decimal(0)) + self.others.get(day, Decimal(0))
                for day in sorted({*self.usage, *self.others})
            }


def read_daily(lake: Lake, counted: Counted, first_day: date, last_day: date) -> dict[date, Decimal]:
    """Return the exact cost of each day that has any, from the first day to the last. Raises what `read_costs` does."""
    return read_costs(lake, counted, first_day, last_day).whole()


def read_costs(lake: Lake, counted: Counted, first_day: date, last_day: date) -> DailyCosts:
    """Return the costs of the days from the first to the last.

    Raises:
        Retryable, Fatal: see `common.lake.failures`.
    """
    wanted = [_listed(counted.where.get(column)) for column in COLUMNS]
    given = [counted.currency, counted.cost, list(counted.categories), first_day, last_day, *wanted]
    tagged, values = tags_condition(counted, len(given) + 1)
    rows = lake.rows(statement(__name__, "daily", tagged=tagged), [*given, *values])
    return DailyCosts(
        {day: amount for day, usage, amount in rows if usage}, {day: amount for day, usage, amount in rows if not usage}
    )


def tags_condition(counted: Counted, place: int) -> tuple[str, list[object]]:
    """Return the SQL condition on `cost_cells.tags`, a JSON object, and its parameters from `$place` on."""
    parts: list[str] = []
    values: list[object] = []
    for key, wanted in counted.tags.items():
        parts.append(f"list_contains(${place}::VARCHAR[], (tags::JSON::MAP(VARCHAR, VARCHAR))[${place + 1}])")
        values += [list(wanted), key]
        place += 2
    return " AND ".join(parts) or "true", values


def _listed(wanted: object) -> Sequence[str] | None:
    return list(wanted) if isinstance(wanted, tuple) else None
