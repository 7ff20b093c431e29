"""The detector: judges the complete days of all series at once, and rises of days that are not complete yet."""

from dataclasses import dataclass

import numpy as np

from billstream.aggregator.anomalies import level
from billstream.aggregator.anomalies.baseline import WEEK, Distance, fit
from billstream.aggregator.anomalies.panel import Bools, Floats, Ints, Panel
from billstream.aggregator.anomalies.state import (
    NONE,
    Accepted,
    Direction,
    Finding,
    Kind,
    State,
    source_starts,
    unknown_days,
)
from billstream.aggregator.anomalies.thresholds import Thresholds


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
        new = self.state.begin(self.panel, rows, at, self._sources, self.thresholds)
        for row, column in zip(rows[new], at[new], strict=True):
            result.findings.append(self._finding(int(row), int(column), "new", (0.0, 0.0)))

    def _judge(self, rows: Ints, at: Ints, result: Judged) -> None:
        state, limits = self.state, self.thresholds
        old = self._old(rows, at)
        rows, at = rows[old], at[old]
        if not rows.size:
            return
        window = state.history(self.panel, self._unknown, rows, at, limits.window)
        amounts = self.panel.amounts[rows, at]
        base = fit(window)
        far = base.distance(amounts, state.before(rows, at), 0, limits.smallest_scale)
        hit = self._apart(far)
        hit &= (amounts > far.near) | ~np.isnan(self._unknown[rows, at])  # no falls on holidays and of silent sources
        way = np.where(hit, np.sign(amounts - far.near), 0).astype(np.int64)
        expected, scale = far.expected, far.scale
        state.mark(rows[hit], at[hit], way[hit], expected[hit])
        for i in np.flatnonzero(hit):
            self._tell(int(rows[i]), int(at[i]), (float(expected[i]), float(scale[i])), result)
        long = ~hit & np.isnan(base.reach) & (at - state.started[rows] >= limits.window - 7)
        self._level(rows[long], at[long], base.typical[long], result)

    def _tell(self, row: int, at: int, usual: tuple[float, float], result: Judged) -> None:
        first, silent = int(self.state.run_first[row]), self.thresholds.silent
        gone = at - first + 1 >= silent and not self.panel.amounts[row, at - silent + 1 : at + 1].any()
        kind: Kind = "spike" if self.state.run_way[row] > 0 else "gone" if gone else "drop"
        result.findings.append(self._finding(row, at, kind, usual))

    def _level(self, rows: Ints, at: Ints, noise: Floats, result: Judged) -> None:
        if not rows.size:
            return
        state, limits = self.state, self.thresholds
        window = state.history(self.panel, self._unknown, rows, at + 1, level.DAYS)
        ended = state.leveled[rows]
        recent = (ended != NONE) & (at - ended < level.DAYS)
        week = state.history(self.panel, self._unknown, rows, np.where(recent, ended, at) + 1, WEEK)
        told = np.where(recent, np.nansum(week, axis=1), np.nan)
        found = level.raised_levels(window, noise, told, limits)
        for i in np.flatnonzero(found.raised):
            columns = at[i] + np.arange(1 - WEEK, 1)
            # Only days after those that are told: an incident never gets an earlier first day.
            masked = columns[~np.isnan(state.masks[rows[i], columns])]
            untold = found.days[i] & (columns > max(ended[i], masked.max(initial=NONE)))
            if not untold.any():
                continue
            page = bool(found.share[i] > limits.page_share)
            for k in np.flatnonzero(untold):
                usual = (float(found.usual[i, k]), float(found.scale[i]))
                result.findings.append(self._finding(int(rows[i]), int(columns[k]), "level", usual, page=page))
            state.leveled[rows[i]] = columns[untold].max()

    def _accept(self, rows: Ints, at: Ints, result: Judged) -> None:
        """Take the level of a run of findings as the usual one when it has lasted."""
        state = self.state
        long = (state.run_first[rows] != NONE) & (state.run_last[rows] == at)
        long &= at - state.run_first[rows] + 1 >= self.thresholds.accept
        for row, last in zip(rows[long], at[long], strict=True):
            way: Direction = "up" if state.run_way[row] > 0 else "down"
            days = (self.panel.day(int(state.run_first[row])), self.panel.day(int(last)))
            key, factor = self.panel.keys[row], state.ratio(self.panel, int(row))
            state.accept(self.panel, int(row), factor)
            result.accepted.append(
                Accepted(series=key, direction=way, first_day=days[0], last_day=days[1], factor=factor)
            )

    def _rises(self, complete: Ints, seen: int, result: Judged) -> None:
        """Tell rises of unfinished days: such a day only grows."""
        rows = np.flatnonzero(complete < seen)
        at = complete[rows] + 1
        old = self._old(rows, at)
        rows, at = rows[old], at[old]
        if not rows.size:
            return
        base = fit(self.state.history(self.panel, self._unknown, rows, at, self.thresholds.window))
        before = self.state.before(rows, at)
        for ahead in range(min(int(seen - at.min()) + 1, WEEK)):
            columns = at + ahead
            inside = columns <= seen
            amounts = np.where(inside, self.panel.amounts[rows, np.minimum(columns, seen)], 0)
            far = base.distance(amounts, before, ahead, self.thresholds.smallest_scale)
            hit = inside & (amounts > far.near) & self._apart(far)
            for i in np.flatnonzero(hit):
                usual = (float(far.expected[i]), float(far.scale[i]))
                result.findings.append(self._finding(int(rows[i]), int(columns[i]), "spike", usual, complete=False))

    def _old(self, rows: Ints, at: Ints) -> Bools:
        """Return which series have history enough to be judged on a day."""
        started = self.state.started[rows]
        since_start = np.where(started - self._sources[rows] < self.thresholds.history, self.thresholds.history, 0)
        return np.asarray((started != NONE) & (at - started >= np.maximum(since_start, self.thresholds.young)))

    def _apart(self, far: Distance) -> Bools:
        limits = self.thresholds
        enough = (far.away > limits.floor) & (far.away > limits.share * np.abs(far.near))
        return np.asarray(enough & (far.score > limits.score))

    def _finding(
        self, row: int, at: int, kind: Kind, usual: tuple[float, float], *, page: bool = True, complete: bool = True
    ) -> Finding:
        """Return a finding from its usual amount and error. Falls are notices; rises are, where not worth a page."""
        falls = kind in {"drop", "gone"}
        return Finding(
            series=self.panel.keys[row],
            day=self.panel.day(at),
            direction="down" if falls else "up",
            kind=kind,
            tier="page" if page and not falls else "notice",
            actual=float(self.panel.amounts[row, at]),
            expected=usual[0],
            scale=usual[1],
            masked=complete and kind in {"spike", "drop", "gone"},
            complete=complete,
        )
