"""The weekly level test: small lasting rises, such as a price or a leak, that no single day shows."""

from dataclasses import dataclass

import numpy as np

from billstream.aggregator.anomalies.baseline import MAD_TO_SIGMA, TINY, WEEK, median
from billstream.aggregator.anomalies.panel import Bools, Floats, Ints
from billstream.aggregator.anomalies.thresholds import Thresholds

WEEKS = 7
DAYS = WEEK * WEEKS
"""Days that the test reads: the last week and six weeks before."""


@dataclass(frozen=True)
class Levels:
    """The result of the test, by series (rows) and day of the last week (columns)."""

    raised: Bools
    """Which series are raised."""
    days: Bools
    """Which days of the last week belong to the rise: since it began, and above their weekday's median."""
    usual: Floats
    """The weekday's median of each of these days."""
    scale: Floats
    """The usual weekly change, for a day."""
    share: Floats
    """How far the last week lies above the usual one, as a share."""


def raised_levels(window: Floats, noise: Floats, told: Floats, thresholds: Thresholds) -> Levels:
    """Test the last week of each window (series by DAYS, oldest first) against the weeks before.

    A level is raised when the last week lies above the median of six weeks by score, share and floor; nearly every day
    of it lies above its own weekday's median; and it lies above the three weeks before at their usual growth, and
    above the week that was told last, too.

    Args:
        window: the amounts.
        noise: the usual error of a day of each series, as a share.
        told: the sum of the week that was told last; NaN without.
        thresholds: the limits.
    """
    limits = thresholds
    days = window.reshape(len(window), WEEKS, WEEK)[:, ::-1]  # newest week first; days of a week in their order
    usual = median(days[:, 1:].transpose(0, 2, 1))
    days = np.where(np.isnan(days), usual[:, None, :], days)
    weeks = days.sum(axis=2)
    base = median(weeks[:, 1:])
    changes = np.abs(weeks[:, 1:-1] - weeks[:, 2:])
    # Five changes may be small by chance: a week is never steadier than its days let it be.
    scale = np.maximum(MAD_TO_SIGMA * median(changes), np.maximum(0.015, limits.weekly_noise * noise) * base)
    scale = np.maximum(scale, TINY)
    above = weeks[:, 0] - base
    raised = above > np.maximum(
        np.maximum(limits.weekly_score * scale, limits.weekly_share * base), limits.weekly_floor
    )
    each = days[:, 0] > usual * (1 + limits.weekly_each)
    growth = np.clip(median(weeks[:, 1:-1] / np.maximum(weeks[:, 2:], TINY)), 0.5, 2.0)
    recent = median(weeks[:, 1:4]) * growth**2  # the middle of the three weeks lies two weeks back
    least = np.fmax(recent, told) * (1 + limits.weekly_share)
    raised &= (each.sum(axis=1) >= limits.weekly_days) & (weeks[:, 0] > least)
    ratios = np.concatenate([days[:, 1], days[:, 0]], axis=1) / np.maximum(np.tile(usual, 2), TINY)
    since = np.arange(WEEK)[None, :] >= began(ratios)[:, None]
    rise = np.where((each & since).any(axis=1, keepdims=True), each & since, each)
    return Levels(raised, rise, usual, scale / WEEK, above / np.maximum(base, TINY))


def began(ratios: Floats) -> Ints:
    """Return on which day of the last week a rise began, from the ratios of two weeks to the usual amounts.

    It is the split of the two weeks that leaves the least variance within both parts (least squares change point).
    """
    after = np.arange(WEEK, 0, -1)
    sums = np.cumsum(ratios[:, ::-1], axis=1)[:, ::-1]
    late = sums[:, WEEK:]
    gap = late / after - (sums[:, :1] - late) / (2 * WEEK - after)
    return np.asarray(np.argmax(np.maximum(gap, 0) ** 2 * after * (2 * WEEK - after), axis=1))
