"""Another try for what is in quarantine, once the file, the profile or billstream has been mended."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from billstream.consumer.commit.ledger import State
from billstream.consumer.events import EventKind, ObjectEvent
from billstream.consumer.s3.fetch import MISSING_ATTEMPTS

if TYPE_CHECKING:
    from billstream.cli.quarantine.listing import Quarantined
    from billstream.consumer.backfill.backfill import Backfill
    from billstream.consumer.commit.outcome import Outcome

EVENT_NAME = "ObjectCreated:Reload"


@dataclass(frozen=True)
class Reloaded:
    """What became of one object. `mended` tells that nothing of it is in quarantine any more."""

    scope: str
    label: str
    mended: bool
    told: str


def reload_objects(
    items: Sequence["Quarantined"], feed: "Backfill", progress: Callable[[int], None] = lambda _: None
) -> list[Reloaded]:
    """Load what the store has now of each object, in the place of what was loaded of it before.

    Args:
        items: objects in quarantine.
        feed: settles events, of S3 and of local files.
        progress: told how many objects each commit had.

    Returns:
        What became of each object that was settled; fewer than `items` when the feed was told to stop.

    Raises:
        Retryable: the lake does not answer; what was loaded stays.
    """
    found: list[Reloaded] = []
    for outcomes in feed.run(_event(item) for item in items):
        found += [_reloaded(outcome) for outcome in outcomes]
        progress(len(outcomes))
    return found


def _event(item: "Quarantined") -> ObjectEvent:
    # Whoever asks for it by name wants to know now, and in the ledger, that it is not there.
    return ObjectEvent(
        kind=EventKind.CREATED,
        bucket=item.bucket,
        key=item.key,
        event_name=EVENT_NAME,
        attempt=MISSING_ATTEMPTS,
        force=True,
    )


def _reloaded(outcome: "Outcome") -> Reloaded:
    entry = outcome.entry
    if entry is None:
        return Reloaded(outcome.event.scope, outcome.label, mended=False, told=f"not settled: {outcome.reason}")
    if entry.state in {State.LOADED, State.DELIVERED}:
        told = f"{entry.state.value}, {outcome.rows_loaded:,} rows"
        if left := outcome.rows_rejected:
            told += f"; {left:,} records still do not fit"
        return Reloaded(entry.scope, entry.state.value, mended=not left, told=told)
    if entry.state is State.QUARANTINED:
        return Reloaded(entry.scope, entry.state.value, mended=False, told=f"still in quarantine: {entry.reason}")
    mended = entry.state is not State.MISSING
    return Reloaded(entry.scope, entry.state.value, mended=mended, told=f"{entry.state.value}: {entry.reason}")
