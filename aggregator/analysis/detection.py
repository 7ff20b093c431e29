"""Find the incidents of a snapshot: read what was known, judge what has become complete, sum the amounts exactly."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import duckdb

from billstream.aggregator.analysis.judging import MOVED_SHARE, Sources, changed_series, replayed
from billstream.aggregator.anomalies.incidents import Incident
from billstream.aggregator.anomalies.panel import Panel, SeriesKey, read_panel
from billstream.aggregator.anomalies.store import (
    forget_incidents,
    read_incidents,
    read_judged,
    store_incidents,
    store_judged,
)
from billstream.aggregator.anomalies.thresholds import Thresholds
from billstream.aggregator.causes.explain import explain_series
from billstream.aggregator.causes.values import Change
from billstream.aggregator.forecasting.values import cents
from billstream.aggregator.insights.models import Reading
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
    forgotten: tuple[str, ...]
    """Ids of incidents that were found and taken back on one day, so that nobody was told."""
    judged: Mapping[SeriesKey, date] | None
    """The last judged days; None when they are as stored."""
    unexplained: int
    withdrawn: tuple[Incident, ...]
    """Those that this analysis withdraws."""
    at_rest: bool
    """False while days are arriving or changing that were judged before: what was found may not last."""

    def store(self, con: duckdb.DuckDBPyConnection) -> None:
        """Write what has changed, inside the open transaction."""
        forget_incidents(con, self.forgotten)
        store_incidents(con, self.changed)
        if self.judged is not None:
            store_judged(con, self.judged)
        names = list(self.new_amounts)
        gone = [*names, *self.forgotten]
        if gone:
            con.execute("DELETE FROM anomaly_amounts WHERE anomaly_id IN (SELECT unnest(?::VARCHAR[]))", [gone])
        if names:
            found = [astuple(self.amounts[name]) for name in names]
            columns = [list(column) for column in zip(*found, strict=True)]
            con.execute(statement(__name__, "store_changes"), [names, *columns])


def detect(reading: Reading, sources: Sources, limits: Thresholds, *, since: int | None) -> Detection:
    """Judge the days that have become complete, rises of those that may still grow, and days that have changed.

    Args:
        reading: nothing is written to its lake.
        sources: the sources by currency and provider; those without daily charges are not judged.
        limits: when a day is out of the ordinary.
        since: the snapshot that the last analysis has read; None: there was none.

    Raises:
        Retryable, Fatal: see `common.lake.failures`.
    """
    lake, version, today = reading.lake, reading.version, reading.today
    panel = _daily(read_panel(lake, version, today - timedelta(PANEL_DAYS), today), sources)
    judged = read_judged(lake, version)
    moved = changed_series(lake, panel, judged, since, version)
    before = read_incidents(lake, version)
    incidents, days = replayed(panel, before, judged, moved, sources, today, limits)
    earlier = {one.incident_id: one for one in before}
    told_to_none = _told_to_none(lake, version, incidents, today)
    kept = [one for one in incidents if one.incident_id not in told_to_none]
    changed = tuple(one for one in kept if earlier.get(one.incident_id) != one)
    told = [one for one in kept if (today - one.last_day).days <= TOLD_DAYS or one.state == "open"]
    stored = {row.pop("anomaly_id"): Amounts(**row) for row in _stored(lake, version)}
    snapshot_id = reading.watermark.snapshot_id
    amounts = _amounts(lake, version, snapshot_id, told, stored, {one.incident_id for one in changed})
    left = _explain(lake, snapshot_id, told, amounts)
    return Detection(
        panel=panel,
        incidents=tuple(kept),
        amounts=amounts,
        changed=changed,
        new_amounts=tuple(name for name, one in amounts.items() if stored.get(name) != one),
        forgotten=tuple(name for name in told_to_none if name in earlier),
        judged=days if days != judged else None,
        unexplained=left,
        withdrawn=tuple(one for one in changed if _is_withdrawn_now(one, earlier.get(one.incident_id))),
        at_rest=since is not None and len(moved) <= MOVED_SHARE * len(panel.keys),
    )


def _is_withdrawn_now(one: Incident, before: Incident | None) -> bool:
    return one.state == "withdrawn" and before is not None and before.state == "open"


def _told_to_none(lake: Lake, version: int, incidents: Sequence[Incident], today: date) -> set[str]:
    """Return the ids of incidents that were found today, taken back today, and told to nobody."""
    passing = {one.incident_id for one in incidents if one.state == "withdrawn" and one.detected_on == today}
    if not passing:
        return passing
    rows = lake.rows(statement(__name__, "alerted"), [version, list(passing)])
    return passing - {name for (name,) in rows}


def _stored(lake: Lake, version: int) -> list[dict[str, Any]]:
    return lake.query(statement(__name__, "stored_changes"), [version]).to_pylist()


def _daily(panel: Panel, sources: Sources) -> Panel:
    """Return the series of sources that have daily charges and a complete day."""
    kept = [
        row
        for row, key in enumerate(panel.keys)
        if (source := sources.get((key.currency, key.provider))) and not source.monthly and source.last_complete_day
    ]
    return Panel(tuple(panel.keys[row] for row in kept), panel.first_day, panel.amounts[kept])


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
