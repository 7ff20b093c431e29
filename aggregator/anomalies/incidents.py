"""Incidents: findings of neighbouring days of one series, joined under an id that stays the same."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Literal, TypeVar

from billstream.aggregator.anomalies.panel import SeriesKey
from billstream.aggregator.anomalies.state import Accepted, Direction, Finding, Kind, Tier, score
from billstream.aggregator.anomalies.thresholds import Thresholds
from billstream.common.errors import WrongUsage

T = TypeVar("T")

IncidentState = Literal["open", "ended", "acknowledged", "expected", "withdrawn"]
GAP_DAYS = 3
"""Findings at most so many days apart are of one incident."""
TOLD_DAYS = 35
"""Incidents that ended longer ago are neither explained nor shown."""

STRONGEST: tuple[Kind, ...] = ("new", "gone", "spike", "drop", "level")


@dataclass(frozen=True, kw_only=True)
class IncidentDay:
    """One day of an incident."""

    day: date
    actual: float
    expected: float
    scale: float
    kind: Kind
    tier: Tier
    masked: bool
    complete: bool


@dataclass(frozen=True, kw_only=True)
class Incident:
    """Days of one series that are told once. `ended` is also the state after its level was accepted."""

    series: SeriesKey
    direction: Direction
    first_day: date
    days: tuple[IncidentDay, ...]
    state: IncidentState = "open"
    reason: str | None = None
    by: str | None = None
    detected_on: date
    accepted_on: date | None = None
    factor: float | None = None

    @cached_property
    def incident_id(self) -> str:
        """First 12 hexadecimal digits of the SHA-256 of series, direction and first day."""
        return incident_id(self.series, self.direction, self.first_day)

    @property
    def last_day(self) -> date:
        """The newest day."""
        return self.days[-1].day

    @property
    def kind(self) -> Kind:
        """The kind of its most telling day."""
        return min((day.kind for day in self.days), key=STRONGEST.index)

    @property
    def tier(self) -> Tier:
        """`page` when any of its days is."""
        return "page" if any(day.tier == "page" for day in self.days) else "notice"

    @property
    def actual(self) -> float:
        """Sum of what its days cost."""
        return sum(day.actual for day in self.days)

    @property
    def expected(self) -> float:
        """Sum of what its days were expected to cost."""
        return sum(day.expected for day in self.days)


def incident_id(series: SeriesKey, direction: Direction, first_day: date) -> str:
    """Return the id of an incident."""
    return hashlib.sha256(f"{series.text}|{direction}|{first_day.isoformat()}".encode()).hexdigest()[:12]


def the_one(found: Sequence[T], begins: str, id_of: Callable[[T], str]) -> T:
    """Return the one thing whose id begins so.

    Raises:
        WrongUsage: there is none, or more than one.
    """
    wanted = [one for one in found if begins and id_of(one).startswith(begins.lower())]
    if len(wanted) != 1:
        raise WrongUsage(
            f"There is {'more than one' if wanted else 'no'} anomaly whose id begins with {begins!r}; nothing was "
            "changed. billstream anomalies list --all shows the ids."
        )
    return wanted[0]


def merge(
    incidents: Iterable[Incident],
    findings: Iterable[Finding],
    accepted: Iterable[Accepted],
    *,
    judged: Mapping[SeriesKey, date],
    detected_on: date,
) -> list[Incident]:
    """Return the incidents after new findings: continued, begun, and ended.

    Args:
        incidents: the incidents so far.
        findings: what a step of the detector found.
        accepted: the levels that it accepted.
        judged: the last judged day of each series: an incident whose last day lies more than `GAP_DAYS` before has
            ended.
        detected_on: the day of the step.
    """
    by_series: dict[tuple[SeriesKey, Direction], list[Incident]] = {}
    for incident in sorted(incidents, key=lambda one: one.first_day):
        by_series.setdefault((incident.series, incident.direction), []).append(incident)
    levels = {(level.series, level.direction, level.last_day): level for level in accepted}
    for found in sorted(findings, key=lambda one: one.day):
        those = by_series.setdefault((found.series, found.direction), [])
        at = _add(those, found, detected_on)
        if found.masked and (level := levels.get((found.series, found.direction, found.day))):
            those[at] = replace(those[at], accepted_on=level.last_day, factor=level.factor)
    every = [incident for those in by_series.values() for incident in those]
    return [_ended(incident, judged) for incident in every]


def _add(those: list[Incident], found: Finding, detected_on: date) -> int:
    """Add a finding to the incidents of its series and direction. Returns which one it belongs to."""
    day = IncidentDay(
        day=found.day,
        actual=found.actual,
        expected=found.expected,
        scale=found.scale,
        kind=found.kind,
        tier=found.tier,
        masked=found.masked,
        complete=found.complete,
    )
    for i, incident in enumerate(those):
        told = any(one.day == found.day for one in incident.days)
        # An incident whose level is accepted is over: what comes after it is compared with that level.
        grows = incident.first_day <= found.day and (found.day - incident.last_day).days <= GAP_DAYS
        if told or (grows and incident.accepted_on is None):
            kept = [one for one in incident.days if one.day != found.day]
            days = tuple(sorted([*kept, day], key=lambda one: one.day))
            state: IncidentState = "open" if incident.state in {"ended", "withdrawn"} else incident.state
            those[i] = replace(incident, days=days, state=state)
            return i
    begun = Incident(
        series=found.series, direction=found.direction, first_day=found.day, days=(day,), detected_on=detected_on
    )
    those.append(begun)
    return len(those) - 1


def _ended(incident: Incident, judged: Mapping[SeriesKey, date]) -> Incident:
    last = judged.get(incident.series)
    over = last is not None and (last - incident.last_day).days > GAP_DAYS
    return replace(incident, state="ended") if incident.state == "open" and (over or incident.accepted_on) else incident


def restate(
    incidents: Iterable[Incident], amount: Callable[[SeriesKey, date], float], limits: Thresholds
) -> list[Incident]:
    """Return the incidents with the amounts that their days have now.

    An incident without any day that is still out of the ordinary is withdrawn: a restatement took its cause away. When
    the cause comes back, it is open again. What a person decided stays.
    """
    result = []
    for incident in incidents:
        days = tuple(replace(day, actual=amount(incident.series, day.day)) for day in incident.days)
        stands = any(_stands(day, incident.direction, limits) for day in days)
        state = incident.state
        if not stands and state in {"open", "ended"}:
            state = "withdrawn"
        elif stands and state == "withdrawn":
            state = "open"
        result.append(replace(incident, days=days, state=state))
    return result


def _stands(day: IncidentDay, direction: Direction, limits: Thresholds) -> bool:
    away = (day.actual - day.expected) * (1 if direction == "up" else -1)
    if day.kind == "new":
        return away >= limits.floor
    if day.kind == "level":
        return away > limits.weekly_each * day.expected
    far = abs(score(day.actual, day.expected, day.scale)) > limits.score
    return far and away > max(limits.floor, limits.share * abs(day.expected))


def decide(
    incident: Incident, state: Literal["acknowledged", "expected", "ended"], *, reason: str, by: str
) -> Incident:
    """Return the incident with what a person decided of it: acknowledged, expected, or resolved (`ended`)."""
    return replace(incident, state=state, reason=reason, by=by)
