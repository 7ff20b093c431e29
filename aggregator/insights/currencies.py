"""Currencies: the costs of each period, and the days that each currency covers."""

from collections import defaultdict

from billstream.aggregator.insights.models import Model, Reading
from billstream.aggregator.insights.periods import in_order
from billstream.aggregator.insights.section import Section
from billstream.aggregator.insights.values import Costs, Currency, PeriodName

COSTS = Model(__name__, "costs", "billing_currency, period", needs=("days", "periods"))
COVERAGE = Model(__name__, "coverage", "billing_currency", needs=("days",))


def read_currencies(reading: Reading) -> tuple[Currency, ...]:
    """Return every currency, the one with the most charges first."""
    costs: dict[str | None, dict[PeriodName, Costs]] = defaultdict(dict)
    for row in reading.rows(COSTS):
        measures = {name: row[name] for name in Costs.model_fields}
        costs[row["currency"]][row["period"]] = Costs(**measures)
    return tuple(Currency(costs=in_order(costs[row["currency"]]), **row) for row in reading.rows(COVERAGE))


CURRENCIES = Section(__name__, "currencies", tuple[Currency, ...], read_currencies, (COSTS, COVERAGE))
