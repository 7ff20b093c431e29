"""A backfill: events from elsewhere than the queue go through the consumer's intake, one commit a micro-batch."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from billstream.common.settings import Settings
from billstream.common.stop import Stop
from billstream.consumer.commit.outcome import Hindrances, Outcome
from billstream.consumer.events import ObjectEvent, batches
from billstream.consumer.intake import Intake

MOST_LISTED = 100


@dataclass
class BackfillResult:
    """The outcomes of a backfill. `unprocessed` lists the first 100 events that have to be processed again.

    `gone` counts objects that a sweep has found gone, and whose rows stay; `gone_listed` has the first 100 of them.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    rejected: int = 0
    unprocessed: list[Outcome] = field(default_factory=list)
    gone: int = 0
    gone_listed: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """True if no event has to be processed again."""
        return not self.unprocessed

    def merge(self, other: "BackfillResult") -> None:
        """Add the counts of another backfill."""
        self.outcomes += other.outcomes
        self.rows, self.rejected, self.gone = (
            self.rows + other.rows,
            self.rejected + other.rejected,
            self.gone + other.gone,
        )
        self.unprocessed = [*self.unprocessed, *other.unprocessed][:MOST_LISTED]
        self.gone_listed = [*self.gone_listed, *other.gone_listed][:MOST_LISTED]

    def add_gone(self, scope: str) -> None:
        """Count an object that is gone, and whose rows stay."""
        self.gone += 1
        if len(self.gone_listed) < MOST_LISTED:
            self.gone_listed.append(scope)

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Count the outcomes of a micro-batch."""
        for outcome in outcomes:
            self.outcomes[outcome.label] += 1
            self.rows += outcome.rows_loaded
            self.rejected += outcome.rows_rejected
            # A store that is down fails every event of a large bucket: a list of all of them would fill the memory.
            if outcome.later and len(self.unprocessed) < MOST_LISTED:
                self.unprocessed.append(outcome)


@dataclass(frozen=True)
class Backfill:
    """Passes events to an intake until there are no more, or the stop is requested."""

    intake: Intake
    settings: Settings
    stop: Stop

    def run(self, events: Iterable[ObjectEvent]) -> Iterator[list[Outcome]]:
        """Process the events; yield the outcomes of each micro-batch once it is committed.

        A requested stop lets the open micro-batch finish. What is committed stays, so a second run over the same
        events continues where this one ended.

        Raises:
            Retryable: the catalog, the data path or the source of the events does not answer.
            Held: at the end, when all objects of a batch have failed, so that none is at fault.
            Fatal: going on would be wrong. The outcomes of all other objects of the batch were yielded before.
        """
        settings = self.settings
        hindrances = Hindrances()
        for batch in batches(
            events,
            settings.batch_files,
            most_bytes=settings.batch_bytes,
            size_bytes=lambda event: event.size_bytes or 0,
        ):
            # Asked before the commit, not after it: a listing may take minutes to fill a batch.
            if self.stop.requested:
                return
            outcomes = self.intake.process(batch)
            yield outcomes
            hindrances.meet(outcomes)
        hindrances.leave()
