"""The section of anomalies: those that are open, and those of the last weeks, with their causes."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from billstream.aggregator.anomalies.incidents import TOLD_DAYS, the_one
from billstream.aggregator.anomalies.values import Anomaly
from billstream.aggregator.causes.values import Change
from billstream.aggregator.causes.words import Course, uncaused_sentence
from billstream.aggregator.insights.models import Model, Reading
from billstream.aggregator.insights.ratios import share
from billstream.aggregator.insights.section import Section
from billstream.common.lake import Lake
from billstream.common.statements import statement

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
    return the_one(every, begins, lambda one: one.id)


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
    course = Course(open=(values["state"] == "open"), new=(values["kind"] == "new"))
    money = (values["expected"], values["actual"])
    return uncaused_sentence(values["service"], values["user"], values["currency"], days, money, course)


ANOMALIES = Section(__name__, "anomalies", tuple[Anomaly, ...], read_anomalies, (INCIDENTS,))
