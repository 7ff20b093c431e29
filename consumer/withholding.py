"""The last question before a commit: which entries may not become true, because no object is at fault.

An object that cannot be loaded is written down as such only on evidence that others can be. Its event comes again until
then, or ends the process; all else of the unit is committed.
"""

from collections.abc import Sequence
from dataclasses import replace

import structlog

from billstream.common.errors import Fatal, ObjectMissing, Poison, ServiceUnavailable
from billstream.common.ids import new_id
from billstream.common.statements import statement
from billstream.consumer.commit.breaker import Attempt, prefix_of
from billstream.consumer.commit.ledger import LedgerEntry
from billstream.consumer.commit.outcome import Outcome
from billstream.consumer.commit.unit import Unit
from billstream.consumer.context import Context
from billstream.consumer.decide.states import State
from billstream.consumer.events import FILE_BUCKET, EventKind, Later, ObjectEvent

_TRIED = frozenset({State.LOADED, State.DELIVERED, State.QUARANTINED})
_READABLE = frozenset({State.LOADED, State.QUARANTINED, State.UNCHANGED, State.SKIPPED})

log = structlog.get_logger(__name__)


def withhold(unit: Unit, outcomes: Sequence[Outcome], context: Context) -> list[Outcome]:
    """Take out of a unit what may not be committed. Returns the outcomes, those of the entries taken out as `Later`."""
    held = _held_by_breaker(unit, context) | _denied_with_all_others(unit, context)
    if not held:
        return list(outcomes)
    found = []
    for outcome in outcomes:
        later = held.get(outcome.entry.entry_id) if outcome.entry else None
        if later:
            unit.take_out(outcome.entries)
        found.append(replace(outcome, entries=(), later=later) if later else outcome)
    return found


def attempts_of(unit: Unit) -> list[Attempt]:
    """Return, for the breaker, each object that was to be loaded. Parts of a delivery count as their manifest."""
    return [
        Attempt(prefix_of(entry.bucket, entry.key), entry.profile, entry.state is not State.QUARANTINED)
        for entry in unit.entries
        if entry.state in _TRIED and (entry.delivery_id is None or entry.state is not State.LOADED)
    ]


def _held_by_breaker(unit: Unit, context: Context) -> dict[str, Later]:
    reason = context.breaker.check(attempts_of(unit)) if context.breaker else None
    if reason is None:
        return {}
    unreadable = [entry for entry in unit.entries if entry.state is State.QUARANTINED]
    for entry in unreadable:
        log.warning("object_unreadable", scope=entry.scope, reason=entry.reason)
    return {entry.entry_id: Later(reason, holding=True) for entry in unreadable}


def _denied_with_all_others(unit: Unit, context: Context) -> dict[str, Later]:
    """Return what becomes of denied objects in whose bucket nothing can be read: then a permission is missing."""
    denied = [entry for entry in unit.entries if entry.state is State.DENIED and entry.bucket != FILE_BUCKET]
    held: dict[str, Later] = {}
    for bucket in sorted({entry.bucket for entry in denied}):
        here = [entry for entry in denied if entry.bucket == bucket]
        try:
            if _another_is_readable(bucket, here, unit, context):
                continue
        except ServiceUnavailable as error:
            held |= {entry.entry_id: Later(str(error), unavailable=True) for entry in here}
            continue
        for entry in here:
            reason = f"{entry.reason} No other object of the bucket {bucket} can be read either."
            held[entry.entry_id] = Later(reason, fatal=Fatal(reason))
    return held


def _another_is_readable(bucket: str, denied: Sequence[LedgerEntry], unit: Unit, context: Context) -> bool:
    """Read another object of the bucket now. What was read before the refusal proves nothing: a permission may go.

    Small ones first, those of this unit before those that the ledger knows.
    """
    refused = {entry.scope for entry in denied}
    here = [entry for entry in unit.entries if entry.bucket == bucket and entry.state in _READABLE]
    keys = [entry.key for entry in sorted(here, key=lambda entry: entry.size_bytes or 0)[:2]]
    keys += [key for (key,) in context.lake.rows(statement(__name__, "readable"), [bucket, sorted(refused)])]
    with context.spool.session() as folder:
        for key in keys:
            event = ObjectEvent(kind=EventKind.CREATED, bucket=bucket, key=key, event_name="probe")
            try:
                context.objects.fetch(event, folder / new_id())
            except (ObjectMissing, Poison):
                continue
            return True
    return False
