"""The section of anomalies: those that are open, and those of the last weeks, with their causes."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from billstream.aggregator.anomalies.values import Anomaly
from billstream.aggregator.causes.values import Change
from billstream.aggregator.causes.words import Course, name_in_words, since_sentence
from billstream.aggregator.insights.models import Model, Reading
from billstream.aggregator.insights.ratios import share
from billstream.aggregator.insights.section import Section
from billstream.common.errors import WrongUsage
from billstream.common.lake import Lake
from billstream.common.statements import statement

TOLD_DAYS = 35
MOST_ANOMALIES = 100
FOR_EVER = 1_000_000

INCIDENTS = Model(
    __name__,
    "incidents",
    "anomaly_id",
    given=lambda reading: [reading.version, reading.today, TOLD_DAYS, MOST_ANOMALIES],
)


def read_anomalies(reading: Reading) -> tuple[Anomaly, ...]:
    """Return the anomalies: open ones first, then by tier and impact."""
    return tuple(anomaly_of(row) for row in reading.rows(INCIDENTS))


def list_anomalies(lake: Lake, today: date, *, every: bool = False, most: int = MOST_ANOMALIES) -> list[Anomaly]:
    """Return the anomalies of the newest snapshot in the same order; `every`: also those that ended long ago.

    Raises:
        Retryable, Fatal: see `common.lake.failures`.
    """
    days = FOR_EVER if every else TOLD_DAYS
    rows = lake.query(statement(__name__, "incidents"), [lake.snapshot_id(), today, days, most]).to_pylist()
    return [anomaly_of(row) for row in rows]


def find_anomaly(lake: Lake, begins: str) -> Anomaly:
    """Return the anomaly whose id begins so.

    Raises:
        WrongUsage: there is none, or more than one.
        Retryable, Fatal: see `common.lake.failures`.
    """
    every = list_anomalies(lake, date.max, every=True, most=1_000_000)
    found = [one for one in every if begins and one.id.startswith(begins.lower())]
    if len(found) != 1:
        raise WrongUsage(
            f"There is {'more than one' if found else 'no'} anomaly whose id begins with {begins!r}. billstream "
            "anomalies list --all shows the ids."
        )
    return found[0]


def anomaly_of(row: Mapping[str, Any]) -> Anomaly:
    """Return the anomaly of a row of `incidents.sql`."""
    values = dict(row)
    days: list[date] = values.pop("on_days")
    stored, score = values.pop("change"), values.pop("score")
    change = Change.model_validate_json(stored) if stored else None
    impact = values["actual"] - values["expected"]
    return Anomaly(
        **values,
        days=len(days),
        impact=impact,
        relative=share(impact, abs(values["expected"])) if values["expected"] else None,
        score=None if score is None else Decimal(f"{score:.1f}"),
        change=change,
        sentence=change.sentence if change else _sentence(values, days),
    )


def _sentence(values: Mapping[str, Any], days: list[date]) -> str:
    user = values["user"]
    named = name_in_words(values["service"], "service")
    return since_sentence(
        subject=f"{named} of {name_in_words(user, 'user')}" if user is not None else named,
        currency=values["currency"],
        days=days,
        expected=values["expected"],
        actual=values["actual"],
        course=Course(open=(values["state"] == "open"), new=(values["kind"] == "new")),
        reason="",
    )


ANOMALIES = Section(__name__, "anomalies", tuple[Anomaly, ...], read_anomalies, (INCIDENTS,))
