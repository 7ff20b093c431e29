"""What the ledger remembers of events that are older than what is in force."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from common.lake.guard import scope_id
from consumer.events import ObjectEvent

if TYPE_CHECKING:
    from common.lake import Lake


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
