"""Why a message is in the dead-letter queue, as far as its body and the ledger tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from billstream.common.lake.guard import scope_id
from billstream.common.statements import statement
from billstream.consumer.backfill.replay import expected_verdict
from billstream.consumer.decide.decision import Verdict
from billstream.consumer.events import EventKind, ObjectEvent
from billstream.consumer.sqs.dead_letters import DeadLetter
from billstream.consumer.sqs.envelope import read_body

if TYPE_CHECKING:
    from billstream.common.lake import Lake, ProcessedKey
    from billstream.consumer.layouts.registry import Layouts

_MEANING = {
    Verdict.LOAD: "would be loaded",
    Verdict.REMOVE: "would be removed",
    Verdict.UNCHANGED: "would change nothing: its content is in force",
    Verdict.DUPLICATE: "would change nothing: it is settled",
    Verdict.STALE: "would change nothing: something newer is in force",
    Verdict.QUARANTINE: "would be quarantined",
    Verdict.AWAIT: "is a part of a delivery: its manifest would bring it",
    Verdict.ASK: "would be decided by what S3 has by then",
}
_NEVER_SETTLED = (
    "Every receive of it ended without a commit: the consumer's log says why (object_released, or a crash)."
)


@dataclass(frozen=True)
class Case:
    """One event of a message. `state` and `reason` are the ledger's, None where it has no line about the object."""

    event_name: str
    scope: str
    state: str | None
    reason: str | None
    redriven: str


@dataclass(frozen=True)
class Diagnosis:
    """One message. `remark` is what there is to say of it as a whole."""

    message_id: str
    receive_count: int
    sent_at: datetime | None
    cases: tuple[Case, ...]
    remark: str | None


def diagnose(letters: Sequence[DeadLetter], lake: "Lake", layouts: "Layouts") -> list[Diagnosis]:
    """What there is to know of each message, with one look at the ledger."""
    readings = [read_body(letter.body, letter.receive_count) for letter in letters]
    ids = sorted({scope_id(event.scope) for reading in readings for event in reading.events})
    held = lake.processed_keys(ids)
    reasons = {key: reason for key, reason, _ in lake.rows(statement(__name__, "newest_lines"), [ids])} if ids else {}
    return [
        Diagnosis(
            message_id=letter.message_id,
            receive_count=letter.receive_count,
            sent_at=letter.sent_at,
            cases=tuple(_case(event, held, reasons, layouts) for event in reading.events),
            remark=f"No object event: {', '.join(reading.ignored)}." if reading.ignored else None,
        )
        for letter, reading in zip(letters, readings, strict=True)
    ]


def _case(
    event: ObjectEvent, held: "dict[str, ProcessedKey]", reasons: dict[str, str | None], layouts: "Layouts"
) -> Case:
    key = held.get(scope_id(event.scope))
    verdict = expected_verdict(event, key, layouts)
    unsettled = verdict in {Verdict.LOAD, Verdict.REMOVE, Verdict.AWAIT, Verdict.ASK}
    return Case(
        event_name=event.event_name,
        scope=event.scope,
        state=key.state if key else None,
        reason=_reason(event, reasons, unsettled=unsettled),
        redriven=_MEANING.get(verdict, verdict.value),
    )


def _reason(event: ObjectEvent, reasons: dict[str, str | None], *, unsettled: bool) -> str | None:
    if event.kind is EventKind.UNREADABLE:
        return event.problem
    return reasons.get(scope_id(event.scope)) or (_NEVER_SETTLED if unsettled else None)
