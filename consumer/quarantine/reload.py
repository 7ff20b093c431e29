"""Another attempt at what is in quarantine, once the file, the profile or billstream was corrected."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from billstream.common.texts import counted
from billstream.consumer.backfill.backfill import Backfill
from billstream.consumer.commit.outcome import Outcome
from billstream.consumer.decide.states import UNLOADABLE, State
from billstream.consumer.events import EventKind, ObjectEvent
from billstream.consumer.quarantine.listing import Quarantined
from billstream.consumer.s3.fetch import MISSING_ATTEMPTS

EVENT_NAME = "ObjectCreated:Reload"


@dataclass(frozen=True)
class Reloaded:
    """The result for one object. `complete` is true when nothing of it is in quarantine any more."""

    scope: str
    label: str
    complete: bool
    message: str


def reload_objects(
    items: Sequence[Quarantined], backfill: Backfill, progress: Callable[[int], None] = lambda _: None
) -> list[Reloaded]:
    """Load the current version of each object, in place of what was loaded of it before.

    Args:
        items: objects in quarantine.
        backfill: processes events, of S3 and of local files.
        progress: called with the number of objects of each commit.

    Returns:
        The results; fewer than `items` when the backfill was stopped early.

    Raises:
        Retryable: the lake does not answer; what was loaded stays.
    """
    found: list[Reloaded] = []
    for outcomes in backfill.run(_event(item) for item in items):
        found += [_reloaded(outcome) for outcome in outcomes]
        progress(len(outcomes))
    return found


def _event(item: Quarantined) -> ObjectEvent:
    return ObjectEvent(
        kind=EventKind.CREATED,
        bucket=item.bucket,
        key=item.key,
        event_name=EVENT_NAME,
        # The last attempt at once: an operator who names an object wants to know now, and in the ledger, if it is gone.
        attempt=MISSING_ATTEMPTS,
        force=True,
    )


def _reloaded(outcome: Outcome) -> Reloaded:
    entry = outcome.entry
    if entry is None:
        return Reloaded(outcome.event.scope, outcome.label, complete=False, message=f"not processed: {outcome.reason}")
    state = entry.state.value
    if entry.state in {State.LOADED, State.DELIVERED}:
        message = f"{state}, {counted(outcome.rows_loaded, 'row')}"
        if left := outcome.rows_rejected:
            message += f"; rejected again: {counted(left, 'record')}"
        return Reloaded(entry.scope, state, complete=not left, message=message)
    if entry.state in UNLOADABLE:
        still = "in quarantine" if entry.state is State.QUARANTINED else state
        return Reloaded(entry.scope, state, complete=False, message=f"still {still}: {entry.reason}")
    # Unchanged, removed, skipped and the like leave nothing in quarantine; a missing object is to be looked for.
    return Reloaded(entry.scope, state, complete=entry.state is not State.MISSING, message=f"{state}: {entry.reason}")
