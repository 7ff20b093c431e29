"""The headline: what a month costs so far, what it will cost, and the budgets, in one sentence for each currency."""

from collections.abc import Sequence
from decimal import Decimal

from billstream.aggregator.budgets.values import BudgetPeriod
from billstream.aggregator.insights.values import Insights
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
    currency, month = view.meter.currency, view.month
    if month is None:
        period = view.meter.periods["month_to_date"]
        amount = view.meter.amounts.get("month_to_date")
        start = f"{_named(amount, currency)} {WORDS[view.meter.measure]} on {span(period)}, not all of it complete"
    else:
        start = f"{_named(month.amount, currency)} {WORDS[view.meter.measure]} on {span(month.days)}"
        if month.change is not None:
            start += f" ({percent_change(month.change)} against {span(month.before_days)})"
    return "; ".join([start, *_forecast(insights, currency), *_budgets(insights, currency)]) + "."


def _forecast(insights: Insights, currency: str | None) -> list[str]:
    for one in insights.forecast:
        if one.scope == "currency" and one.currency == currency:
            between = (
                ""
                if one.low is None
                else f", eight times in ten {money(one.low, currency)} to {money(one.high, currency)}"
            )
            # Another cost than the one before it, where charges tell both: see `MonthForecast`.
            return [
                f"{one.month:%B} will cost about {money(one.expected, currency)} (effective cost where told{between})"
            ]
    return []


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
