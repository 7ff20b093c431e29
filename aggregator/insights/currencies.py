"""From the daily aggregates to currencies: what was charged, and which days are covered."""

from collections import defaultdict

from billstream.aggregator.insights.periods import Periods, in_order
from billstream.aggregator.insights.values import Costs, Currency, PeriodName
from billstream.aggregator.statements import statement
from billstream.common.lake import Lake


def store_periods(lake: Lake, periods: Periods) -> None:
    """Make the temporary table of periods that the statements join with."""
    first_days = [period.first_day for period in periods.values()]
    last_days = [period.last_day for period in periods.values()]
    lake.rows(statement("insight_periods"), [list(periods), first_days, last_days])


def read_currencies(lake: Lake) -> tuple[Currency, ...]:
    """Every currency, from the temporary tables of days and periods; the one with the most charges first."""
    costs: dict[str | None, dict[PeriodName, Costs]] = defaultdict(dict)
    for row in lake.query(statement("insight_costs")).to_pylist():
        currency, period = row.pop("currency"), row.pop("period")
        costs[currency][period] = Costs(**row)
    coverage = lake.query(statement("insight_coverage")).to_pylist()
    return tuple(Currency(costs=in_order(costs[row["currency"]]), **row) for row in coverage)
