"""A batch of events: those of ordinary objects in rounds, then the manifests of exports, each in its turn."""

from collections.abc import Sequence
from dataclasses import dataclass

from billstream.common.errors import ServiceUnavailable
from billstream.common.settings import DuplicatePolicy
from billstream.consumer.commit.duplicates import freed_by
from billstream.consumer.commit.outcome import Outcome
from billstream.consumer.context import Context
from billstream.consumer.delivery.order import take_turns, turns_of_arrived
from billstream.consumer.events import ObjectEvent
from billstream.consumer.s3.fetch import Preparation
from billstream.consumer.settle import Round, rounds


@dataclass(frozen=True)
class Intake(Context):
    """Settles events with the tools of its context. One for each process."""

    def recover(self) -> None:
        """Find the way back to a lake that did not answer; costs nothing when it did.

        Raises:
            CatalogUnavailable: it still does not answer.
        """
        self.lake.reconnect_if_lost()

    def settle(self, events: Sequence[ObjectEvent]) -> list[Outcome]:
        """Settle every event, or say which have to come again. The outcomes are in the order of the events.

        Raises:
            Retryable: the catalog or the data path does not answer, or a disk is full; what is not settled may come
                again.
            Fatal: going on would be wrong.
        """
        outcomes: dict[int, Outcome] = {}
        ordinary, turns = take_turns(events, self)
        arrived: list[str] = []
        for numbers in rounds([events[index] for index in ordinary]):
            indices = [ordinary[number] for number in numbers]
            with self.spool.session() as session:
                preparation = Preparation(self.objects, self.profiles, session)
                round_ = Round(self, preparation, [events[index] for index in indices])
                outcomes.update(zip(indices, round_.settle(), strict=True))
            arrived += round_.arrived
        for turn in [*turns, *turns_of_arrived(arrived, self)]:
            outcomes |= turn.settle(events, self)
        in_order = [outcomes[index] for index in range(len(events))]
        if self.on_duplicate_content is DuplicatePolicy.SKIP:
            self._load_freed(in_order)
        return in_order

    def _load_freed(self, outcomes: Sequence[Outcome]) -> None:
        """Have the objects loaded whose content these outcomes took out of force, where they had been skipped for it.

        A process that dies before this is done leaves them skipped; then it is done when a message of the removal comes
        again, and otherwise by a sweep.
        """
        events = freed_by(outcomes, self.lake)
        for outcome in self.settle(events) if events else ():
            if outcome.unavailable:
                raise ServiceUnavailable(outcome.reason)
            outcome.log()
