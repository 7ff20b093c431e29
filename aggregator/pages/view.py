"""The content and the wording of both pages; the templates only lay it out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from billstream.aggregator.insights.costs import CostName, Costs, Covered, PeriodName, Savings
from billstream.aggregator.insights.moved import MonthAmount, Months
from billstream.aggregator.insights.values import (
    Comparison,
    Currency,
    Insights,
    Meter,
    Period,
    Ranked,
    Ranking,
)
from billstream.aggregator.pages.charts import Chart, chart_of, day_label
from billstream.aggregator.pages.numbers import money, quantity
from billstream.aggregator.pages.text import shorten, visible

TITLES = {
    "provider": "Providers",
    "account": "Accounts",
    "service": "Services",
    "region": "Regions",
    "user": "Users",
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
    "last_30_days": "Last 30 days",
    "all_time": "All time",
}
PARTS_OF_SAVINGS = {
    "negotiated": "Negotiated: list less contracted cost",
    "commitment": "Commitments: contracted less effective cost",
    "other": "Other savings",
    "unused": "Unused commitments, a loss",
}
NO_CURRENCY = "No currency"
NO_UNIT = "No unit"
NO_PROVIDER = "No provider"
MOST_LEFT_OUT = 3


@dataclass(frozen=True)
class MeterView:
    """One meter as both pages show it."""

    anchor: str
    meter: Meter
    label: str
    suffix: str
    measure: str
    costs: Costs | None
    savings: Savings | None
    month_label: str
    chart: Chart | None
    rankings: tuple[tuple[str, Ranking], ...]

    @property
    def month(self) -> Comparison | None:
        """The compared days of the month and of the month before."""
        return self.meter.comparisons.get("month")

    @property
    def window(self) -> Comparison | None:
        """The compared 30 days and the 30 days before."""
        return self.meter.comparisons.get("thirty_days")

    @property
    def unfinished(self) -> bool:
        """True when a day of the chart may still grow."""
        return any(entry.state != "complete" for entry in self.meter.daily)

    def shown(self, amount: Decimal | None) -> str:
        """Return an amount of this meter, rounded."""
        return quantity(amount) if self.meter.kind == "quantity" else money(amount, self.meter.currency)


def meter_views(insights: Insights) -> tuple[MeterView, ...]:
    """Return the view of every meter, in the order of the insights."""
    return tuple(_view(f"meter-{place}", meter, insights) for place, meter in enumerate(insights.meters, start=1))


def currency_label(currency: str | None) -> str:
    """Return a currency's code, or words for charges without one."""
    return NO_CURRENCY if currency is None else visible(currency)


def unit_label(unit: str | None) -> str:
    """Return a unit's name, or words for quantities without one."""
    return visible(unit) if unit else NO_UNIT


def month_label(meter: Meter | Currency, today: date) -> str:
    """Return the name of a meter's month: Month to date, or the last month that has charges."""
    month = meter.periods["month_to_date"]
    current = (month.first_day.year, month.first_day.month) == (today.year, today.month)
    return PERIODS["month_to_date"] if current else f"{month.first_day:%B %Y}, the last month with charges"


def left_out(comparison: Comparison | None) -> str:
    """Return the sources that a comparison leaves out, in words; empty when it compares all."""
    if not comparison or not comparison.left_out:
        return ""
    names = [f"{provider_label(entry.provider)} ({entry.reason})" for entry in comparison.left_out[:MOST_LEFT_OUT]]
    more = len(comparison.left_out) - MOST_LEFT_OUT
    return "; ".join(names) + (f"; and {more} more" if more > 0 else "")


def lacking(costs: Costs, name: CostName) -> Covered | None:
    """Return what a cost covers when that is not every charge; None when it is, or when there is no such cost."""
    covered = costs.covered.get(name)
    return covered if covered and covered.charge_rows < costs.charge_rows else None


def provider_label(provider: str | None) -> str:
    """Return a provider's name, or words for charges without one."""
    return NO_PROVIDER if provider is None else shorten(visible(provider))


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
    # The others take part: their bar is often the longest.
    amounts = [entry.amount for entry in (*ranking.entries, ranking.others) if entry]
    largest = max(amounts)
    return round(float(ranked.amount / largest * 100), 2) if largest > 0 < ranked.amount else 0.0


def month_bar(one: MonthAmount, months: Months) -> float:
    """Return the length of a month's bar: 100 for the largest of them, 0 for one below zero."""
    largest = max(month.amount for month in months.months)
    return round(float(one.amount / largest * 100), 2) if largest > 0 < one.amount else 0.0


def _view(anchor: str, meter: Meter, insights: Insights) -> MeterView:
    currency = None
    if meter.kind == "cost":
        currency = next(entry for entry in insights.currencies if entry.currency == meter.currency)
    return MeterView(
        anchor=anchor,
        meter=meter,
        label=shorten(_label(meter)),
        suffix=shorten(visible(meter.unit or meter.currency)) if meter.unit or meter.currency else "",
        measure=MEASURES[meter.measure],
        costs=currency.costs["all_time"] if currency else None,
        savings=currency.savings if currency else None,
        month_label=month_label(meter, insights.today),
        chart=chart_of(meter.daily, meter.periods["month_to_date"].last_day) if meter.daily else None,
        rankings=tuple((TITLES[ranking.dimension], ranking) for ranking in meter.rankings if _names_something(ranking)),
    )


def _label(meter: Meter) -> str:
    if meter.kind == "cost":
        return currency_label(meter.currency)
    unit = unit_label(meter.unit)
    return unit if meter.currency is None else f"{unit} ({visible(meter.currency)})"


def _names_something(ranking: Ranking) -> bool:
    """False when no charge names any: then the files do not have this column."""
    return any(entry.name is not None for entry in ranking.entries)
