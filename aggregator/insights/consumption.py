"""Consumption: the consumed quantity of each unit and period, over all currencies."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from billstream.aggregator.insights.comparing import comparisons_of, window_lists
from billstream.aggregator.insights.costs import PeriodName
from billstream.aggregator.insights.models import Model, Reading, period_lists
from billstream.aggregator.insights.periods import Periods, Windows, in_order
from billstream.aggregator.insights.section import Section
from billstream.aggregator.insights.values import Consumption

Amounts = dict[PeriodName, Decimal]


def _windows(reading: Reading) -> Windows:
    return reading.overall.windows if reading.overall else {}


def _periods(reading: Reading) -> Periods:
    return reading.overall.periods if reading.overall else {}


def _compared(reading: Reading) -> Sequence[object]:
    _, *lists = window_lists([(None, _windows(reading))], columns=4)
    first = min((window.before.first_day for window in _windows(reading).values()), default=None)
    return [reading.version, *lists, first]


QUANTITIES = Model(
    __name__,
    "consumption",
    "unit, period",
    needs=("days",),
    given=lambda reading: period_lists([(None, _periods(reading))])[1:],
)
UNITS_COMPARED = Model(__name__, "units_compared", "unit, comparison", given=_compared)


def read_consumption(reading: Reading) -> tuple[Consumption, ...]:
    """Return every unit with its quantities, the one with the most charges first."""
    amounts: dict[str, Amounts] = defaultdict(dict)
    charge_rows: dict[str, int] = {}
    for row in reading.rows(QUANTITIES):
        amounts[row["unit"]][row["period"]] = row["amount"]
        charge_rows[row["unit"]] = row["charge_rows"]
    compared: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in reading.rows(UNITS_COMPARED):
        compared[row["unit"]].append(row)
    return tuple(
        Consumption(
            unit=unit,
            charge_rows=rows,
            periods=in_order(_periods(reading)),
            amounts=in_order(amounts[unit]),
            comparisons=comparisons_of(compared[unit], _windows(reading)),
        )
        for unit, rows in charge_rows.items()
    )


CONSUMPTION = Section(__name__, "consumption", tuple[Consumption, ...], read_consumption, (QUANTITIES, UNITS_COMPARED))
