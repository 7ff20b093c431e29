"""Look-ups of the full ledger about events that are older than what is active."""

from collections.abc import Sequence

from billstream.common.lake import Lake
from billstream.common.lake.guard import scope_id
from billstream.consumer.decide.decision import Verdict
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
    """Return the steps; those of late events that are redeliveries are duplicates."""
    repeated = processed_before(lake, [step.event for step in steps if step.verdict is Verdict.STALE])
    return [
        step.with_verdict(Verdict.DUPLICATE) if step.verdict is Verdict.STALE and step.event in repeated else step
        for step in steps
    ]
