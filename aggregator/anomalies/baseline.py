"""The baseline: what a day of each series usually costs, and how far it usually lies from that.

Same-weekday medians of the last eight weeks, times the level of the last seven days; the scale is the median absolute
error of the same prediction for the days of the window (MAD, 1.4826 for a normal distribution), or its far tail.
"""

from dataclasses import dataclass

import numpy as np

from billstream.aggregator.anomalies.panel import Floats, Ints

WEEK = 7
MAD_TO_SIGMA = 1.4826
ENOUGH = 21  # days that weekdays can be told apart from
TINY = 1e-9
FITFUL, REACH = 0.1, 1.5


@dataclass(frozen=True)
class Distance:
    """How far amounts lie from the usual ones, by series."""

    expected: Floats
    scale: Floats
    """Usual error in money; never zero."""
    near: Floats
    """The usual amount that is next to the amount."""
    away: Floats
    """Distance from it in money."""
    score: Floats
    """Distance from it in usual errors."""


@dataclass(frozen=True)
class Baseline:
    """The usual amounts of the days after a window, for some series."""

    weekday: Floats
    """Expected amount of each series (rows) for the days 0 to 6 after the window (columns)."""
    lasting: Floats
    """The same at the level of the whole window: what a series comes back to after a rise or a fall."""
    relative: Floats
    """Usual error of each series, as a share of the expected amount: the typical one, or its far tail."""
    typical: Floats
    """The typical error alone."""
    reach: Floats
    """Of fitful series, which cost now something and now nothing: what they may cost. NaN for all others."""

    def distance(self, amounts: Floats, before: Floats, ahead: int, smallest_scale: float) -> "Distance":
        """Return how far amounts lie from what is usual `ahead` days after the first day behind the window.

        Usual is everything between the level of the last week, that of the whole window, and the latter before levels
        were accepted lately (`before`: as a factor): so the way back after a rise or a fall is usual. A fall is as far
        as the rise that undoes it: to a third is as far as to three times. Of a fitful series everything between
        nothing and its reach is usual.
        """
        expected, lasting = self.weekday[:, ahead % WEEK], self.lasting[:, ahead % WEEK]
        levels = np.array([expected, lasting, lasting * before])
        lowest = np.where(np.isnan(self.reach), levels.min(axis=0), 0.0)
        near = np.clip(amounts, lowest, np.fmax(levels.max(axis=0), self.reach))
        share = np.maximum(self.relative, smallest_scale)
        away = np.abs(amounts - near)
        of = np.maximum(np.where(amounts < near, amounts, near), TINY)
        return Distance(expected, np.maximum(share * np.maximum(expected, 0), TINY), near, away, away / of / share)


def median(values: Floats) -> Floats:
    """Return the median along the last axis without the NaN; NaN where there is no value. Faster than nanmedian."""
    ordered = np.sort(values, axis=-1)  # NaN last
    count = np.sum(~np.isnan(values), axis=-1, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum((count - 1) // 2, 0), axis=-1)
    high = np.take_along_axis(ordered, np.minimum(count // 2, values.shape[-1] - 1), axis=-1)
    return np.asarray(np.where(count > 0, (low + high) / 2, np.nan)[..., 0])


def quantile(values: Floats, share: float) -> Floats:
    """Return a quantile along the last axis without the NaN, as the nearest value below; NaN where there is none."""
    ordered = np.sort(values, axis=-1)
    count = np.sum(~np.isnan(values), axis=-1, keepdims=True)
    at = np.maximum(np.floor(share * (count - 1)).astype(np.int64), 0)
    return np.asarray(np.where(count > 0, np.take_along_axis(ordered, at, axis=-1), np.nan)[..., 0])


def before(values: Floats, at: Ints, width: int) -> Floats:
    """Return the `width` days before column `at` of each row, oldest first; NaN before the first column."""
    columns = at[:, None] + np.arange(-width, 0)[None, :]
    found = np.take_along_axis(values, np.clip(columns, 0, values.shape[1] - 1), axis=1)
    return np.asarray(np.where(columns >= 0, found, np.nan))


def reach_of(weeks: Floats) -> Floats:
    """Return what fitful series may cost on a day: half as much again as the largest day of the window; else NaN.

    A series is fitful when whether it costs anything cannot be told from the weekday, on average of the weekdays in
    more than one of ten weeks. One that rests on each Sunday is not.

    Args:
        weeks: series by weeks by days.
    """
    with np.errstate(all="ignore"):
        nothing = (weeks == 0).sum(axis=1) / (~np.isnan(weeks)).sum(axis=1)
    doubtful = np.nan_to_num(np.minimum(nothing, 1 - nothing)).mean(axis=1)
    largest = np.fmax.reduce(weeks.reshape(len(weeks), -1), axis=1, initial=0.0)
    return np.asarray(np.where(doubtful > FITFUL, REACH * largest, np.nan))


def fit(window: Floats) -> Baseline:
    """Return the baseline of windows (series by days, oldest first, whole weeks; NaN for days without history)."""
    rows, width = window.shape
    weeks = window.reshape(rows, width // WEEK, WEEK)
    whole = median(window)
    weekday = median(weeks.transpose(0, 2, 1))
    weekday = np.where(np.isnan(weekday), whole[:, None], weekday)
    usual = np.tile(weekday, (1, width // WEEK))
    ratio = np.where(usual > TINY, window / np.maximum(usual, TINY), np.where(np.isnan(window), np.nan, 1.0))
    levels = median(np.lib.stride_tricks.sliding_window_view(ratio, WEEK, axis=1))
    predicted = usual[:, WEEK:] * levels[:, :-1]
    with np.errstate(invalid="ignore"):
        errors = np.abs(window[:, WEEK:] - predicted) / np.maximum(predicted, TINY)
    typical = MAD_TO_SIGMA * median(errors)
    enough = np.sum(~np.isnan(window), axis=1) >= ENOUGH
    around = MAD_TO_SIGMA * median(np.abs(window - whole[:, None])) / np.maximum(whole, TINY)
    relative = np.where(enough, np.fmax(typical, quantile(errors, 0.95) / 2.2), np.fmax(around, 0.25))
    expected = np.where(enough[:, None], weekday * levels[:, -1:], whole[:, None])
    lasting = np.where(enough[:, None], weekday, whole[:, None])
    return Baseline(
        np.nan_to_num(expected),
        np.nan_to_num(lasting),
        np.nan_to_num(relative, nan=0.25),
        np.nan_to_num(typical),
        reach_of(weeks),
    )
