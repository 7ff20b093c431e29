"""Consumption: the consumed quantity of each unit and period, over all currencies."""

from collections import defaultdict
from decimal import Decimal

from billstream.aggregator.insights.models import Model, Reading
from billstream.aggregator.insights.periods import in_order
from billstream.aggregator.insights.section import Section
from billstream.aggregator.insights.values import Consumption, PeriodName

Amounts = dict[PeriodName, Decimal]

QUANTITIES = Model(__name__, "consumption", "unit, period", needs=("days", "periods"))


def read_consumption(reading: Reading) -> tuple[Consumption, ...]:
    """Return every unit with its quantities, the one with the most charges first."""
    amounts: dict[str, Amounts] = defaultdict(dict)
    charge_rows: dict[str, int] = {}
    for row in reading.rows(QUANTITIES):
        amounts[row["unit"]][row["period"]] = row["amount"]
        charge_rows[row["unit"]] = row["charge_rows"]
    return tuple(
        Consumption(unit=unit, charge_rows=rows, amounts=in_order(amounts[unit])) for unit, rows in charge_rows.items()
    )


CONSUMPTION = Section(__name__, "consumption", tuple[Consumption, ...], read_consumption, (QUANTITIES,))
