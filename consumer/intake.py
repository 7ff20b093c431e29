"""A batch of events: ordinary objects in rounds, then the manifests of exports, one after the other."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from billstream.common.errors import ServiceUnavailable
from billstream.common.settings import DuplicatePolicy
from billstream.consumer.commit.duplicates import freed_by
from billstream.consumer.commit.outcome import Outcome
from billstream.consumer.context import Context
from billstream.consumer.delivery.delivery import Delivery
from billstream.consumer.delivery.order import ManifestTurn, newest_first, turn_of_part, turns_of_arrived
from billstream.consumer.events import EventKind, ObjectEvent
from billstream.consumer.layouts.layout import ManifestOf, PartOf
from billstream.consumer.process import ObjectWork, process, rounds


@dataclass(frozen=True)
class Intake:
    """Processes events with the tools of its context. One for each process."""

    context: Context

    def recover(self) -> None:
        """Find the way back to a lake that did not answer; costs nothing when it did.

        Raises:
            CatalogUnavailable: it still does not answer.
        """
        self.context.lake.reconnect_if_lost()

    def process(self, events: Sequence[ObjectEvent]) -> list[Outcome]:
        """Process every event, or say which have to come again. The outcomes are in the order of the events.

        Raises:
            Retryable: the catalog or the data path does not answer, or a disk is full; events that are not processed
                may come again.
            Fatal: to go on would be wrong.
        """
        refuses = self.context.ownership.refuses
        outcomes = {index: Outcome(event, refused=True) for index, event in enumerate(events) if refuses(event)}
        objects, manifests = self._classify(events, but=outcomes.keys())
        arrived: list[str] = []
        for numbers in rounds([event for _, event in objects]):
            chosen = [objects[number] for number in numbers]
            with self.context.spool.session() as folder:
                work = ObjectWork(self.context, [event for _, event in chosen], folder)
                outcomes.update(zip([index for index, _ in chosen], process(work, self.context), strict=True))
            arrived += work.arrived
        # Manifests come after all else of a batch: by then the ledger knows of the parts that the batch has.
        turns = newest_first(manifests) if manifests else []
        turns += turns_of_arrived(arrived, self.context) if arrived else []
        for turn in turns:
            (outcome,) = process(Delivery(self.context, turn.event, turn.role), self.context)
            outcomes |= {index: outcome.seen_from(events[index]) for index in turn.indices}
            if not any(events[index].scope == turn.event.scope for index in turn.indices):
                outcome.log()  # no event of the batch is about this manifest, so nobody else logs it
        in_order = [outcomes[index] for index in range(len(events))]
        if self.context.on_duplicate_content is DuplicatePolicy.SKIP:
            self._load_freed(in_order)
        return in_order

    def _classify(
        self, events: Sequence[ObjectEvent], but: Collection[int]
    ) -> tuple[list[tuple[int, ObjectEvent]], list[ManifestTurn]]:
        """Split a batch into ordinary objects, with their indices, and manifests; `but` are indices that are left out.

        Asks once what each key means.

        To load an active part of a delivery again is to load its delivery again: a part has no commit of its own.
        """
        objects: list[tuple[int, ObjectEvent]] = []
        turns: list[ManifestTurn] = []
        for index, event in enumerate(events):
            if index in but:
                continue
            role = None if event.kind is EventKind.UNREADABLE else self.context.layouts.role(event.key)
            turn = ManifestTurn(event, role) if isinstance(role, ManifestOf) else None
            if isinstance(role, PartOf) and event.force and event.kind is EventKind.CREATED:
                turn = turn_of_part(event, role, self.context)
            if turn is None:
                objects.append((index, replace(event, part=True) if isinstance(role, PartOf) else event))
                continue
            # Several forced parts of one delivery are one turn of its manifest.
            same = (one for one in turns if event.force and one.event.force and one.event.scope == turn.event.scope)
            known = next(same, None)
            if known is None:
                turns.append(known := turn)
            known.indices.append(index)
        return objects, turns

    def _load_freed(self, outcomes: Sequence[Outcome]) -> None:
        """Load the objects that were skipped for a content which these outcomes have made inactive.

        A process that dies before this is done leaves them skipped; then it is done when a message of the removal comes
        again, and otherwise by a sweep.
        """
        events = freed_by(outcomes, self.context.lake)
        for outcome in self.process(events) if events else ():
            if outcome.unavailable:
                raise ServiceUnavailable(outcome.reason)
            outcome.log()
