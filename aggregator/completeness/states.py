"""The states of days, months and sources, from the arrivals of a source and its habit."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

from billstream.aggregator.completeness.maturity import FEWEST_SETTLED, MEDIAN_SHARE, ONE_DAY, WORST_SHARE, Curve, Habit
from billstream.aggregator.completeness.values import ArrivalState, DayArrival, MonthArrival, MonthState, Stale

DAYS_TOLD = 14
MONTHS_OF_DAYS = 100
RESTATED_SHARE = Decimal("0.03")
"""What a complete day may lack by definition; see `MEDIAN_SHARE`."""

CLOSING_DAYS = 5
CLOSING_SHARE = Decimal("0.001")
ENDED_DAYS = 92
"""A source without a newer day for longer has ended."""

Statuses = Mapping[date, str]
"""The status of each billing period by its first day, in lower case."""


def stale_of(habit: Habit, today: date) -> Stale | None:
    """Return how long a source has been silent beyond its habit; None within it, or while the habit is not known.

    The habit allows its maturity, and one usual step from day to day.
    """
    newest = habit.curves[-1].day
    allowed = habit.maturity_days + habit.usual_step
    silent = min(habit.silent_days(today), (today - newest).days - 1)
    if not habit.learned or silent < allowed or (today - newest).days > ENDED_DAYS:
        return None
    return Stale(newest_day=newest, silent_days=habit.silent_days(today), usual_days=allowed)


def days_of(habit: Habit, last_complete: date | None, today: date) -> tuple[DayArrival, ...]:
    """Return the states of the last 14 days before today, of a source that has daily charges.

    Args:
        habit: the arrivals of the source.
        last_complete: its newest complete day; days up to it are complete when they have charges.
        today: days before it are told.
    """
    by_day = {curve.day: curve for curve in habit.curves}
    first = max(habit.curves[0].day, today - DAYS_TOLD * ONE_DAY)
    found = []
    for number in range((today - first).days):
        day = first + number * ONE_DAY
        state = _day_state(day, by_day, habit, last_complete, today)
        if state:
            share = None
            if state == "filling":
                usual = habit.share_at((habit.heard_on - day).days - 1) if day in by_day else 0.0
                share = None if usual is None else rounded(usual)
            found.append(DayArrival(day=day, state=state, share=share))
    return tuple(found)


def _day_state(
    day: date, by_day: Mapping[date, Curve], habit: Habit, last_complete: date | None, today: date
) -> ArrivalState | None:
    """None for a day on which the source usually has no charges."""
    curve = by_day.get(day)
    if curve is None:
        if day > habit.curves[-1].day:
            late = (today - day).days - 1 >= habit.maturity_days + habit.usual_step
            return "missing" if late and _is_usual(day, by_day, habit) else "filling"
        return "missing" if _is_usual(day, by_day, habit) else None
    if last_complete is None or day > last_complete:
        return "filling"
    return "restated" if _is_restated(curve, habit.maturity_days) else "complete"


def _is_usual(day: date, by_day: Mapping[date, Curve], habit: Habit) -> bool:
    """True when the source has charges on at least half of the same weekdays of the four weeks before."""
    before = [day - timedelta(weeks=week) for week in range(1, 5)]
    watched = [earlier for earlier in before if earlier >= habit.curves[0].day]
    return 2 * sum(earlier in by_day for earlier in watched) >= len(watched)


def _is_restated(curve: Curve, maturity_days: int) -> bool:
    # A day that arrived later than the maturity is restated when it changes after that.
    whole = curve.amount_at(max(maturity_days, curve.steps[0][0]))
    return whole is not None and abs(curve.final - whole) > RESTATED_SHARE * abs(whole)


def months_of(habit: Habit, last_complete: date | None, today: date, statuses: Statuses) -> tuple[MonthArrival, ...]:
    """Return the states of the months of the last 100 days of which arrivals are recorded.

    Args:
        habit: the arrivals of the source.
        last_complete: its newest complete day.
        today: the day for which the states are.
        statuses: what the issuer of its invoices says; empty where it says nothing.
    """
    first = max(habit.curves[0].day, today - MONTHS_OF_DAYS * ONE_DAY).replace(day=1)
    found = []
    while first <= today:
        last = (first.replace(day=28) + timedelta(days=4)).replace(day=1) - ONE_DAY
        status = statuses.get(first)
        state: MonthState
        if status == "closed":
            state = "closed"
        elif last >= today:
            state = "open"
        elif status is not None or last_complete is None or last_complete < last:
            state = "closing"
        else:
            state = "closed" if _has_settled(habit, first, last, today) else "closing"
        told_by = "arrivals" if status is None else "billing_periods"
        found.append(MonthArrival(month=first, state=state, told_by=told_by))
        first = last + ONE_DAY
    return tuple(found)


def _has_settled(habit: Habit, first: date, last: date, today: date) -> bool:
    """True when the month ended more than five days ago, and its usage has not changed by 0.1 % in the last five."""
    then = today - CLOSING_DAYS * ONE_DAY
    if last >= then:
        return False
    now, before = Decimal(0), Decimal(0)
    for curve in habit.curves:
        if first <= curve.day <= last:
            now += curve.final
            # What was there when the source was seen first may have been there long before.
            at_first = curve.steps[0][1] if curve.first_seen == habit.watched_since else Decimal(0)
            known = curve.amount_at((then - curve.day).days - 1)
            before += at_first if known is None else known
    return now == before or abs(now - before) < CLOSING_SHARE * abs(now)


def basis_of(habit: Habit) -> str:
    """Return in words what the maturity is computed from."""
    number = len(habit.settled)
    if not habit.learned:
        return (
            f"{number} of {FEWEST_SETTLED} days have settled since {habit.watched_since:%Y-%m-%d}: the maturity is the "
            "default, and the last complete day comes from the times of the loads."
        )
    return (
        f"Learned from {number} settled days, {habit.settled[0]:%Y-%m-%d} to {habit.settled[-1]:%Y-%m-%d}: "
        f"at the age of {habit.maturity_days} half of them had {MEDIAN_SHARE:.0%} of the final usage, and "
        f"nine tenths had {WORST_SHARE:.0%}."
    )


def rounded(share: float) -> Decimal:
    """Return a share to four decimals; it is a habit, not an amount."""
    return Decimal(f"{share:.4f}")
