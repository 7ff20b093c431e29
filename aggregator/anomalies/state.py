"""The state of the detector: masked days, accepted levels, and how far each series has been judged."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np

from billstream.aggregator.anomalies.baseline import before
from billstream.aggregator.anomalies.panel import Floats, Ints, Panel, SeriesKey
from billstream.aggregator.anomalies.thresholds import Thresholds

Direction = Literal["up", "down"]
Kind = Literal["spike", "drop", "level", "new", "gone"]
Tier = Literal["page", "notice"]
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
    """The first column of the findings in a row that end with the last judged column; NONE without."""
    run_way: Ints
    """Their direction: 1 up, -1 down."""

    @classmethod
    def of(cls, panel: Panel) -> "State":
        """Return the state before anything is judged."""
        none = np.full(len(panel.keys), NONE, dtype=np.int64)
        masks = np.full(panel.amounts.shape, np.nan)
        ways = np.zeros(len(panel.keys), dtype=np.int64)
        return cls(masks, np.ones(panel.amounts.shape), none.copy(), none.copy(), none.copy(), ways)

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


def unknown_days(panel: Panel, thresholds: Thresholds) -> Floats:
    """Return NaN for the days that no history learns from, else 0: public holidays, and days of a silent source."""
    sources = panel.sources()
    totals = np.zeros((int(sources.max(initial=0)) + 1, panel.days))
    np.add.at(totals, sources, np.abs(panel.amounts))
    silent = totals[sources] == 0
    quiet = [(panel.day(i).month, panel.day(i).day) in thresholds.quiet_dates for i in range(panel.days)]
    return np.where(silent | np.array(quiet, dtype=bool)[None, :], np.nan, 0.0)


def source_starts(panel: Panel) -> Ints:
    """Return, for each series, the first column on which its source has any amount."""
    sources = panel.sources()
    firsts = np.full(int(sources.max(initial=0)) + 1, panel.days, dtype=np.int64)
    any_amount = panel.amounts != 0
    first = np.where(any_amount.any(axis=1), any_amount.argmax(axis=1), panel.days)
    np.minimum.at(firsts, sources, first)
    return np.asarray(firsts[sources])
