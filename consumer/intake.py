"""A batch of events: ordinary objects in rounds, then the manifests of exports, one after the other."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from billstream.common.errors import Fatal, Retryable, ServiceUnavailable
from billstream.common.policies import DuplicatePolicy
from billstream.consumer.commit.duplicates import freed_by
from billstream.consumer.commit.outcome import Outcome
from billstream.consumer.context import Context
from billstream.consumer.delivery.delivery import Delivery
from billstream.consumer.delivery.order import ManifestTurn, newest_first, turn_of_part, turns_of_arrived
from billstream.consumer.delivery.run import Run
from billstream.consumer.events import EventKind, ObjectEvent
from billstream.consumer.isolation import FailedObjects, Suspects, log_traceback, take_apart, waits
from billstream.consumer.layouts.layout import ManifestOf, PartOf, RunOf
from billstream.consumer.process import ObjectWork, process, rounds


@dataclass(frozen=True)
class Intake:
    """Processes events with the tools of its context. One for each process."""

    context: Context
    suspects: Suspects = field(default_factory=Suspects)

    def recover(self) -> None:
        """Prepare the lake for the next batch: the way back if it did not answer, a new engine after many snapshots.

        Raises:
            CatalogUnavailable: it still does not answer.
        """
        self.context.lake.begin_work()

    def process(self, events: Sequence[ObjectEvent]) -> list[Outcome]:
        """Process every event, or say which have to come again. The outcomes are in the order of the events.

        An error that is no `Retryable` is an outcome, too, once all others are processed: that an object has failed, or
        `Later` with what the process has to do about it.

        Raises:
            Retryable: the catalog or the data path does not answer, or a disk is full; events that are not processed
                may come again.
        """
        refuses = self.context.ownership.refuses
        outcomes = {index: Outcome(event, refused=True) for index, event in enumerate(events) if refuses(event)}
        errors: dict[int, Exception] = {}
        objects, manifests = self._classify(events, errors, but=outcomes.keys())
        arrived: list[str] = []

        def process_objects(chosen: Sequence[tuple[int, ObjectEvent]]) -> None:
            with self.context.spool.session() as folder:
                work = ObjectWork(self.context, [event for _, event in chosen], folder)
                outcomes.update(zip([index for index, _ in chosen], process(work, self.context), strict=True))
            arrived.extend(work.arrived)

        def process_manifest(turns: Sequence[ManifestTurn]) -> None:
            for turn in turns:
                work = Run if isinstance(turn.role, RunOf) else Delivery
                (outcome,) = process(work(self.context, turn.event, turn.role), self.context)
                outcomes.update({index: outcome.seen_from(events[index]) for index in turn.indices})
                if not any(events[index].scope == turn.event.scope for index in turn.indices):
                    outcome.log()  # no event of the batch is about this manifest, so nobody else logs it

        for numbers in rounds([event for _, event in objects]):
            chosen = [objects[number] for number in numbers]
            errors |= {chosen[number][0]: error for number, error in take_apart(chosen, process_objects).items()}
        # Manifests come after all else of a batch: by then the ledger knows of the parts that the batch has.
        turns = newest_first(manifests) if manifests else []
        turns += turns_of_arrived(arrived, self.context) if arrived else []
        for turn in turns:
            for error in take_apart([turn], process_manifest).values():
                errors |= dict.fromkeys(turn.indices, error)
                if not turn.indices:
                    log_traceback(turn.event.scope, error)
        outcomes |= self._explained(events, errors, loaded=sum(outcome.loaded for outcome in outcomes.values()))
        in_order = [outcomes[index] for index in range(len(events))]
        if self.context.on_duplicate_content is DuplicatePolicy.SKIP:
            self._load_freed(in_order)
        return in_order

    def _classify(
        self, events: Sequence[ObjectEvent], errors: dict[int, Exception], but: Collection[int]
    ) -> tuple[list[tuple[int, ObjectEvent]], list[ManifestTurn]]:
        """Split a batch into ordinary objects, with their indices, and manifests; `but` are indices that are left out.

        Asks once what each key means.

        To load an active part of a delivery again is to load its delivery again: a part has no commit of its own.
        """
        objects: list[tuple[int, ObjectEvent]] = []
        turns: list[ManifestTurn] = []

        def classify(chosen: Sequence[int]) -> None:
            for index in chosen:
                event = events[index]
                role = None if event.kind is EventKind.UNREADABLE else self.context.layouts.role(event.key)
                turn = ManifestTurn(event, role) if isinstance(role, ManifestOf | RunOf) else None
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

        for index in [index for index in range(len(events)) if index not in but]:
            if error := take_apart([index], classify).get(0):
                errors[index] = error
        return objects, turns

    def _explained(
        self, events: Sequence[ObjectEvent], errors: Mapping[int, Exception], *, loaded: int
    ) -> dict[int, Outcome]:
        """Return the outcomes of the events that failed. An object at fault is written down as failed."""
        by_scope = {events[index].scope: error for index, error in errors.items()}
        at_fault = self.suspects.are_at_fault(by_scope, loaded=loaded)
        outcomes = {index: waits(events[index], error) for index, error in errors.items()}
        failed = {events[index].scope: index for index in errors if at_fault[events[index].scope]}
        for scope, error in by_scope.items():
            log_traceback(scope, error)
        if failed:
            work = FailedObjects(self.context, [(events[index], errors[index]) for index in failed.values()])
            try:
                outcomes.update(zip(failed.values(), process(work, self.context), strict=True))
            except Retryable:
                raise
            except Exception as error:  # noqa: BLE001 - that of the catalog itself, after the others were processed
                outcomes.update({index: waits(events[index], Fatal(str(error))) for index in failed.values()})
        return outcomes

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
