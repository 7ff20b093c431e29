"""Currencies: the costs and the savings of each period, and the days that each currency covers."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from billstream.aggregator.insights.costs import CostName, Costs, Covered, PeriodName
from billstream.aggregator.insights.models import Model, Reading
from billstream.aggregator.insights.periods import in_order
from billstream.aggregator.insights.ratios import share
from billstream.aggregator.insights.savings import NOT_TOLD, SAVINGS, read_savings
from billstream.aggregator.insights.section import Section
from billstream.aggregator.insights.values import Currency

COST_NAMES: tuple[CostName, ...] = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")
COSTS = Model(__name__, "costs", "currency, period", needs=("cells", "currency_periods"))
COVERAGE = Model(__name__, "coverage", "billing_currency", needs=("days",))


def read_currencies(reading: Reading) -> tuple[Currency, ...]:
    """Return every currency, the one with the most charges first."""
    costs: dict[str | None, dict[PeriodName, Costs]] = defaultdict(dict)
    # A period without charges of this currency has no row, and is absent from its costs.
    for row in reading.rows(COSTS):
        costs[row["currency"]][row["period"]] = _costs(row)
    savings = read_savings(reading)
    found = []
    for row in reading.rows(COVERAGE):
        currency = row["currency"]
        book = reading.by_currency[currency]
        month = book.periods["month_to_date"]
        found.append(
            Currency(
                current=month.first_day == reading.today.replace(day=1),
                periods=in_order(book.periods),
                covers=book.covers,
                costs=in_order(costs[currency]),
                savings=savings[currency],
                **row,
            )
        )
    return tuple(found)


def _costs(row: Mapping[str, Any]) -> Costs:
    covered = {name: _covered(row, name) for name in COST_NAMES if row[name] is not None}
    return Costs(**{name: row[name] for name in COST_NAMES}, charge_rows=row["charge_rows"], covered=covered)


def _covered(row: Mapping[str, Any], name: CostName) -> Covered:
    """The charges that have a cost, and what they are billed, so that the cost can be set against it."""
    kind = name.removesuffix("_cost")
    rows = row[f"{kind}_rows"]
    return Covered(
        charge_rows=rows,
        share=share(rows, row["charge_rows"]),
        billed_cost=row["billed_cost"] if name == "billed_cost" else row[f"billed_beside_{kind}"],
    )


CURRENCIES = Section(
    __name__, "currencies", tuple[Currency, ...], read_currencies, (COSTS, COVERAGE, SAVINGS, NOT_TOLD)
)
