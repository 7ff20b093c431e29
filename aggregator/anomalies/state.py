"""The state of the detector: masked days, accepted levels, and how far each series has been judged."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np

from billstream.aggregator.anomalies.baseline import TINY, before
from billstream.aggregator.anomalies.panel import Bools, Floats, Ints, Panel, SeriesKey
from billstream.aggregator.anomalies.thresholds import Thresholds

Direction = Literal["up", "down"]
Kind = Literal["spike", "drop", "level", "new", "gone"]
Tier = Literal["page", "notice"]
RESTART_ABOVE, RESTART_BELOW = 8.0, 0.02  # a level so far from the usual one has no history in common with it
LATELY = 28  # days in which the way back from an accepted level is usual
RUN_GAP = 2  # one usual day between two findings does not end a run
NONE = -1
"""No column yet."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One day of one series that is out of the ordinary. Amounts are of one day."""

    series: SeriesKey
    day: date
    direction: Direction
    kind: Kind
    tier: Tier
    actual: float
    expected: float
    scale: float
    masked: bool
    """The expected amount stands for this day in the history from now on."""
    complete: bool = True
    """False for a rise that is told before its day is complete."""

    @property
    def score(self) -> float:
        """The distance from the expected amount, in scales; 0 where a series has no history."""
        return (self.actual - self.expected) / self.scale if self.scale > 0 else 0.0


def score(actual: float, expected: float, scale: float) -> float:
    """Return the distance of an amount from the expected one in usual errors; see `Baseline.distance` for falls."""
    away = (actual - expected) / scale
    return away if away >= 0 else away * max(expected, TINY) / max(actual, TINY)


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """The level of an incident is the usual one from now on."""

    series: SeriesKey
    direction: Direction
    first_day: date
    last_day: date
    factor: float | None
    """What the history before is multiplied with; None where history begins anew on the first day."""


@dataclass
class State:
    """What the detector remembers of a panel, by series and column. The detector moves it from day to day."""

    masks: Floats
    """Expected amounts in place of days of open incidents; NaN elsewhere."""
    factors: Floats
    """What amounts are multiplied with to be of the newest accepted level."""
    judged: Ints
    """The last judged column."""
    started: Ints
    """The first column of the history; NONE for a series without history."""
    run_first: Ints
    """The first column of the newest findings of days, at most one usual day between two of them; NONE without."""
    run_last: Ints
    """Their last column."""
    run_way: Ints
    """Their direction: 1 up, -1 down."""
    leveled: Ints
    """The last column of the newest rise that was told as a level, or accepted; NONE without."""

    @classmethod
    def of(cls, panel: Panel) -> "State":
        """Return the state before anything is judged."""
        none = np.full(len(panel.keys), NONE, dtype=np.int64)
        masks = np.full(panel.amounts.shape, np.nan)
        factors, ways = np.ones(panel.amounts.shape), np.zeros(len(panel.keys), dtype=np.int64)
        return cls(masks, factors, none.copy(), none.copy(), none.copy(), none.copy(), ways, none.copy())

    def history(self, panel: Panel, unknown: Floats, rows: Ints, at: Ints, width: int) -> Floats:
        """Return the days before column `at` of some series: masked, at the accepted level; NaN where not known."""
        # The columns are cut first, so that a step costs what its window costs and not what the panel costs.
        low, high = max(0, int(at.min()) - width), int(at.max())
        part = (rows[:, None], np.arange(low, high)[None, :])
        masks = self.masks[part]
        amounts = np.where(np.isnan(masks), panel.amounts[part] + unknown[part], masks) * self.factors[part]
        if low == high:
            return np.full((len(rows), width), np.nan)
        found = before(amounts, at - low, width)
        columns = at[:, None] + np.arange(-width, 0)[None, :]
        started = self.started[rows][:, None]
        return np.asarray(np.where((columns >= started) & (started >= 0), found, np.nan))

    def before(self, rows: Ints, at: Ints) -> Floats:
        """Return what undoes the levels that were accepted in the last weeks before a column, as a factor."""
        return np.asarray(1 / self.factors[rows, np.maximum(at - LATELY, 0)])

    def begin(self, panel: Panel, rows: Ints, at: Ints, sources: Ints, limits: Thresholds) -> Bools:
        """Start the history of series that have an amount for the first time, or again after a long silence.

        The first days of a source (`sources`: its first column, by series) are no news of its services. Returns which
        of the series are new.
        """
        amounts = panel.amounts[rows, at]
        recent = np.maximum(at[:, None] + np.arange(-limits.history, 0)[None, :], 0)
        silent = (at - self.started[rows] >= limits.history) & ~panel.amounts[rows[:, None], recent].any(axis=1)
        self.started[rows[silent]] = NONE
        fresh = (self.started[rows] == NONE) & (amounts > 0)
        known = at - sources[rows] >= limits.history
        begun = fresh & (~known | (amounts >= limits.floor))
        self.started[rows[begun]] = at[begun]
        return np.asarray(begun & known)

    def mark(self, rows: Ints, at: Ints, way: Ints, expected: Floats) -> None:
        """Mask findings of days, and continue or begin the runs that they belong to."""
        same = (self.run_first[rows] != NONE) & (self.run_way[rows] == way) & (at - self.run_last[rows] <= RUN_GAP)
        self.run_first[rows] = np.where(same, self.run_first[rows], at)
        self.run_last[rows], self.run_way[rows] = at, way
        self.masks[rows, at] = expected

    def ratio(self, panel: Panel, row: int) -> float | None:
        """Return the level of a series' run over the level before; None where they have no history in common."""
        run = slice(int(self.run_first[row]), int(self.run_last[row]) + 1)
        found = float(np.nanmedian(panel.amounts[row, run] / np.maximum(self.masks[row, run], TINY)))
        return found if RESTART_BELOW <= found <= RESTART_ABOVE else None

    def accept(self, panel: Panel, row: int, factor: float | None) -> None:
        """Take the level of a series' run as the usual one; without a factor its history begins anew with the run."""
        first, last = int(self.run_first[row]), int(self.run_last[row])
        if factor is not None:
            self.factors[row, :first] *= factor
        else:
            self.started[row] = first if panel.amounts[row, first : last + 1].any() else NONE
        self.masks[row, first : last + 1] = np.nan
        self.leveled[row] = last
        self.run_first[row] = NONE


def unknown_days(panel: Panel, thresholds: Thresholds) -> Floats:
    """Return NaN for the days that no history learns from, else 0: public holidays, and days of a silent source."""
    quiet = [(panel.day(i).month, panel.day(i).day) in thresholds.quiet_dates for i in range(panel.days)]
    return np.where(panel.silent() | np.array(quiet, dtype=bool)[None, :], np.nan, 0.0)


def source_starts(panel: Panel) -> Ints:
    """Return, for each series, the first column on which its source has any amount."""
    sources = panel.sources()
    firsts = np.full(int(sources.max(initial=0)) + 1, panel.days, dtype=np.int64)
    any_amount = panel.amounts != 0
    first = np.where(any_amount.any(axis=1), any_amount.argmax(axis=1), panel.days)
    np.minimum.at(firsts, sources, first)
    return np.asarray(firsts[sources])
