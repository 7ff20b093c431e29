"""The periods that amounts are given for, and the days that are compared.

The clock bounds every period, and every comparison is over days that all its sources have completed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar, get_args

from billstream.aggregator.insights.costs import PeriodName
from billstream.aggregator.insights.values import ComparisonName, LeftOut, Period, Source
from billstream.aggregator.insights.words import day_in_words

WINDOW_DAYS = 30
TREND_DAYS = 92
LAGGING_DAYS = 14
"""A source that is further behind the others than this is left out of the comparison of 30 days."""

ONE_DAY = timedelta(days=1)

T = TypeVar("T")

Periods = dict[PeriodName, Period]


@dataclass(frozen=True)
class Window:
    """The days of one comparison, the sources that it compares, and those that it leaves out."""

    days: Period
    before: Period
    sources: tuple[Source, ...]
    left_out: tuple[LeftOut, ...]


Windows = Mapping[ComparisonName, Window]


def periods_between(first_day: date, last_day: date) -> Periods:
    """Return every period of charges that run from `first_day` to `last_day`, which is not after today."""
    return {
        "all_time": Period(first_day=first_day, last_day=last_day),
        "month_to_date": Period(first_day=last_day.replace(day=1), last_day=last_day),
        "last_30_days": Period(first_day=last_day - (WINDOW_DAYS - 1) * ONE_DAY, last_day=last_day),
    }


def windows_of(sources: Sequence[Source]) -> Windows:
    """Return the comparisons that these sources allow; none without a complete day."""
    found = {"month": month_window(sources), "thirty_days": thirty_days_window(sources)}
    return {name: window for name, window in found.items() if window}  # type: ignore[misc]


def month_window(sources: Sequence[Source]) -> Window | None:
    """Return the month of the newest complete day, up to the last day that all compared sources have completed.

    It is compared with the same days of the month before. Left out are sources without a complete day in that month,
    and sources that begin after the days before.
    """
    ends = [source.last_complete_day for source in sources if source.last_complete_day]
    if not ends:
        return None
    first_day = max(ends).replace(day=1)

    def days_before(last_day: date) -> Period:
        return _same_days_last_month(Period(first_day=first_day, last_day=last_day))

    behind = {
        source: f"has no complete day in {first_day:%B %Y}" for source in sources if not _reaches(source, first_day)
    }
    return _window(sources, behind, lambda _: first_day, days_before)


def thirty_days_window(sources: Sequence[Source]) -> Window | None:
    """Return the 30 days up to the last day that all compared sources have completed, and the 30 days before.

    Left out are monthly sources, those more than 14 days behind the others, and those that begin after the days before.
    """
    ends = [source.last_complete_day for source in sources if source.last_complete_day and not source.monthly]
    if not ends:
        return None
    earliest = max(ends) - LAGGING_DAYS * ONE_DAY
    behind = {source: "tells whole months only" for source in sources if source.monthly}
    behind |= {
        source: f"is more than {LAGGING_DAYS} days behind"
        for source in sources
        if not source.monthly and not _reaches(source, earliest)
    }

    def days_before(last_day: date) -> Period:
        end = last_day - WINDOW_DAYS * ONE_DAY
        return Period(first_day=end - (WINDOW_DAYS - 1) * ONE_DAY, last_day=end)

    return _window(sources, behind, lambda last_day: last_day - (WINDOW_DAYS - 1) * ONE_DAY, days_before)


def in_order(by_period: Mapping[PeriodName, T]) -> dict[PeriodName, T]:
    """Return the same entries in the order in which the periods are declared: equal insights give equal files."""
    return {name: by_period[name] for name in get_args(PeriodName) if name in by_period}


def _window(
    sources: Sequence[Source],
    left_out: dict[Source, str],
    first_of: Callable[[date], date],
    before_of: Callable[[date], Period],
) -> Window | None:
    """Return the comparison of the sources that are not left out; None when there are none.

    Args:
        sources: all sources.
        left_out: those to leave out from the beginning, and why.
        first_of: the first day to compare, from the last.
        before_of: the days before, from the last day.
    """
    while kept := [source for source in sources if source not in left_out]:
        last_day = min(source.last_complete_day for source in kept if source.last_complete_day)
        before = before_of(last_day)
        late = [source for source in kept if source.first_charge_day > before.last_day]
        if not late:
            break
        # Leaving one out may move the last day, so the others are looked at again.
        left_out |= {source: f"begins on {day_in_words(source.first_charge_day)}" for source in late}
    else:
        return None
    # A source that begins within the days before has no earlier ones to compare: both sides begin later.
    skipped = max(timedelta(), max(source.first_charge_day for source in kept) - before.first_day)
    named = [
        LeftOut(provider=source.provider, reason=reason)
        for source, reason in left_out.items()
        if source.last_charge_day >= before.first_day
    ]
    return Window(
        days=Period(first_day=first_of(last_day) + skipped, last_day=last_day),
        before=Period(first_day=before.first_day + skipped, last_day=before.last_day),
        sources=tuple(kept),
        left_out=tuple(named),
    )


def _reaches(source: Source, day: date) -> bool:
    return source.last_complete_day is not None and source.last_complete_day >= day


def _same_days_last_month(month: Period) -> Period:
    """Return days 1 to n of the month before; all of them when it has fewer than n."""
    # On 31 March all of February is compared: a missing day would otherwise look like a saving.
    end_of_last = month.first_day - ONE_DAY
    return Period(
        first_day=end_of_last.replace(day=1), last_day=end_of_last.replace(day=min(month.last_day.day, end_of_last.day))
    )
