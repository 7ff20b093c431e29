"""The detector: judges the complete days of all series at once, and rises of days that are not complete yet."""

from dataclasses import dataclass

import numpy as np

from billstream.aggregator.anomalies import level
from billstream.aggregator.anomalies.baseline import TINY, fit
from billstream.aggregator.anomalies.panel import Bools, Floats, Ints, Panel
from billstream.aggregator.anomalies.state import (
    NONE,
    Accepted,
    Direction,
    Finding,
    Kind,
    State,
    Tier,
    source_starts,
    unknown_days,
)
from billstream.aggregator.anomalies.thresholds import Thresholds

RESTART_ABOVE, RESTART_BELOW = 8.0, 0.02  # a level so far from the usual one has no history in common with it


@dataclass(frozen=True)
class Judged:
    """The result of a step."""

    findings: list[Finding]
    accepted: list[Accepted]


class Detector:
    """Judges one panel, day by day. `state` is what it remembers; a detector with the same state goes on from there."""

    def __init__(self, panel: Panel, state: State | None = None, thresholds: Thresholds | None = None) -> None:
        self.panel = panel
        self.thresholds = thresholds or Thresholds()
        self.state = state or State.of(panel)
        self._unknown = unknown_days(panel, self.thresholds)
        self._sources = source_starts(panel)

    def step(self, complete: Ints, seen: int) -> Judged:
        """Judge what became complete since the last step.

        Args:
            complete: the last complete column of each series; never less than at the step before.
            seen: the last column with any charges: later than `complete` are days that may still grow.
        """
        result = Judged([], [])
        while (rows := np.flatnonzero(self.state.judged < complete)).size:
            at = self.state.judged[rows] + 1
            self._announce(rows, at, result)
            self._judge(rows, at, result)
            self.state.judged[rows] = at
            self._accept(rows, at, result)
        self._rises(complete, seen, result)
        return result

    def _announce(self, rows: Ints, at: Ints, result: Judged) -> None:
        """Start the history of series that have an amount for the first time, and tell those that are new."""
        state, limits = self.state, self.thresholds
        amounts = self.panel.amounts[rows, at]
        recent = state.history(self.panel, self._unknown, rows, at, limits.history)
        silent = (state.started[rows] >= 0) & (np.nan_to_num(recent).sum(axis=1) == 0) & (at > state.started[rows])
        state.started[rows[silent]] = NONE
        fresh = (state.started[rows] == NONE) & (amounts > 0)
        known = at - self._sources[rows] >= limits.history  # the first days of a source are no news of its services
        for i in np.flatnonzero(fresh & known & (amounts >= limits.floor)):
            result.findings.append(self._finding(rows[i], at[i], "up", "new", 0.0, 0.0))
        start = fresh & (~known | (amounts >= limits.floor))
        state.started[rows[start]] = at[start]

    def _judge(self, rows: Ints, at: Ints, result: Judged) -> None:
        state, limits = self.state, self.thresholds
        old = self._old(rows, at)
        rows, at = rows[old], at[old]
        if not rows.size:
            return
        window = state.history(self.panel, self._unknown, rows, at, limits.window)
        base = fit(window)
        expected, scale = base.expected(0), base.scale(0, limits)
        amounts = self.panel.amounts[rows, at]
        hit = self._apart(amounts, expected, scale)
        hit &= (amounts > expected) | ~np.isnan(self._unknown[rows, at])  # no falls on holidays and of silent sources
        way = np.where(hit, np.sign(amounts - expected), 0).astype(np.int64)
        same = hit & (state.run_first[rows] != NONE) & (state.run_way[rows] == way)
        state.run_first[rows] = np.where(same, state.run_first[rows], np.where(hit, at, NONE))
        state.run_way[rows] = way
        state.masks[rows[hit], at[hit]] = expected[hit]
        for i in np.flatnonzero(hit):
            self._tell(int(rows[i]), int(at[i]), int(way[i]), float(expected[i]), float(scale[i]), result)
        long = ~hit & (at - state.started[rows] >= limits.window - 7)
        self._level(rows[long], at[long], result)

    def _tell(self, row: int, at: int, way: int, expected: float, scale: float, result: Judged) -> None:
        first, silent = int(self.state.run_first[row]), self.thresholds.silent
        gone = at - first + 1 >= silent and not self.panel.amounts[row, at - silent + 1 : at + 1].any()
        kind: Kind = "spike" if way > 0 else "gone" if gone else "drop"
        result.findings.append(self._finding(row, at, "up" if way > 0 else "down", kind, expected, scale))

    def _level(self, rows: Ints, at: Ints, result: Judged) -> None:
        if not rows.size:
            return
        window = self.state.history(self.panel, self._unknown, rows, at + 1, level.DAYS)
        raised, expected, scale = level.raised_levels(window, self.thresholds)
        for i in np.flatnonzero(raised):
            found = self._finding(rows[i], at[i], "up", "level", float(expected[i]), float(scale[i]))
            result.findings.append(found)

    def _accept(self, rows: Ints, at: Ints, result: Judged) -> None:
        """Take the level of a run of findings as the usual one when it has lasted."""
        state = self.state
        long = (state.run_first[rows] != NONE) & (at - state.run_first[rows] + 1 >= self.thresholds.accept)
        for row, last in zip(rows[long], at[long], strict=True):
            first = int(state.run_first[row])
            run = slice(first, int(last) + 1)
            usual, actual = state.masks[row, run], self.panel.amounts[row, run]
            ratio = float(np.median(actual / np.maximum(usual, TINY)))
            factor = ratio if RESTART_BELOW <= ratio <= RESTART_ABOVE else None
            if factor is None:
                state.started[row] = first if actual.any() else NONE
            else:
                state.factors[row, :first] *= factor
            state.masks[row, run] = np.nan
            way: Direction = "up" if state.run_way[row] > 0 else "down"
            days = (self.panel.day(first), self.panel.day(int(last)))
            key = self.panel.keys[row]
            result.accepted.append(
                Accepted(series=key, direction=way, first_day=days[0], last_day=days[1], factor=factor)
            )
            state.run_first[row], state.run_way[row] = NONE, 0

    def _rises(self, complete: Ints, seen: int, result: Judged) -> None:
        """Tell rises of unfinished days: such a day only grows."""
        rows = np.flatnonzero(complete < seen)
        at = complete[rows] + 1
        old = self._old(rows, at)
        rows, at = rows[old], at[old]
        if not rows.size:
            return
        base = fit(self.state.history(self.panel, self._unknown, rows, at, self.thresholds.window))
        for ahead in range(int(seen - at.min()) + 1):
            columns = at + ahead
            inside = columns <= seen
            amounts = np.where(inside, self.panel.amounts[rows, np.minimum(columns, seen)], 0)
            expected, scale = base.expected(ahead), base.scale(ahead, self.thresholds)
            hit = inside & (amounts > expected) & self._apart(amounts, expected, scale)
            for i in np.flatnonzero(hit):
                values = (float(expected[i]), float(scale[i]))
                result.findings.append(
                    self._finding(int(rows[i]), int(columns[i]), "up", "spike", *values, complete=False)
                )

    def _old(self, rows: Ints, at: Ints) -> Bools:
        """Return which series have history enough to be judged on a day."""
        started = self.state.started[rows]
        since_start = np.where(started - self._sources[rows] < self.thresholds.history, self.thresholds.history, 0)
        return np.asarray((started != NONE) & (at - started >= np.maximum(since_start, self.thresholds.young)))

    def _apart(self, amounts: Floats, expected: Floats, scale: Floats) -> Bools:
        away, limits = np.abs(amounts - expected), self.thresholds
        enough = (away > limits.floor) & (away > limits.share * np.abs(expected))
        return np.asarray(enough & (away > limits.score * scale))

    def _finding(
        self, row: int, at: int, way: Direction, kind: Kind, expected: float, scale: float, *, complete: bool = True
    ) -> Finding:
        tier: Tier = "page" if kind in {"spike", "new"} else "notice"
        return Finding(
            series=self.panel.keys[row],
            day=self.panel.day(at),
            direction=way,
            kind=kind,
            tier=tier,
            actual=float(self.panel.amounts[row, at]),
            expected=expected,
            scale=scale,
            masked=complete and kind in {"spike", "drop", "gone"},
            complete=complete,
        )
