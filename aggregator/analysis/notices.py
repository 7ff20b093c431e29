"""The alerts that an analysis queues. Names in their texts are others': sinks show them as plain text."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from billstream.aggregator.alerts.values import Alert, Kind
from billstream.aggregator.analysis.detection import Amounts, Detection
from billstream.aggregator.anomalies.incidents import TOLD_DAYS, Incident
from billstream.aggregator.budgets.states import Notice
from billstream.aggregator.causes.words import (
    Course,
    amount_in_words,
    series_in_words,
    uncaused_sentence,
)
from billstream.aggregator.completeness.maturity import Habit, SourceKey
from billstream.aggregator.completeness.states import stale_of
from billstream.aggregator.insights.values import Source
from billstream.aggregator.insights.words import day_in_words, provider_in_words

FRESH_DAYS = 7
"""An incident whose newest day is older is history: it is shown, and nobody is alerted."""

_KINDS: Mapping[str, Kind] = {"page": "anomaly", "notice": "notice"}


def alerts_of(
    detection: Detection,
    sources: Mapping[SourceKey, Source],
    habits: Mapping[SourceKey, Habit],
    budgets: Sequence[Notice],
    today: date,
) -> list[Alert]:
    """Return everything that is to be told; the outbox leaves out what a sink has already.

    While the history is not at rest nobody is told of anomalies: the next analysis finds what has lasted.
    """
    return [
        *(_anomalies(detection, today) if detection.at_rest else ()),
        *_withdrawn(detection, today),
        *_stale(sources, habits, today),
        *_budgets(budgets),
    ]


def sentence_of(incident: Incident, amounts: Amounts) -> str:
    """Return an incident in one sentence: that of its explanation, else amounts and days alone."""
    if found := amounts.explained:
        return found.sentence
    key, days = incident.series, [day.day for day in incident.days]
    course = Course(open=(incident.state == "open"), new=(incident.kind == "new"))
    return uncaused_sentence(key.service, key.user, key.currency, days, (amounts.expected, amounts.actual), course)


def _anomalies(detection: Detection, today: date) -> Iterator[Alert]:
    for one in detection.incidents:
        if one.state != "open" or (today - one.last_day).days > FRESH_DAYS:
            continue
        amounts = detection.amounts[one.incident_id]
        named = series_in_words(one.series.service, one.series.user)
        way = "above" if amounts.impact > 0 else "below"
        money = amount_in_words(abs(amounts.impact), one.series.currency)
        yield Alert(
            kind=_KINDS[one.tier],
            dedupe_key=f"anomaly:{one.incident_id}:{one.last_day}",
            incident=one.incident_id,
            amount=amounts.impact,
            title=f"{named}: {money} {way} what is usual, {day_in_words(one.last_day)}",
            text=f"{sentence_of(one, amounts)}\n{_where(one)}\nRows: billstream anomalies show {one.incident_id}",
            payload=_payload(one, amounts),
        )


def _where(one: Incident) -> str:
    return f"Account {one.series.account or 'not named'}, {provider_in_words(one.series.provider)}."


def _payload(one: Incident, amounts: Amounts) -> dict[str, object]:
    series = {name: getattr(one.series, name) for name in ("currency", "provider", "account", "service", "user")}
    days = {"first_day": one.first_day, "last_day": one.last_day}
    money = {"actual": amounts.actual, "expected": amounts.expected, "impact": amounts.impact}
    return {"anomaly_id": one.incident_id, "tier": one.tier, "kind": one.kind, **series, **days, **money}


def _withdrawn(detection: Detection, today: date) -> Iterator[Alert]:
    for one in detection.withdrawn:
        if (today - one.last_day).days <= TOLD_DAYS:
            named = series_in_words(one.series.service, one.series.user)
            yield Alert(
                kind="restatement",
                dedupe_key=f"withdrawn:{one.incident_id}:{today}",
                title=f"{named}: a restatement took the anomaly of {day_in_words(one.first_day)} away",
                text=f"Its costs from {one.first_day} to {one.last_day} are what is usual now.\n{_where(one)}",
                payload={"anomaly_id": one.incident_id},
            )


def _stale(sources: Mapping[SourceKey, Source], habits: Mapping[SourceKey, Habit], today: date) -> Iterator[Alert]:
    for key, source in sources.items():
        told = stale_of(habits[key], today) if key in habits and not source.monthly else None
        if told:
            name = provider_in_words(source.provider)
            yield Alert(
                kind="stale_source",
                dedupe_key=f"stale:{source.currency}:{source.provider}:{told.newest_day}",
                title=f"{name}: no new day for {told.silent_days} days",
                text=f"The newest charges of {name} are of {told.newest_day}; usual are {told.usual_days} days without "
                "a new one. A missing export looks like a saving: look at the export of the vendor, and at the queue.",
                payload={"provider": source.provider, "currency": source.currency, "newest_day": told.newest_day},
            )


def _budgets(notices: Iterable[Notice]) -> Iterator[Alert]:
    for notice in notices:
        state = notice.state
        words = "passed" if notice.kind == "firing" else "no longer passed"
        yield Alert(
            kind="budget",
            dedupe_key=notice.dedupe_key,
            title=f"Budget {state.budget}: {state.rule} {words} ({state.first_day} to {state.last_day})",
            text=f"{state.sentence}\nOwner: {notice.owner or 'not named'}",
            payload={"budget": state.budget, "rule": state.rule, "state": state.state, "first_day": state.first_day},
            sinks=notice.send or None,
        )
