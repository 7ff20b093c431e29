"""Sources: which days each provider has delivered, up to which they are complete, and what that says in words."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from billstream.aggregator.completeness.maturity import Habit
from billstream.aggregator.insights.periods import ONE_DAY, TREND_DAYS, Window
from billstream.aggregator.insights.values import DayState, Source
from billstream.aggregator.insights.words import day_in_words, listed, provider_in_words


def source_of(row: Mapping[str, Any], today: date, habit: Habit | None = None) -> Source:
    """Return the source of one row of `sources.sql`.

    Its habit, once it is learned, tells up to which day it is complete. Else the newest day is complete only when
    nothing more of it is to be expected, and every day before it is.
    """
    newest = row["newest_day"]
    last_complete = newest - ONE_DAY
    if habit and habit.learned and not row["monthly"]:
        last_complete = min(newest, habit.last_complete_day)
    elif row["late"]:
        last_complete = min(_end_of_month(newest), today - ONE_DAY) if row["monthly"] else newest
    # A source of one day has none that is known to be complete.
    complete = last_complete if last_complete >= row["first_day"] else None
    return Source(
        provider=row["provider"],
        currency=row["currency"],
        monthly=row["monthly"],
        first_charge_day=row["first_day"],
        last_charge_day=newest,
        last_complete_day=complete,
        filling_day=newest if last_complete < newest else None,
        missing_days=_missing_days(row, today),
        charge_rows=row["charge_rows"],
    )


def state_of(day: date, sources: Iterable[Source], window: Window | None) -> DayState:
    """Return whether the amount of a day may still grow, given the sources of its currency."""
    if any(day in filling_days(source) for source in sources):
        return "filling"
    compared = window.sources if window else ()
    return (
        "lagging"
        if any(source.last_complete_day and source.last_complete_day < day for source in compared)
        else "complete"
    )


def filling_days(source: Source) -> Sequence[date]:
    """Return the days up to the newest that may still grow: those after the last complete one."""
    if source.filling_day is None:
        return ()
    number = (source.filling_day - source.last_complete_day).days if source.last_complete_day else 1
    return [source.filling_day - (number - place) * ONE_DAY for place in range(1, number + 1)]


def days_covered(sources: Sequence[Source], window: Window | None) -> str:
    """Return up to which day the numbers are whole: Up to 22 Nov 2026; Contoso ends 17 Nov; 23 Nov is filling."""
    known = [source.last_complete_day for source in sources if source.last_complete_day]
    newest = max(source.last_charge_day for source in sources)
    end = max(known, default=None)
    parts = [f"Up to {day_in_words(end)}" if end else f"No day is complete up to {day_in_words(newest)}"]
    # A source that ended long ago is no part of what is shown, and a monthly one never ends with a day.
    behind = [
        f"{provider_in_words(source.provider)} ends {day_in_words(source.last_complete_day, end)}"
        for source in sources
        if end and source.last_complete_day and not source.monthly
        if end - timedelta(days=TREND_DAYS) < source.last_complete_day < end
    ]
    left_out = {entry.provider for entry in window.left_out} if window else set()
    behind += [
        f"{provider_in_words(source.provider)} tells whole months"
        for source in sources
        if source.provider in left_out
        if source.monthly
    ]
    if behind:
        parts.append(listed(behind))
    filling = sorted(
        {day for source in sources if source.filling_day for day in filling_days(source) if not end or day > end}
    )
    if len(filling) == 1:
        parts.append(f"{day_in_words(filling[0], newest)} is filling")
    elif filling:
        parts.append(f"{day_in_words(filling[0], newest)} to {day_in_words(filling[-1], newest)} are filling")
    return "; ".join(parts)


def _missing_days(row: Mapping[str, Any], today: date) -> int:
    """The days without charges among the last 92, between the first and the newest, of a source that has most days."""
    first = max(row["first_day"], today - timedelta(days=TREND_DAYS - 1))
    span = (row["newest_day"] - first).days + 1
    missing = span - row["recent_days"]
    return missing if 0 < missing <= span // 2 else 0


def _end_of_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - ONE_DAY
