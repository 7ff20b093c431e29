"""The reason why a message is in the dead-letter queue, as far as its body and the ledger show it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from billstream.common.lake import Lake, ProcessedKey
from billstream.common.lake.guard import scope_id
from billstream.common.statements import statement
from billstream.consumer.backfill.replay import expected_verdict
from billstream.consumer.decide.decision import Verdict
from billstream.consumer.events import EventKind, ObjectEvent
from billstream.consumer.layouts.layout import Layouts
from billstream.consumer.sqs.dead_letters import DeadLetter
from billstream.consumer.sqs.envelope import read_body

NEVER_COMMITTED = (
    "Every attempt ended without a commit: the consumer's log has the cause (object_released, or the end of a process)."
)
_UNPROCESSED = frozenset({Verdict.LOAD, Verdict.REMOVE, Verdict.AWAIT, Verdict.ASK})


@dataclass(frozen=True)
class Case:
    """One event of a message.

    `state` and `reason` are those of the ledger, None where it has no entry of the object. `verdict` is what a redrive
    would come to, as far as the ledger shows it now.
    """

    event_name: str
    scope: str
    state: str | None
    reason: str | None
    verdict: Verdict


@dataclass(frozen=True)
class Diagnosis:
    """One message with its events. `remark` is about the message as a whole."""

    message_id: str
    receive_count: int
    sent_at: datetime | None
    cases: tuple[Case, ...]
    remark: str | None


def diagnose(letters: Sequence[DeadLetter], lake: Lake, layouts: Layouts) -> list[Diagnosis]:
    """Diagnose messages, with one look-up in the ledger for all of them.

    Raises:
        Retryable: the lake does not answer.
    """
    readings = [read_body(letter.body, letter.receive_count) for letter in letters]
    ids = sorted({scope_id(event.scope) for reading in readings for event in reading.events})
    processed = lake.processed_keys(ids)
    reasons = dict(lake.rows(statement(__name__, "newest_entries"), [ids])) if ids else {}
    return [
        Diagnosis(
            message_id=letter.message_id,
            receive_count=letter.receive_count,
            sent_at=letter.sent_at,
            cases=tuple(_case(event, processed, reasons, layouts) for event in reading.events),
            remark=f"No object event: {', '.join(reading.ignored)}." if reading.ignored else None,
        )
        for letter, reading in zip(letters, readings, strict=True)
    ]


def _case(
    event: ObjectEvent, processed: Mapping[str, ProcessedKey], reasons: Mapping[str, str | None], layouts: Layouts
) -> Case:
    key = processed.get(scope_id(event.scope))
    verdict = expected_verdict(event, key, layouts)
    reason = reasons.get(scope_id(event.scope))
    if event.kind is EventKind.UNREADABLE:
        reason = event.problem
    elif not reason and verdict in _UNPROCESSED:
        # No entry and no reason: nothing was ever committed for it, so the ledger cannot tell why.
        reason = NEVER_COMMITTED
    return Case(event.event_name, event.scope, key.state if key else None, reason, verdict)
