"""Find the incidents of a snapshot: read what was known, judge what has become complete, sum the amounts exactly."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

import duckdb

from billstream.aggregator.analysis.judging import MOVED_SHARE, Sources, changed_series, replayed
from billstream.aggregator.anomalies.incidents import TOLD_DAYS, Incident
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
from billstream.aggregator.causes.words import Course
from billstream.aggregator.forecasting.values import cents
from billstream.aggregator.insights.models import Reading
from billstream.common.lake import Lake
from billstream.common.statements import statement

PANEL_DAYS = 200
"""Days that the detector reads: its window, its level test, and as much again."""

MOST_EXPLAINED = 10
MOST_RENEWED = 2
"""Incidents that are explained in one analysis for the first time, and once more; the next one goes on."""

EXPLAIN_SECONDS = 2.0
"""An analysis explains no more incidents after so long: reading the charges of a large lake takes its time."""

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
class Known:
    """What the last analysis has written: every incident, the amounts of those that were told, the judged days."""

    incidents: tuple[Incident, ...]
    amounts: Mapping[str, Amounts]
    judged: Mapping[SeriesKey, date]

    @classmethod
    def read(cls, lake: Lake, version: int) -> "Known":
        """Read it from snapshot `version`. Raises what `Lake.query` raises."""
        stored = lake.query(statement(__name__, "stored_changes"), [version]).to_pylist()
        amounts = {row.pop("anomaly_id"): Amounts(**row) for row in stored}
        return cls(tuple(read_incidents(lake, version)), amounts, read_judged(lake, version))


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
    known: Known
    """What is known once all of it is written."""
    judged_more: bool
    unexplained: int
    withdrawn: tuple[Incident, ...]
    """Those that this analysis withdraws."""
    at_rest: bool
    """False while days are arriving or changing that were judged before: what was found may not last."""

    def store(self, con: duckdb.DuckDBPyConnection) -> None:
        """Write what has changed, inside the open transaction."""
        forget_incidents(con, self.forgotten)
        store_incidents(con, self.changed)
        if self.judged_more:
            store_judged(con, self.known.judged)
        names = list(self.new_amounts)
        gone = [*names, *self.forgotten]
        if gone:
            con.execute("DELETE FROM anomaly_amounts WHERE anomaly_id IN (SELECT unnest(?::VARCHAR[]))", [gone])
        if names:
            found = [astuple(self.amounts[name]) for name in names]
            columns = [list(column) for column in zip(*found, strict=True)]
            con.execute(statement(__name__, "store_changes"), [names, *columns])


def detect(reading: Reading, known: Known, sources: Sources, limits: Thresholds, *, since: int | None) -> Detection:
    """Judge the days that have become complete, rises of those that may still grow, and days that have changed.

    Args:
        reading: nothing is written to its lake.
        known: what the last analysis has written.
        sources: the sources by currency and provider; those without daily charges are not judged.
        limits: when a day is out of the ordinary.
        since: the snapshot that the last analysis has read; None: there was none.

    Raises:
        Retryable, Fatal: see `common.lake.failures`.
    """
    lake, version, today = reading.lake, reading.version, reading.today
    panel = _daily(read_panel(lake, version, today - timedelta(PANEL_DAYS), today), sources)
    moved = changed_series(lake, panel, known.judged, since, version)
    incidents, days = replayed(panel, known.incidents, known.judged, moved, sources, today, limits)
    earlier = {one.incident_id: one for one in known.incidents}
    told_to_none = _told_to_none(lake, version, incidents, today)
    kept = [one for one in incidents if one.incident_id not in told_to_none]
    changed = tuple(one for one in kept if earlier.get(one.incident_id) != one)
    told = [one for one in kept if (today - one.last_day).days <= TOLD_DAYS or one.state == "open"]
    amounts, renewed = _amounts(reading, told, known.amounts, {one.incident_id for one in changed})
    left = _explain(reading, told, amounts, renewed)
    return Detection(
        panel=panel,
        incidents=tuple(kept),
        amounts=amounts,
        changed=changed,
        new_amounts=tuple(name for name, one in amounts.items() if known.amounts.get(name) != one),
        forgotten=tuple(name for name in told_to_none if name in earlier),
        known=Known(tuple(kept), {**known.amounts, **amounts}, days),
        judged_more=days != known.judged,
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


def _daily(panel: Panel, sources: Sources) -> Panel:
    """Return the series of sources that have daily charges and a complete day."""
    kept = [
        row
        for row, key in enumerate(panel.keys)
        if (source := sources.get((key.currency, key.provider))) and not source.monthly and source.last_complete_day
    ]
    return Panel(tuple(panel.keys[row] for row in kept), panel.first_day, panel.amounts[kept])


def _amounts(
    reading: Reading, told: Sequence[Incident], stored: Mapping[str, Amounts], changed: set[str]
) -> tuple[dict[str, Amounts], dict[str, Amounts]]:
    """Return the amounts of the told incidents, and those that take their place once they are explained.

    An explanation and its amounts belong together: both stay until there is a new explanation.
    """
    wanted = [one for one in told if one.incident_id in changed or one.incident_id not in stored]
    exact = _exact(reading.lake, reading.version, wanted)
    found = {one.incident_id: stored[one.incident_id] for one in told if one.incident_id in stored}
    renewed: dict[str, Amounts] = {}
    for one in wanted:
        name, snapshot_id = one.incident_id, reading.watermark.snapshot_id
        now = Amounts(exact.get(name, Decimal(0)), cents(one.expected), snapshot_id, None)
        held = found.get(name)
        if held is None or held.change is None or one.state == "withdrawn":
            found[name] = now
        elif (held.actual, held.expected) != (now.actual, now.expected):
            renewed[name] = now
    return found, renewed


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


def _explain(
    reading: Reading, told: Sequence[Incident], amounts: dict[str, Amounts], renewed: Mapping[str, Amounts]
) -> int:
    """Explain the largest incidents that need it, in `amounts`. Returns how many are left."""
    by_size = sorted(told, key=lambda one: (one.tier != "page", -abs(amounts[one.incident_id].impact)))
    first = [one for one in by_size if one.state != "withdrawn" and amounts[one.incident_id].change is None]
    again = [one for one in by_size if one.incident_id in renewed]
    due, ends = [*first[:MOST_EXPLAINED], *again[:MOST_RENEWED]], time.monotonic() + EXPLAIN_SECONDS
    done = 0
    for one in due:
        if done and time.monotonic() > ends:
            break
        name = one.incident_id
        amounts[name] = _explained(reading, one, renewed.get(name, amounts[name]))
        done += 1
    return len(first) + len(again) - done


def _explained(reading: Reading, one: Incident, found: Amounts) -> Amounts:
    change = explain_series(
        reading.lake,
        {name: getattr(one.series, name) for name in ("currency", "provider", "account", "service", "user")},
        frozenset(day.day for day in one.days),
        frozenset(one.first_day - timedelta(number) for number in range(1, BASELINE_DAYS + 1)),
        expected=found.expected,
        course=Course(open=one.state == "open", new=one.kind == "new"),
        version=found.snapshot_id,
    )
    return replace(found, change=change.model_dump_json())
