"""Manifests take their turns after all else of a batch: what the batch brings of their parts is remembered by then."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from billstream.common.lake.guard import scope_id
from billstream.consumer.commit.ledger import State
from billstream.consumer.commit.outcome import Outcome
from billstream.consumer.decide.decision import SETTLED, Verdict
from billstream.consumer.decide.step import Step
from billstream.consumer.delivery.delivery import DeliveryRound
from billstream.consumer.delivery.history import Line, manifest_of, manifests_waiting
from billstream.consumer.events import EventKind, ObjectEvent
from billstream.consumer.layouts.layout import ManifestOf, PartOf
from billstream.consumer.s3.fetch import MISSING_ATTEMPTS

if TYPE_CHECKING:
    from billstream.consumer.context import Context

_NEVER = datetime.min.replace(tzinfo=UTC)
ARRIVED = "ObjectCreated:PartArrived"


@dataclass
class Turn:
    """One event of a manifest, and the indices of the events of the batch that it settles."""

    event: ObjectEvent
    role: ManifestOf
    indices: list[int] = field(default_factory=list)

    def settle(self, events: Sequence[ObjectEvent], context: "Context") -> dict[int, Outcome]:
        """Settle the manifest; returns the outcomes of the events of the batch, by index."""
        outcome = DeliveryRound(context, self.event, self.role).settle()
        outcomes = {index: outcome.seen_from(events[index]) for index in self.indices}
        if not any(events[index].scope == self.event.scope for index in self.indices):
            outcome.log()  # nobody else will
        return outcomes


def take_turns(events: Sequence[ObjectEvent], context: "Context") -> tuple[list[int], list[Turn]]:
    """Part a batch: the indices of the events that rounds settle, and the turns of the manifests.

    To load a part of the delivery in force again is to load its delivery again: a part has no commit of its own.
    """
    ordinary: list[int] = []
    turns: list[Turn] = []
    forced: dict[str, Turn] = {}
    for index, event in enumerate(events):
        turn = _turn(event, context)
        if turn is None:
            ordinary.append(index)
            continue
        known = forced.setdefault(turn.event.scope, turn) if turn.event.force else turn
        known.indices.append(index)
        if known is turn:
            turns.append(turn)
    return ordinary, newest_first(turns)


def newest_first(turns: list[Turn]) -> list[Turn]:
    """The turns, those of the newest manifests first: of many deliveries of one month only one is to be brought.

    Where two are about one manifest, or one is about a removal, they stay as they were told.
    """
    created = all(turn.event.kind is EventKind.CREATED for turn in turns)
    if not created or len({turn.event.scope for turn in turns}) < len(turns):
        return turns
    return sorted(turns, key=lambda turn: turn.event.event_time or _NEVER, reverse=True)


def turns_of_arrived(entry_ids: Sequence[str], context: "Context") -> list[Turn]:
    """The turns of manifests in quarantine that waited for parts that have now come.

    Args:
        entry_ids: the ledger's lines that had told of these parts as missing.
        context: lends its tools.
    """
    waiting = manifests_waiting(context.lake, entry_ids)
    standing = context.lake.processed_keys([scope_id(line.scope) for line, _ in waiting])
    turns = []
    for line, entry_id in waiting:
        key = standing.get(scope_id(line.scope))
        role = context.exports.layouts.role(line.key)
        if isinstance(role, ManifestOf) and key and key.entry_id == entry_id:
            turns.append(Turn(_anew(line, ARRIVED, attempt=MISSING_ATTEMPTS), role))
    return turns


def of_part(step: Step) -> Step:
    """What a round does about a part of a delivery: it remembers that it came, or went. Its manifest does the rest."""
    if step.verdict is Verdict.REMOVE:
        # Of a part that its manifest misses, a sweep tells that it is gone: the manifest goes on waiting for it.
        missed = step.held is not None and step.held.state == State.MISSING
        return step.with_verdict(Verdict.DUPLICATE) if missed else step.of_delivery()
    if step.verdict is not Verdict.LOAD:
        return step
    known = step.held is not None and step.held.state in SETTLED
    nothing_new = known and not step.event.has_identity and not step.event.force
    return step.with_verdict(Verdict.DUPLICATE if nothing_new else Verdict.AWAIT)


def _turn(event: ObjectEvent, context: "Context") -> Turn | None:
    role = context.exports.layouts.role(event.key) if event.kind is not EventKind.UNREADABLE else None
    if isinstance(role, ManifestOf):
        return Turn(event, role)
    if isinstance(role, PartOf) and event.force and event.kind is EventKind.CREATED:
        return _turn_of_part(event, role, context)
    return None


def _turn_of_part(event: ObjectEvent, part: PartOf, context: "Context") -> Turn | None:
    scopes = (event.scope, part.place.scope(event.bucket))
    found = context.lake.processed_keys([scope_id(scope) for scope in scopes])
    held, delivery = (found.get(scope_id(scope)) for scope in scopes)
    if held is None or held.load_id is None or delivery is None or delivery.load_id is None:
        return None
    line = manifest_of(context.lake, delivery.load_id)
    role = context.exports.layouts.role(line.key) if line else None
    if line is None or not isinstance(role, ManifestOf):
        return None
    return Turn(_anew(line, event.event_name, attempt=event.attempt, force=True), role)


def _anew(line: Line, event_name: str, *, attempt: int, force: bool = False) -> ObjectEvent:
    return ObjectEvent(
        kind=EventKind.CREATED,
        bucket=line.bucket,
        key=line.key,
        event_name=event_name,
        attempt=attempt,
        force=force,
    )
