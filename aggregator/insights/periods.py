"""The periods that amounts are given for. They end with the last charge day, not with the day of the clock."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import TypeVar, get_args

from billstream.aggregator.insights.values import Period, PeriodName

WINDOW_DAYS = 30
TREND_DAYS = 92

T = TypeVar("T")

Periods = dict[PeriodName, Period]


def periods_between(first_day: date, last_day: date) -> Periods:
    """Return every period of a lake whose charges run from `first_day` to `last_day`."""
    window = timedelta(days=WINDOW_DAYS)
    month = Period(first_day=last_day.replace(day=1), last_day=last_day)
    return {
        "all_time": Period(first_day=first_day, last_day=last_day),
        "month_to_date": month,
        "same_days_last_month": _same_days_last_month(month),
        "last_30_days": Period(first_day=last_day - window + timedelta(days=1), last_day=last_day),
        "previous_30_days": Period(first_day=last_day - 2 * window + timedelta(days=1), last_day=last_day - window),
    }


def in_order(by_period: Mapping[PeriodName, T]) -> dict[PeriodName, T]:
    """Return the same entries in the order in which the periods are declared: equal insights give equal files."""
    return {name: by_period[name] for name in get_args(PeriodName) if name in by_period}


def _same_days_last_month(month: Period) -> Period:
    """Return days 1 to n of the month before; all of them when it has fewer than n."""
    end_of_last = month.first_day - timedelta(days=1)
    return Period(
        first_day=end_of_last.replace(day=1), last_day=end_of_last.replace(day=min(month.last_day.day, end_of_last.day))
    )
