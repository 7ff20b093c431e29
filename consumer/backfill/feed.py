"""Events from elsewhere than the queue through the same intake, a micro-batch a commit."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from billstream.consumer.commit.outcome import Outcome
from billstream.consumer.events import ObjectEvent

if TYPE_CHECKING:
    from billstream.common.settings import Settings
    from billstream.common.stop import Stop
    from billstream.consumer.intake import Intake


MOST_TOLD = 100


@dataclass
class Fed:
    """What became of events that were fed. `unsettled` has the first of those that have to be fed again."""

    outcomes: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    rejected: int = 0
    unsettled: list[Outcome] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether every event was settled."""
        return not self.unsettled

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Count a micro-batch."""
        for outcome in outcomes:
            self.outcomes[outcome.label] += 1
            self.rows += outcome.rows_loaded
            self.rejected += outcome.rows_rejected
            if outcome.later and len(self.unsettled) < MOST_TOLD:
                self.unsettled.append(outcome)


@dataclass(frozen=True)
class Feed:
    """Feeds an intake until the events are at their end, or the stop is requested."""

    intake: "Intake"
    settings: "Settings"
    stop: "Stop"

    def run(self, events: Iterable[ObjectEvent]) -> Iterator[list[Outcome]]:
        """Settle the events; yields the outcomes of each micro-batch once it is committed.

        A stop that is requested lets the open batch be finished. What was settled stays settled, so that
        feeding the same events again goes on from there.

        Raises:
            Retryable: the catalog, the data path or the source of the events does not answer.
            Fatal: going on would be wrong.
        """
        for batch in micro_batches(events, self.settings):
            if self.stop.requested:
                return
            yield self.intake.process(batch)


def micro_batches(events: Iterable[ObjectEvent], settings: "Settings") -> Iterator[list[ObjectEvent]]:
    """The events in lists that are as large as the settings let a micro-batch be."""
    batch: list[ObjectEvent] = []
    size = 0
    for event in events:
        batch.append(event)
        size += event.size_bytes or 0
        if len(batch) >= settings.batch_files or size >= settings.batch_bytes:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
