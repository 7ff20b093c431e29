"""The days of metrics: quantities of the business beside the costs that they are set against, kept in the lake."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import date
from decimal import Decimal

import duckdb

from billstream.aggregator.budgets.costs import read_daily
from billstream.aggregator.budgets.metrics import MetricTable
from billstream.common.lake import Lake
from billstream.common.statements import statement

MONTHS = 13
"""Months that are kept, the current one included: a year on year comparison needs as many."""


@dataclass(frozen=True)
class MetricDay:
    """One unit of a metric on one day. None: no such charge, or no quantity, on that day."""

    metric: str
    unit: str
    day: date
    currency: str
    cost: Decimal | None
    quantity: Decimal | None


def evaluate_metrics(lake: Lake, tables: Sequence[MetricTable], today: date) -> list[MetricDay]:
    """Return each unit of each metric by day, for the last 13 months up to today.

    Args:
        lake: nothing is written to it.
        tables: of the file of budgets.
        today: the UTC day of the clock.

    Raises:
        Retryable, Fatal: see `common.lake.failures`.
    """
    months = today.year * 12 + today.month - MONTHS
    first = date(months // 12, months % 12 + 1, 1)
    found = []
    for table in tables:
        metric, costs = table.metric, read_daily(lake, table.metric, first, today)
        for unit in sorted({unit for unit, _ in table.quantities}):
            told = {day for other, day in table.quantities if other == unit and first <= day <= today}
            found += [
                MetricDay(metric.name, unit, day, metric.currency, costs.get(day), table.quantities.get((unit, day)))
                for day in sorted(told | costs.keys())
            ]
    return found


def store_metrics(con: duckdb.DuckDBPyConnection, days: Sequence[MetricDay]) -> int:
    """Make the table `unit_metrics` these days, inside the open transaction; returns the number of rows written.

    Rows before the first one that differs are left as they are: as a rule only the newest days change.
    """
    stored = {MetricDay(*row) for row in con.execute(statement(__name__, "metric_days")).fetchall()}
    wanted = set(days)
    if stored == wanted:
        return 0
    first = min(row.day for row in stored ^ wanted)
    changed = [astuple(row) for row in days if row.day >= first]
    con.execute(statement(__name__, "drop_metric_days"), [first])
    if changed:
        con.execute(statement(__name__, "store_metric_days"), [list(column) for column in zip(*changed, strict=True)])
    return len(changed)
