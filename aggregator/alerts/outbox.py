"""The outbox: alerts of the lake, and how far each has come at each sink.

An alert is queued inside the commit of what it tells, so that neither is there without the other. It is delivered
afterwards: an attempt is written down before it begins, and its end after it. A process that dies in between leaves an
attempt that counts as lost after `LEASE`, and the next one carries the same alert id as its idempotency key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb

from billstream.aggregator.alerts.config import Sink
from billstream.aggregator.alerts.limits import Told
from billstream.aggregator.alerts.values import Alert, Letter, Undelivered
from billstream.common.ids import new_id
from billstream.common.lake import Claim, Lake, ProcessedKey
from billstream.common.lake.guard import scope_id
from billstream.common.retries import redo_on_conflict
from billstream.common.statements import statement

SCOPE_ID = scope_id("billstream:alerts")
"""The scope that each commit of the outbox claims."""

LEASE = timedelta(seconds=60)
"""An attempt whose end is not written after this time counts as lost."""

MOST_AT_ONCE = 20
"""Letters that one sink gets in one round."""

_FIRST_WAIT = 30.0
_LONGEST_WAIT = 3600.0


@dataclass(frozen=True)
class Attempt:
    """An attempt to deliver a letter to a sink; `number` counts from 1."""

    sink: str
    number: int
    letter: Letter


@dataclass(frozen=True)
class End:
    """The end of an attempt. No `error`: the sink accepted the letter. Not `begun`: it got nothing."""

    attempt: Attempt
    error: Undelivered | None = None
    begun: bool = True


def outbox_claim(lake: Lake) -> Claim:
    """Return the claim of a commit that calls `enqueue`; ask for it before reading what the alerts are made of."""
    held = lake.processed_keys([SCOPE_ID]).get(SCOPE_ID)
    new = ProcessedKey(scope_id=SCOPE_ID, entry_id=new_id(), state="refreshed")
    return Claim(new, held.entry_id if held else None)


def enqueue(con: duckdb.DuckDBPyConnection, alerts: Sequence[Alert], sinks: Sequence[Sink], *, now: datetime) -> int:
    """Queue alerts for the sinks that take them, inside the open transaction of a commit with `outbox_claim`.

    What a sink has by its dedupe key, or may not have by its limit, is not queued again: to call this with the same
    alerts at each refresh is right. A sink that is new gets what is open.

    Returns:
        Deliveries that were queued.
    """
    queued = 0
    for alert in alerts:
        takers = [sink for sink in sinks if sink.takes(alert.kind, alert.sinks)]
        known = (
            con.execute(statement(__name__, "known"), [alert.dedupe_key, alert.incident]).fetchall() if takers else []
        )
        same = [row for row in known if row[1] == alert.dedupe_key]
        have = {row[2] for row in same}
        for sink in takers:
            told = [Told(row[3], row[4]) for row in known if row[2] == sink.name]
            if sink.name in have or (alert.incident and not sink.limit.allows(told, alert.amount, now)):
                continue
            if not same:
                same = [(_insert(con, alert, now),)]
            delivery = {"alert_id": same[0][0], "sink": sink.name, "now": now}
            con.execute(statement(__name__, "insert_delivery"), delivery)
            queued += 1
    return queued


def _insert(con: duckdb.DuckDBPyConnection, alert: Alert, now: datetime) -> str:
    row = {
        # Not a hash of the key: two lakes may tell one sink of the same incident, and both must arrive.
        "alert_id": new_id(),
        "dedupe_key": alert.dedupe_key,
        "kind": alert.kind,
        "incident": alert.incident,
        "amount": alert.amount,
        "title": alert.title,
        "text": alert.text,
        "payload": alert.payload_json(),
        "now": now,
    }
    con.execute(statement(__name__, "insert_alert"), row)
    return str(row["alert_id"])


def queue(lake: Lake, alerts: Sequence[Alert], sinks: Sequence[Sink], *, now: datetime) -> int:
    """Queue alerts in a commit of their own; without any that is new to a sink nothing is written.

    Raises:
        Retryable: the lake does not answer.
    """

    def once() -> int:
        claim = outbox_claim(lake)
        new = [alert for alert in alerts if not _is_known(lake, alert, sinks)]
        if not new:
            return 0
        queued: list[int] = []
        lake.commit(
            lambda con: queued.append(enqueue(con, new, sinks, now=now)),
            claims=[claim],
            author="aggregator",
            message=f"queues {len(new)} alerts",
        )
        return queued[0]

    return redo_on_conflict(once)


def _is_known(lake: Lake, alert: Alert, sinks: Sequence[Sink]) -> bool:
    """Return whether every sink that takes an alert has it by its dedupe key."""
    rows = lake.rows(statement(__name__, "known"), [alert.dedupe_key, None])
    return {sink.name for sink in sinks if sink.takes(alert.kind, alert.sinks)} <= {row[2] for row in rows}


def take(lake: Lake, sinks: Sequence[str], *, now: datetime, waiting_too: bool = False) -> list[Attempt]:
    """Begin an attempt for each delivery that is due, in one commit: no other process begins it, until `LEASE` is over.

    Args:
        lake: open for writing.
        sinks: names of sinks that may be told now.
        now: time of the attempts.
        waiting_too: take what waits after a failed attempt as due.

    Raises:
        Retryable: the lake does not answer.
    """
    values = {"sinks": list(sinks), "now": now, "all": waiting_too, "most": MOST_AT_ONCE}

    def once() -> list[Attempt]:
        claim = outbox_claim(lake)
        rows = lake.query(statement(__name__, "due"), values).to_pylist()  # type: ignore[arg-type]
        attempts = [Attempt(row["sink"], row["attempts"] + 1, Letter.of(row)) for row in rows]
        if attempts:
            rows_of = [_row(one, "sending", one.number, next_attempt_at=now + LEASE) for one in attempts]
            _write(lake, claim, rows_of, f"begins {len(attempts)} deliveries of alerts")
        return attempts

    return redo_on_conflict(once)


def next_attempts(lake: Lake, sinks: Sequence[str]) -> dict[str, datetime]:
    """Return when the next attempt at each sink is due, for the sinks that have any.

    Raises:
        Retryable: the lake does not answer.
    """
    return {str(sink): moment for sink, moment in lake.rows(statement(__name__, "next_attempts"), [list(sinks)])}


def finish(lake: Lake, ends: Sequence[End], *, now: datetime) -> None:
    """Write how attempts ended, in one commit.

    Raises:
        Retryable: the lake does not answer; letters that were accepted are sent once more, with the same id.
    """
    rows = [_row_of_end(end, now) for end in ends]
    if rows:
        redo_on_conflict(lambda: _write(lake, outbox_claim(lake), rows, f"ends {len(rows)} deliveries of alerts"))


def list_alerts(lake: Lake, *, most: int, undelivered: bool = False) -> list[dict[str, Any]]:
    """Return the newest alerts, a row for each sink.

    Raises:
        Retryable: the lake does not answer.
    """
    values = {"most": most, "undelivered": undelivered}
    return lake.query(statement(__name__, "listed"), values).to_pylist()  # type: ignore[arg-type]


def wait_after(attempts: int, retry_after: float | None) -> timedelta:
    """Return the wait after so many failed attempts: 30 s, doubled each time up to an hour, or what the sink asks for.

    A sink's wish counts up to a day.
    """
    wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(attempts - 1, 20))
    return timedelta(seconds=max(wait, min(retry_after or 0.0, 86_400.0)))


def _row_of_end(end: End, now: datetime) -> dict[str, Any]:
    attempt = end.attempt
    if not end.begun:
        before = "failed" if attempt.number > 1 else "pending"
        return _row(attempt, before, attempt.number - 1, next_attempt_at=now, last_error=_text_of(end))
    if end.error is None:
        return _row(attempt, "sent", attempt.number, delivered_at=now)
    again = now + wait_after(attempt.number, end.error.retry_after)
    return _row(attempt, "failed", attempt.number, next_attempt_at=again, last_error=_text_of(end))


def _text_of(end: End) -> str | None:
    return str(end.error) if end.error else None


def _row(
    attempt: Attempt,
    state: str,
    attempts: int,
    *,
    next_attempt_at: datetime | None = None,
    delivered_at: datetime | None = None,
    last_error: str | None = None,
) -> dict[str, Any]:
    return {
        "alert_id": attempt.letter.alert_id,
        "sink": attempt.sink,
        "state": state,
        "attempts": attempts,
        "next_attempt_at": next_attempt_at,
        "delivered_at": delivered_at,
        "last_error": last_error,
    }


def _write(lake: Lake, claim: Claim, rows: Sequence[dict[str, Any]], message: str) -> None:
    def write(con: duckdb.DuckDBPyConnection) -> None:
        for row in rows:
            con.execute(statement(__name__, "update_delivery"), row)

    lake.commit(write, claims=[claim], author="alerts", message=message)
