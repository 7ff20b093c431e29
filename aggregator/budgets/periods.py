"""The periods of a budget, and the amount that it allows in each."""

from datetime import date, timedelta
from decimal import Decimal

from billstream.aggregator.budgets.model import Budget
from billstream.aggregator.insights.values import Period

_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def period_at(budget: Budget, day: date) -> Period | None:
    """Return the period of a budget that has this day; None outside of the days that a budget is limited to."""
    if isinstance(budget.period, tuple):
        first, last = budget.period
        return Period(first_day=first, last_day=last) if first <= day <= last else None
    months = _MONTHS[budget.period]
    first = date(day.year, day.month - (day.month - 1) % months, 1)
    return Period(first_day=first, last_day=_later(first, months) - timedelta(days=1))


def periods_due(budget: Budget, today: date) -> tuple[Period, ...]:
    """Return the periods that are evaluated on a day: the one before, whose costs may still change, and the current."""
    current = period_at(budget, today)
    if isinstance(budget.period, tuple):
        # Vendors restate for about as long as a month is open.
        first, last = budget.period
        ended = last < today <= last + timedelta(days=45)
        return (Period(first_day=first, last_day=last),) if current or ended else ()
    assert current is not None  # noqa: S101 - only limited budgets have days without a period
    before = period_at(budget, current.first_day - timedelta(days=1))
    return (before, current) if before else (current,)


def amount_of(budget: Budget, period: Period) -> Decimal | None:
    """Return the amount of a period; None when no amount is given for one of its months."""
    if not budget.amounts:
        return budget.amount
    if budget.period == "month":
        return budget.amounts.get(f"{period.first_day:%Y-%m}", budget.amount)
    months = _months(period)
    if any(month not in budget.amounts for month in months):
        return None
    return sum((budget.amounts[month] for month in months), Decimal(0))


def _months(period: Period) -> list[str]:
    found, month = [], period.first_day.replace(day=1)
    while month <= period.last_day:
        found.append(f"{month:%Y-%m}")
        month = _later(month, 1)
    return found


def _later(first_of_month: date, months: int) -> date:
    number = first_of_month.year * 12 + first_of_month.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)
