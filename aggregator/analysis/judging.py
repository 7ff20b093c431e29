"""Judge series: go on where the last analysis ended, and judge anew from the beginning what has changed since."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date

import numpy as np

from billstream.aggregator.anomalies.baseline import TINY
from billstream.aggregator.anomalies.detector import Detector
from billstream.aggregator.anomalies.incidents import Incident, merge, restate
from billstream.aggregator.anomalies.panel import Ints, Panel, SeriesKey
from billstream.aggregator.anomalies.store import judged_days, resume
from billstream.aggregator.anomalies.thresholds import Thresholds
from billstream.aggregator.completeness.maturity import SourceKey
from billstream.aggregator.insights.values import Source
from billstream.aggregator.watermark import read_history
from billstream.common.lake import Lake
from billstream.common.statements import statement

Sources = Mapping[SourceKey, Source]

MOVED_SHARE = 0.1
"""Part of the series whose judged days may change in one analysis while the history counts as being at rest."""

CHANGED_SHARE, CHANGED_MONEY = 0.03, 1.0
"""A judged day has changed when its amount differs by more than both; less is what vendors add to complete days."""

LEARNING_DAYS = 70
"""Incidents of the first days of a panel stay as they are: a replay lacks the days before to find them by."""


def changed_series(
    lake: Lake, panel: Panel, judged: Mapping[SeriesKey, date], since: int | None, version: int
) -> set[SeriesKey]:
    """Return the judged series of which a judged day is not what it was at snapshot `since`.

    Raises:
        Retryable, Fatal: see `common.lake.failures`.
    """
    if since is None or read_history(lake, since, version).missing:
        return set(judged)
    rows = {key: row for row, key in enumerate(panel.keys)}
    old = panel.amounts.copy()
    for *parts, day, away in lake.rows(
        statement(__name__, "moved"), [version, since, panel.first_day, panel.day(panel.days - 1)]
    ):
        row = rows.get(SeriesKey(*parts))
        if row is not None:
            old[row, day] -= away
    old[np.abs(old) < TINY] = 0.0
    ends = np.array([panel.index(judged[key]) if key in judged else -1 for key in panel.keys], dtype=np.int64)
    distance = np.abs(panel.amounts - old)
    moved = (distance > CHANGED_MONEY) & (distance > CHANGED_SHARE * np.abs(old))
    # The days on which an account has nothing decide what is new in it, and what is gone.
    moved |= panel.silent(old) != panel.silent()
    moved &= np.arange(panel.days) <= ends[:, None]
    return {panel.keys[row] for row in np.flatnonzero(moved.any(axis=1))}


def replayed(
    panel: Panel,
    before: Sequence[Incident],
    judged: Mapping[SeriesKey, date],
    moved: set[SeriesKey],
    sources: Sources,
    today: date,
    limits: Thresholds,
) -> tuple[list[Incident], dict[SeriesKey, date]]:
    """Return the incidents and the last judged days after this analysis.

    A series that has changed is judged anew over the whole panel. What a person decided of its incidents stays; of the
    others those that are not found again are withdrawn.

    Args:
        panel: the series that are judged.
        before: the incidents so far.
        judged: the last judged days so far.
        moved: the series to judge anew; see `changed_series`.
        sources: they tell up to which day each series is complete.
        today: the UTC day of the clock.
        limits: when a day is out of the ordinary.
    """
    known = restate(before, _amount_in(panel, before), limits)
    if not panel.keys:
        return known, dict(judged)
    again = {one.incident_id: one for one in known if _is_judged_anew(one, panel, moved)}
    rest = [one for one in known if one.incident_id not in again]
    there = {key: day for key, day in judged.items() if key not in moved}
    state = resume(panel, [one for one in rest if one.series not in moved], there)
    detector = Detector(panel, state, limits)
    found = detector.step(np.maximum(_complete(panel, sources), state.judged), panel.days - 1)
    days = {**there, **judged_days(panel, detector.state)}
    merged = merge(rest, found.findings, found.accepted, judged=days, detected_on=today)
    made = {one.incident_id for one in merged}
    merged = [
        replace(one, detected_on=again[one.incident_id].detected_on) if one.incident_id in again else one
        for one in merged
    ]
    return [*merged, *(replace(one, state="withdrawn") for name, one in again.items() if name not in made)], days


def _complete(panel: Panel, sources: Sources) -> Ints:
    """Return the last complete column of each series."""
    ends = [sources[key.currency, key.provider].last_complete_day for key in panel.keys]
    return np.array([min(panel.index(end), panel.days - 1) if end else -1 for end in ends], dtype=np.int64)


def _is_judged_anew(one: Incident, panel: Panel, moved: set[SeriesKey]) -> bool:
    decided = one.state in {"acknowledged", "expected"} or one.by is not None
    return one.series in moved and not decided and panel.index(one.first_day) >= LEARNING_DAYS


def _amount_in(panel: Panel, before: Sequence[Incident]) -> Callable[[SeriesKey, date], float]:
    """Return the amount of a series on a day: as the panel has it, else as it was."""
    rows = {key: row for row, key in enumerate(panel.keys)}
    old = {(one.series, day.day): day.actual for one in before for day in one.days}

    def amount(series: SeriesKey, day: date) -> float:
        at, row = panel.index(day), rows.get(series)
        if not 0 <= at < panel.days:
            return old[series, day]
        return float(panel.amounts[row, at]) if row is not None else 0.0

    return amount
