"""Incidents in the lake, and the state of the detector that follows from them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple
from datetime import date

import duckdb
import numpy as np

from billstream.aggregator.anomalies.incidents import Incident, IncidentDay
from billstream.aggregator.anomalies.panel import Panel, SeriesKey
from billstream.aggregator.anomalies.state import NONE, State, source_starts
from billstream.aggregator.anomalies.thresholds import Thresholds
from billstream.common.lake import Lake
from billstream.common.statements import statement


def read_incidents(lake: Lake, version: int) -> list[Incident]:
    """Return every incident of snapshot `version`, by first day. Raises what `Lake.query` raises."""
    days: dict[str, list[IncidentDay]] = {}
    for row in lake.query(statement(__name__, "days"), [version]).to_pylist():
        days.setdefault(row.pop("anomaly_id"), []).append(IncidentDay(**row))
    found = []
    for row in lake.query(statement(__name__, "incidents"), [version]).to_pylist():
        key = SeriesKey(*(row.pop(name) for name in ("currency", "provider", "account", "service", "user_id")))
        found.append(Incident(series=key, days=tuple(days[row.pop("anomaly_id")]), **row))
    return found


def read_judged(lake: Lake, version: int) -> dict[SeriesKey, date]:
    """Return the last judged day of each series at snapshot `version`. Raises what `Lake.query` raises."""
    rows = lake.rows(statement(__name__, "judged"), [version])
    return {SeriesKey(*row[:-1]): row[-1] for row in rows}


def store_incidents(con: duckdb.DuckDBPyConnection, incidents: Iterable[Incident]) -> None:
    """Replace these incidents and their days, inside the open transaction. All others stay."""
    changed = list(incidents)
    if not changed:
        return
    names = [one.incident_id for one in changed]
    forget_incidents(con, names)
    con.execute(statement(__name__, "insert_incidents"), [names, *_columns(changed)])
    days = [(one.incident_id, *astuple(day)) for one in changed for day in one.days]
    con.execute(statement(__name__, "insert_days"), [list(column) for column in zip(*days, strict=True)])


def forget_incidents(con: duckdb.DuckDBPyConnection, names: Sequence[str]) -> None:
    """Remove incidents and their days by their ids, inside the open transaction."""
    if names:
        for table in ("anomalies", "anomaly_days"):
            con.execute(f"DELETE FROM {table} WHERE anomaly_id IN (SELECT unnest(?::VARCHAR[]))", [list(names)])


def _columns(incidents: Sequence[Incident]) -> list[list[object]]:
    """Return the columns of `anomalies` after the first, each as a list."""
    of_series = ("currency", "provider", "account", "service", "user")
    of_incident = ("kind", "tier", "direction", "first_day", "last_day", "detected_on", "state", "reason", "by")
    columns = [[getattr(one.series, name) for one in incidents] for name in of_series]
    return columns + [[getattr(one, name) for one in incidents] for name in (*of_incident, "accepted_on", "factor")]


def store_judged(con: duckdb.DuckDBPyConnection, judged: Mapping[SeriesKey, date]) -> None:
    """Replace the last judged days of all series, inside the open transaction."""
    con.execute("DELETE FROM anomaly_series")
    columns = [[getattr(k, name) for k in judged] for name in ("currency", "provider", "account", "service", "user")]
    con.execute(statement(__name__, "store_judged"), [*columns, list(judged.values())])


def judged_days(panel: Panel, state: State) -> dict[SeriesKey, date]:
    """Return the last judged day of each series that has been judged."""
    return {key: panel.day(at) for key, at in zip(panel.keys, state.judged.tolist(), strict=True) if at != NONE}


def resume(
    panel: Panel,
    incidents: Iterable[Incident],
    judged: Mapping[SeriesKey, date],
    thresholds: Thresholds | None = None,
) -> State:
    """Return the state of the detector after these incidents, as if it had judged the panel itself.

    Withdrawn incidents mask nothing. Days before the panel's first are left out.
    """
    state, limits, sources = State.of(panel), thresholds or Thresholds(), source_starts(panel)
    rows = {key: row for row, key in enumerate(panel.keys)}
    for key, day in judged.items():
        if key in rows:
            state.judged[rows[key]] = min(max(panel.index(day), NONE), panel.days - 1)
    days: dict[int, list[tuple[int, Incident, IncidentDay]]] = {}
    for incident in incidents:
        if incident.series in rows and incident.state != "withdrawn":
            for one in incident.days:
                days.setdefault(panel.index(one.day), []).append((rows[incident.series], incident, one))
    for column in range(int(state.judged.max(initial=NONE)) + 1):
        known = np.flatnonzero(state.judged >= column)
        state.begin(panel, known, np.full(len(known), column), sources, limits)
        for row, incident, one in days.get(column, ()):
            if column <= state.judged[row]:
                _apply(panel, state, row, incident, one)
    return state


def _apply(panel: Panel, state: State, row: int, incident: Incident, day: IncidentDay) -> None:
    column = panel.index(day.day)
    if day.kind == "level":
        state.leveled[row] = column
    if not day.masked:
        return
    way = 1 if incident.direction == "up" else -1
    state.mark(np.array([row]), np.array([column]), np.array([way]), np.array([day.expected]))
    if day.day == incident.accepted_on:
        state.accept(panel, row, incident.factor)
