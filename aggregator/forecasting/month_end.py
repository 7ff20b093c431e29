"""The month-end forecast of one group of usage, and the recurring charges that are added to it.

The rest of the month is weekday medians of six weeks times the level of the last week; while an incident goes on it is
the last complete week once more, which follows a new level at once. A group that starts from zero has no history before
its start. The interval holds the share `LEVEL` of the errors that the same method made from earlier origins over as
many days, and a little more: what is measured from few origins is too narrow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np

from billstream.aggregator.anomalies.panel import Floats

Method = Literal["weekday_medians", "last_week"]
WEEK = 7
WEEKS = 6
LEVEL = 0.8
LEAST_HISTORY = 28
LEAST_ORIGINS = 4
MOST_ORIGINS = 12
BETWEEN_ORIGINS = 3
TINY = 1e-9
WIDER = 1.1  # what the errors' quantile is multiplied with
SILENT = 28  # days of nothing after which a group starts anew


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """The expected total of a month, in units of the currency. Without an interval, `why_no_interval` says why."""

    so_far: float
    """Sum of the complete days of the month, or of another span."""
    expected: float
    low: float | None
    high: float | None
    method: Method
    complete_to: date
    history_days: int
    origins: int
    recurring: float = 0.0
    """Recurring charges that are still to come; part of `expected`, `low` and `high`."""
    why_no_interval: str | None = None


def month_end(month: date) -> date:
    """Return the last day of the month of a day."""
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)


def forecast_month(
    amounts: Floats,
    last_day: date,
    month: date,
    *,
    seen: Floats | None = None,
    incident: bool = False,
    recurring: float = 0.0,
) -> Forecast:
    """Forecast the total of a month: `month` is any day of it. See `forecast_span`."""
    span = (month.replace(day=1), month_end(month))
    return forecast_span(amounts, last_day, span, seen=seen, incident=incident, recurring=recurring)


def forecast_span(
    amounts: Floats,
    last_day: date,
    span: tuple[date, date],
    *,
    seen: Floats | None = None,
    incident: bool = False,
    recurring: float = 0.0,
) -> Forecast:
    """Forecast the total of a span of days, such as a quarter.

    Args:
        amounts: daily usage of complete days, without gaps; the last is of `last_day`.
        last_day: the newest complete day.
        span: the first and the last day of the span; the last is not before `last_day`.
        seen: what is visible of the days after `last_day`; none of them ends below it.
        incident: an incident of the group goes on: one of the last two complete days, or one after them, is part of it.
        recurring: charges to come, see `recurring_to_come`.
    """
    first, end = span
    ahead = max(0, (end - last_day).days)
    skip = max(0, (first - last_day).days - 1)
    past = (last_day - first).days + 1
    so_far = float(amounts[-past:].sum()) if past > 0 else 0.0
    amounts = since_start(amounts)
    method: Method = "last_week" if incident else "weekday_medians"
    days = predict(amounts, ahead, method)
    if seen is not None:
        known = np.asarray(seen[:ahead])
        days[: len(known)] = np.maximum(days[: len(known)], known)
    rest = float(days[skip:].sum())
    errors = past_errors(amounts, ahead, method) if ahead else np.zeros(0)
    expected = so_far + rest + recurring
    low, high, why = _interval(expected, rest, errors, len(amounts), ahead)
    return Forecast(
        so_far=so_far,
        expected=expected,
        low=low,
        high=high,
        method=method,
        complete_to=last_day,
        history_days=len(amounts),
        origins=len(errors),
        recurring=recurring,
        why_no_interval=why,
    )


def since_start(amounts: Floats) -> Floats:
    """Return the amounts from the newest start: the first amount after `SILENT` days or more of nothing."""
    charged = np.flatnonzero(amounts)
    starts = charged[np.diff(charged, prepend=-1) > SILENT]
    return amounts[starts[-1] :] if starts.size else amounts


def predict(amounts: Floats, ahead: int, method: Method) -> Floats:
    """Return the expected amounts of the `ahead` days after the last of `amounts`; never below zero."""
    if not len(amounts) or not ahead:
        return np.zeros(ahead)
    if len(amounts) < WEEK:
        return np.full(ahead, max(0.0, float(amounts.mean())))
    repeats = -(-ahead // WEEK)
    if method == "last_week" or len(amounts) < 2 * WEEK:
        return np.asarray(np.maximum(np.tile(amounts[-WEEK:], repeats)[:ahead], 0))
    weeks = min(WEEKS, len(amounts) // WEEK)
    window = amounts[-weeks * WEEK :].reshape(weeks, WEEK)
    usual = np.median(window, axis=0)
    ratios = np.where(usual > TINY, window[-1] / np.maximum(usual, TINY), 1.0)
    return np.asarray(np.maximum(np.tile(usual * np.median(ratios), repeats)[:ahead], 0))


def past_errors(amounts: Floats, ahead: int, method: Method) -> Floats:
    """Return the relative errors of the method from earlier origins, for the sum of as many days."""
    errors = []
    for number in range(MOST_ORIGINS):
        origin = len(amounts) - ahead - BETWEEN_ORIGINS * number
        if origin < LEAST_HISTORY:
            break
        predicted = float(predict(amounts[:origin], ahead, method).sum())
        if predicted > TINY:
            errors.append((float(amounts[origin : origin + ahead].sum()) - predicted) / predicted)
    return np.array(errors)


def _interval(
    expected: float, rest: float, errors: Floats, history: int, ahead: int
) -> tuple[float | None, float | None, str | None]:
    if not ahead:
        return expected, expected, None
    if history < LEAST_HISTORY:
        return None, None, f"No interval: {history} days of history, and it takes {LEAST_HISTORY}."
    if len(errors) < LEAST_ORIGINS:
        return (
            None,
            None,
            f"No interval: {len(errors)} earlier forecasts to measure errors by, and it takes {LEAST_ORIGINS}.",
        )
    share = float(np.quantile(np.abs(errors), LEVEL)) * (1 + 1 / len(errors)) * WIDER
    return expected - rest * min(share, 1.0), expected + rest * share, None


def recurring_to_come(charges: Sequence[tuple[date, float]], last_day: date, month: date) -> float:
    """Return the charges that are expected on the days of a month after `last_day`.

    A charge recurs when the same day of the month has one in each of the two months before; it counts as it was last.
    All charges that do not recur count as nothing: a purchase is never extrapolated.

    Args:
        charges: day and amount of charges other than usage, summed by day, for one group and one kind.
        last_day: the newest complete day.
        month: any day of the month to forecast.
    """
    end = month_end(month)
    before = (month.replace(day=1) - timedelta(days=1)).replace(day=1)
    earlier = (before - timedelta(days=1)).replace(day=1)
    by_month: dict[tuple[date, int], float] = {}
    for day, amount in charges:
        at = (day.replace(day=1), day.day)
        by_month[at] = by_month.get(at, 0.0) + amount
    total = 0.0
    for (start, number), amount in by_month.items():
        if start != before or (earlier, number) not in by_month or number > end.day:
            continue
        if month.replace(day=number) > last_day:
            total += amount
    return total
