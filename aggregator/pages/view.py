"""The content and the wording of both pages; the templates only lay it out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from billstream.aggregator.insights.ratios import change
from billstream.aggregator.insights.values import (
    Consumption,
    Costs,
    Insights,
    Meter,
    Period,
    PeriodName,
    Ranked,
    Ranking,
)
from billstream.aggregator.pages.charts import Chart, chart_of, day_label
from billstream.aggregator.pages.numbers import money, quantity
from billstream.aggregator.pages.text import shorten, visible

TITLES = {
    "service": "Services",
    "user": "Users",
    "region": "Regions",
    "service_tier": "Service tiers",
    "resource_type": "Resource types",
}
MEASURES = {
    "billed_cost": "Billed cost",
    "effective_cost": "Effective cost",
    "list_cost": "List cost",
    "consumed_quantity": "Consumed quantity",
}
PERIODS: Mapping[PeriodName, str] = {
    "month_to_date": "Month to date",
    "same_days_last_month": "Same days of the month before",
    "last_30_days": "Last 30 days",
    "previous_30_days": "30 days before",
    "all_time": "All time",
}
NO_CURRENCY = "No currency"
NO_UNIT = "No unit"


@dataclass(frozen=True)
class Comparison:
    """An amount, the one that it is compared with, and the change as a ratio."""

    amount: Decimal | None
    before: Decimal | None

    @property
    def change(self) -> Decimal | None:
        """The change; None unless both amounts exist and the one before is positive."""
        return None if self.amount is None else change(self.amount, self.before)


@dataclass(frozen=True)
class MeterView:
    """One meter as both pages show it."""

    anchor: str
    meter: Meter
    label: str
    suffix: str
    measure: str
    costs: Costs | None
    chart: Chart | None
    rankings: tuple[tuple[str, Ranking], ...]

    @property
    def month(self) -> Comparison:
        """The month to date compared with the same days of the month before."""
        return compared(self.meter.amounts, "month_to_date", "same_days_last_month")

    @property
    def window(self) -> Comparison:
        """The last 30 days compared with the 30 days before."""
        return compared(self.meter.amounts, "last_30_days", "previous_30_days")

    def shown(self, amount: Decimal | None) -> str:
        """Return an amount of this meter, rounded."""
        return quantity(amount) if self.meter.kind == "quantity" else money(amount)


def compared(amounts: Mapping[PeriodName, Decimal], period: PeriodName, before: PeriodName) -> Comparison:
    """Return the comparison of two periods of one meter or unit."""
    return Comparison(amounts.get(period), amounts.get(before))


def meter_views(insights: Insights) -> tuple[MeterView, ...]:
    """Return the view of every meter, in the order of the insights."""
    return tuple(_view(f"meter-{place}", meter, insights) for place, meter in enumerate(insights.meters, start=1))


def currency_label(currency: str | None) -> str:
    """Return a currency's code, or words for charges without one."""
    return NO_CURRENCY if currency is None else visible(currency)


def unit_label(unit: str | None) -> str:
    """Return a unit's name, or words for quantities without one."""
    return visible(unit) if unit else NO_UNIT


def consumption_month(consumption: Consumption) -> Comparison:
    """Return a unit's month to date compared with the same days of the month before."""
    return compared(consumption.amounts, "month_to_date", "same_days_last_month")


def span(period: Period) -> str:
    """Return a period in words: 1 to 18 Jul 2025."""
    first, last = period.first_day, period.last_day
    if first == last:
        return f"{day_label(last)} {last.year}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {day_label(last)} {last.year}"
    year = "" if first.year == last.year else f" {first.year}"
    return f"{day_label(first)}{year} to {day_label(last)} {last.year}"


def moment(time: datetime) -> str:
    """Return a time to the second, in UTC: 2025-07-18 06:30:00 UTC."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def bar_percentage(ranked: Ranked, ranking: Ranking) -> float:
    """Return the length of a name's bar: 100 for the largest amount of the ranking, 0 for negative amounts."""
    amounts = [entry.amount for entry in (*ranking.entries, ranking.others) if entry]
    largest = max(amounts)
    return round(float(ranked.amount / largest * 100), 2) if largest > 0 < ranked.amount else 0.0


def _view(anchor: str, meter: Meter, insights: Insights) -> MeterView:
    return MeterView(
        anchor=anchor,
        meter=meter,
        label=shorten(_label(meter)),
        suffix=shorten(visible(meter.unit or meter.currency)) if meter.unit or meter.currency else "",
        measure=MEASURES[meter.measure],
        costs=_costs(meter, insights),
        chart=chart_of(meter.daily, insights.last_charge_day) if meter.daily and insights.last_charge_day else None,
        rankings=tuple((TITLES[ranking.dimension], ranking) for ranking in meter.rankings if _names_something(ranking)),
    )


def _label(meter: Meter) -> str:
    if meter.kind == "cost":
        return currency_label(meter.currency)
    unit = unit_label(meter.unit)
    return unit if meter.currency is None else f"{unit} ({visible(meter.currency)})"


def _costs(meter: Meter, insights: Insights) -> Costs | None:
    if meter.kind == "quantity":
        return None
    return next(entry.costs["all_time"] for entry in insights.currencies if entry.currency == meter.currency)


def _names_something(ranking: Ranking) -> bool:
    """False when no charge names any: then the files do not have this column."""
    return any(entry.name is not None for entry in ranking.entries)
