"""Look-ups of the full ledger about events that are older than what is active."""

from collections.abc import Sequence
from dataclasses import replace

from billstream.common.lake import Lake
from billstream.common.lake.guard import scope_id
from billstream.consumer.decide.decision import Order, Verdict, may_withdraw, order
from billstream.consumer.decide.step import Step
from billstream.consumer.events import ObjectEvent


def processed_before(lake: Lake, events: Sequence[ObjectEvent]) -> set[ObjectEvent]:
    """Return those of `events` that some entry of the ledger is about already: late redeliveries."""
    entries = lake.rows(
        "SELECT scope_id, event_name, version_id, etag, sequencer FROM ledger WHERE list_contains(?, scope_id)",
        [[scope_id(event.scope) for event in events]],
    )
    known = set(entries)
    return {
        event
        for event in events
        if (scope_id(event.scope), event.event_name, event.version_id, event.etag, event.sequencer) in known
    }


def reconsider_late(lake: Lake, steps: Sequence[Step]) -> list[Step]:
    """Return the steps, those of late events as the full ledger sees them.

    A late event may be a redelivery. And a late removal may still be newer than the active rows: a version that cannot
    be loaded leaves the rows of the one before it active. If the object was removed between the two and the removal is
    delivered last, these rows belong to an object that nobody overwrote but somebody removed.
    """
    late = [step for step in steps if step.verdict is Verdict.STALE]
    repeated = processed_before(lake, [step.event for step in late])
    removals = {
        step.held.load_id: step
        for step in late
        if step.event not in repeated
        and not step.event.part
        and may_withdraw(step.event, step.held)
        and step.held
        and step.held.load_id
    }
    known = dict.fromkeys(repeated, Verdict.DUPLICATE)
    if removals:
        entries = lake.rows("SELECT entry_id, sequencer FROM ledger WHERE list_contains(?, entry_id)", [list(removals)])
        for load_id, sequencer in entries:
            step = removals[load_id]
            if step.held and order(step.event, replace(step.held, sequencer=sequencer)) is Order.NEWER:
                known[step.event] = Verdict.WITHDRAW
    return [
        step.with_verdict(known.get(step.event, step.verdict)) if step.verdict is Verdict.STALE else step
        for step in steps
    ]
