"""The headline: what a month costs so far, what it will cost, and the budgets, in one sentence for each currency."""

from collections.abc import Sequence
from decimal import Decimal

from billstream.aggregator.budgets.values import BudgetPeriod
from billstream.aggregator.forecasting.values import MonthForecast
from billstream.aggregator.insights.values import Insights
from billstream.aggregator.insights.words import day_in_words
from billstream.aggregator.pages.numbers import counted, money, percent, percent_change
from billstream.aggregator.pages.text import shorten, visible
from billstream.aggregator.pages.view import MeterView, span

MOST = 3
MOST_BUDGETS = 2
WORDS = {"billed_cost": "billed", "effective_cost": "of effective cost", "list_cost": "of list cost"}


def headlines(insights: Insights, meters: Sequence[MeterView]) -> tuple[str, ...]:
    """Return a sentence for each of the first currencies that have charges this month, and one about the others.

    The amounts are of complete days alone, the same that the comparison has.
    """
    current = [view for view in meters if view.meter.kind == "cost" and view.meter.current]
    told = [_sentence(insights, view) for view in current[:MOST]]
    if len(current) > MOST:
        told.append(f"Other currencies with charges this month: {len(current) - MOST}.")
    return tuple(told)


def _sentence(insights: Insights, view: MeterView) -> str:
    currency = view.meter.currency
    forecast = next((one for one in insights.forecast if one.scope == "currency" and one.currency == currency), None)
    if forecast is None:
        parts = [_month(view)]
    elif view.month and money(forecast.so_far, currency) == money(view.month.amount, currency):
        parts = [f"{_month(view)}, {_ahead(forecast)}"]
    else:
        # Two costs, such as an upfront purchase that is billed at once and borne by the usage of a year.
        cost = f"{_named(forecast.so_far, currency)} up to {day_in_words(forecast.complete_to)}"
        parts = [f"{cost}, {_ahead(forecast)}, in effective cost where it is told", _month(view)]
    return "; ".join([*parts, *_budgets(insights, currency)]) + "."


def _month(view: MeterView) -> str:
    """The month to date of the meter, of complete days alone where there are some."""
    currency, month, words = view.meter.currency, view.month, WORDS[view.meter.measure]
    if month is None:
        amount = view.meter.amounts.get("month_to_date")
        days = span(view.meter.periods["month_to_date"])
        return f"{_named(amount, currency)} {words} on {days}, of which no day is complete"
    told = f"{_named(month.amount, currency)} {words} on {span(month.days)}"
    if month.change is None:
        return told
    return f"{told} ({percent_change(month.change)} against {span(month.before_days)})"


def _ahead(forecast: MonthForecast) -> str:
    low, high, currency = forecast.low, forecast.high, forecast.currency
    between = "" if low is None else f" (eight times in ten {money(low, currency)} to {money(high, currency)})"
    return f"about {money(forecast.expected, currency)} by the end of {forecast.month:%B}{between}"


def _budgets(insights: Insights, currency: str | None) -> list[str]:
    """The budgets of the currency that hold today, the one with the largest used part first."""
    current = [
        one
        for one in insights.budgets
        if one.currency == currency and one.first_day <= insights.today <= one.last_day and one.amount is not None
    ]
    current.sort(key=lambda one: one.used or Decimal(0), reverse=True)
    told = [_budget(one) for one in current[:MOST_BUDGETS]]
    return [*told, *([f"{counted(len(current) - MOST_BUDGETS, 'more budget')}"] if len(current) > MOST_BUDGETS else [])]


def _budget(one: BudgetPeriod) -> str:
    return f"budget {shorten(visible(one.budget))}: {percent(one.used)} of {money(one.amount, one.currency)} used"


def _named(amount: Decimal | None, currency: str | None) -> str:
    return f"{money(amount, currency)} {shorten(visible(currency)) if currency else 'without a currency'}"
