"""What the ledger remembers of events that are older than what is in force."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from billstream.common.lake.guard import scope_id
from billstream.consumer.decide.decision import Order, order
from billstream.consumer.events import ObjectEvent

if TYPE_CHECKING:
    from billstream.common.lake import Lake
    from billstream.consumer.decide.step import Step


def settled_before(lake: "Lake", events: Sequence[ObjectEvent]) -> set[ObjectEvent]:
    """Those of `events` that some line of the ledger speaks of already: late redeliveries."""
    if not events:
        return set()
    marks = ", ".join("?" for _ in events)
    lines = lake.rows(
        f"SELECT scope_id, event_name, version_id, etag, sequencer FROM ledger WHERE scope_id IN ({marks})",
        [scope_id(event.scope) for event in events],
    )
    known = set(lines)
    return {
        event
        for event in events
        if (scope_id(event.scope), event.event_name, event.version_id, event.etag, event.sequencer) in known
    }


def outlived(lake: "Lake", removals: Sequence["Step"]) -> set[ObjectEvent]:
    """The events of those late removals that are still newer than the rows in force.

    A version that cannot be loaded leaves the rows of the one before it in force. When the object was removed between
    the two, and that is told last, these rows are of an object that nobody overwrote but somebody removed.
    """
    rows = {step.held.load_id: step for step in removals if step.held and step.held.load_id}
    if not rows:
        return set()
    marks = ", ".join("?" for _ in rows)
    lines = lake.rows(f"SELECT entry_id, sequencer FROM ledger WHERE entry_id IN ({marks})", list(rows))
    found = set()
    for load_id, sequencer in lines:
        step = rows[load_id]
        if step.held and order(step.event, replace(step.held, sequencer=sequencer)) is Order.NEWER:
            found.add(step.event)
    return found
