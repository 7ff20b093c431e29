"""Find the incidents of a snapshot: read what was known, judge what has become complete, sum the amounts exactly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

import duckdb
import numpy as np

from billstream.aggregator.anomalies.detector import Detector
from billstream.aggregator.anomalies.incidents import Incident, merge, restate
from billstream.aggregator.anomalies.panel import Panel, SeriesKey, read_panel
from billstream.aggregator.anomalies.store import (
    judged_days,
    read_incidents,
    read_judged,
    resume,
    store_incidents,
    store_judged,
)
from billstream.aggregator.anomalies.thresholds import Thresholds
from billstream.aggregator.causes.explain import explain_series
from billstream.aggregator.causes.values import Change
from billstream.aggregator.completeness.maturity import SourceKey
from billstream.aggregator.forecasting.values import cents
from billstream.aggregator.insights.values import Source
from billstream.common.lake import Lake
from billstream.common.statements import statement

PANEL_DAYS = 200
"""Days that the detector reads: its window, its level test, and as much again."""

TOLD_DAYS = 35
"""Incidents that ended longer ago are neither explained nor shown."""

MOST_EXPLAINED = 10
"""Incidents that are explained in one analysis; the next one goes on."""

BASELINE_DAYS = 28


@dataclass(frozen=True)
class Amounts:
    """Exact amounts of an incident; `change` is its explanation as JSON, None while there is none."""

    actual: Decimal
    expected: Decimal
    snapshot_id: int
    change: str | None

    @property
    def impact(self) -> Decimal:
        """What it cost more than expected; negative for a fall."""
        return self.actual - self.expected

    @property
    def explained(self) -> Change | None:
        """The explanation."""
        return Change.model_validate_json(self.change) if self.change else None


@dataclass(frozen=True)
class Detection:
    """The incidents of a snapshot, and what of it is to be written."""

    panel: Panel
    incidents: tuple[Incident, ...]
    amounts: Mapping[str, Amounts]
    changed: tuple[Incident, ...]
    new_amounts: tuple[str, ...]
    judged: Mapping[SeriesKey, date] | None
    """The last judged days; None when they are as stored."""
    unexplained: int
    withdrawn: tuple[Incident, ...]
    """Those that this analysis withdraws."""

    def store(self, con: duckdb.DuckDBPyConnection) -> None:
        """Write what has changed, inside the open transaction."""
        store_incidents(con, self.changed)
        if self.judged is not None:
            store_judged(con, self.judged)
        if self.new_amounts:
            found = [self.amounts[name] for name in self.new_amounts]
            columns: list[list[object]] = [
                [one.actual for one in found],
                [one.expected for one in found],
                [one.snapshot_id for one in found],
                [one.change for one in found],
            ]
            names = list(self.new_amounts)
            con.execute("DELETE FROM anomaly_amounts WHERE anomaly_id IN (SELECT unnest(?::VARCHAR[]))", [names])
            con.execute(statement(__name__, "store_changes"), [names, *columns])


def detect(
    lake: Lake, version: int, snapshot_id: int, sources: Mapping[SourceKey, Source], today: date, limits: Thresholds
) -> Detection:
    """Judge the days that have become complete, and rises of those that may still grow.

    Args:
        lake: nothing is written to it.
        version: the snapshot whose aggregates are read.
        snapshot_id: the snapshot whose charges they hold.
        sources: the sources by currency and provider; those without daily charges are not judged.
        today: the UTC day of the clock.
        limits: when a day is out of the ordinary.

    Raises:
        Retryable, Fatal: see `common.lake.failures`.
    """
    panel = _daily(read_panel(lake, version, today - timedelta(PANEL_DAYS), today), sources)
    before, judged = read_incidents(lake, version), read_judged(lake, version)
    stored = {row.pop("anomaly_id"): Amounts(**row) for row in _stored(lake, version)}
    incidents = _merged(panel, before, judged, sources, today, limits)
    earlier = {one.incident_id: one for one in before}
    changed = tuple(one for one in incidents[0] if earlier.get(one.incident_id) != one)
    told = [one for one in incidents[0] if (today - one.last_day).days <= TOLD_DAYS or one.state == "open"]
    amounts = _amounts(lake, version, snapshot_id, told, stored, {one.incident_id for one in changed})
    left = _explain(lake, snapshot_id, told, amounts)
    return Detection(
        panel=panel,
        incidents=tuple(incidents[0]),
        amounts=amounts,
        changed=changed,
        new_amounts=tuple(name for name, one in amounts.items() if stored.get(name) != one),
        judged=incidents[1] if incidents[1] != judged else None,
        unexplained=left,
        withdrawn=tuple(
            one
            for one in changed
            if one.state == "withdrawn" and one.incident_id in earlier and earlier[one.incident_id].state == "open"
        ),
    )


def _stored(lake: Lake, version: int) -> list[dict[str, object]]:
    return lake.query(statement(__name__, "stored_changes"), [version]).to_pylist()


def _daily(panel: Panel, sources: Mapping[SourceKey, Source]) -> Panel:
    """Return the series of sources that have daily charges and a complete day."""
    kept = [
        row
        for row, key in enumerate(panel.keys)
        if (source := sources.get((key.currency, key.provider))) and not source.monthly and source.last_complete_day
    ]
    return Panel(tuple(panel.keys[row] for row in kept), panel.first_day, panel.amounts[kept])


def _merged(
    panel: Panel,
    before: Sequence[Incident],
    judged: Mapping[SeriesKey, date],
    sources: Mapping[SourceKey, Source],
    today: date,
    limits: Thresholds,
) -> tuple[list[Incident], Mapping[SeriesKey, date]]:
    """Return the incidents after this step of the detector, and the last judged days."""
    rows = {key: row for row, key in enumerate(panel.keys)}
    old = {(one.series, day.day): day.actual for one in before for day in one.days}

    def amount(series: SeriesKey, day: date) -> float:
        at, row = panel.index(day), rows.get(series)
        if not 0 <= at < panel.days:
            return old[series, day]
        return float(panel.amounts[row, at]) if row is not None else 0.0

    known = restate(before, amount, limits)
    if not panel.keys:
        return known, judged
    detector = Detector(panel, resume(panel, known, judged), limits)
    ends = [sources[key.currency, key.provider].last_complete_day for key in panel.keys]
    complete = np.array([panel.index(end) if end else -1 for end in ends], dtype=np.int64)
    found = detector.step(np.maximum(np.minimum(complete, panel.days - 1), detector.state.judged), panel.days - 1)
    days = {**judged, **judged_days(panel, detector.state)}
    return merge(known, found.findings, found.accepted, judged=days, detected_on=today), days


def _amounts(
    lake: Lake,
    version: int,
    snapshot_id: int,
    told: Sequence[Incident],
    stored: Mapping[str, Amounts],
    changed: set[str],
) -> dict[str, Amounts]:
    """Return the amounts of the told incidents. An explanation stays while its incident has the same amounts."""
    wanted = [one for one in told if one.incident_id in changed or one.incident_id not in stored]
    exact = _exact(lake, version, wanted)
    found = {one.incident_id: stored[one.incident_id] for one in told if one.incident_id in stored}
    for one in wanted:
        name = one.incident_id
        actual, expected = exact.get(name, Decimal(0)), cents(one.expected)
        same = name in found and (found[name].actual, found[name].expected) == (actual, expected)
        if not same:
            found[name] = Amounts(actual, expected, snapshot_id, None)
    return found


def _exact(lake: Lake, version: int, incidents: Sequence[Incident]) -> dict[str, Decimal]:
    flat = [(one.incident_id, one.series, day.day) for one in incidents for day in one.days]
    if not flat:
        return {}
    names = ("currency", "provider", "account", "service", "user")
    columns: list[list[object]] = [[name for name, _, _ in flat]]
    columns += [[getattr(series, part) for _, series, _ in flat] for part in names]
    days = [day for _, _, day in flat]
    rows = lake.rows(statement(__name__, "exact_amounts"), [version, *columns, days, min(days), max(days)])
    return dict(rows)


def _explain(lake: Lake, snapshot_id: int, told: Sequence[Incident], amounts: dict[str, Amounts]) -> int:
    """Explain the largest incidents that have no explanation, in `amounts`. Returns how many are left."""
    open_ones = [one for one in told if one.state != "withdrawn" and amounts[one.incident_id].change is None]
    open_ones.sort(key=lambda one: (one.tier != "page", -abs(amounts[one.incident_id].impact)))
    for one in open_ones[:MOST_EXPLAINED]:
        found = amounts[one.incident_id]
        key = one.series
        change = explain_series(
            lake,
            {name: getattr(key, name) for name in ("currency", "provider", "account", "service", "user")},
            frozenset(day.day for day in one.days),
            frozenset(one.first_day - timedelta(number) for number in range(1, BASELINE_DAYS + 1)),
            expected=found.expected,
            open_=one.state == "open",
            version=snapshot_id,
        )
        amounts[one.incident_id] = replace(found, change=change.model_dump_json())
    return max(0, len(open_ones) - MOST_EXPLAINED)
