"""Events of different objects become decisions, objects become staged rows, and all of it becomes one commit.

Everything slow happens before the transaction: fetching, checking, decoding. What is prepared is kept while a
round is redone because another consumer was first, so that a redo costs one look at the ledger and one commit.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from billstream.common import retries
from billstream.common.errors import WriteConflict
from billstream.common.failpoints import failpoint
from billstream.common.ids import new_id
from billstream.common.lake import ProcessedKey
from billstream.common.lake.guard import scope_id
from billstream.consumer.commit.duplicates import with_twins
from billstream.consumer.commit.ledger import LedgerEntry, State
from billstream.consumer.commit.outcome import Outcome, Result
from billstream.consumer.commit.unit import Unit
from billstream.consumer.decide.decision import Verdict, decide, may_withdraw, meant
from billstream.consumer.decide.history import outlived, settled_before
from billstream.consumer.decide.step import Step, with_content
from billstream.consumer.decode import Staged, Tabular
from billstream.consumer.decode.rejects import RejectedRow
from billstream.consumer.delivery.order import of_part
from billstream.consumer.events import EventKind, ObjectEvent
from billstream.consumer.layouts.layout import PartOf
from billstream.consumer.s3.fetch import Preparation, Prepared, Released
from billstream.consumer.s3.head import HeadRequests, Refused, Reply

if TYPE_CHECKING:
    from billstream.consumer.context import Context

log = structlog.get_logger(__name__)


def unread_body(entry: LedgerEntry, event: ObjectEvent) -> tuple[RejectedRow, ...]:
    """The body of a message that nobody can read, as a rejected record: queryable, and never lost."""
    if event.body is None:
        return ()
    return (RejectedRow(entry.entry_id, None, None, None, (event.body,), event.problem or ""),)


def rounds(events: Sequence[ObjectEvent]) -> list[list[int]]:
    """Split events into rounds, in each of which a scope occurs once; a scope's events keep their order.

    Returns:
        The indices of the events of each round.
    """
    found: list[list[int]] = []
    seen: dict[str, int] = {}
    for index, event in enumerate(events):
        number = seen.get(event.scope, 0)
        seen[event.scope] = number + 1
        if number == len(found):
            found.append([])
        found[number].append(index)
    return found


class Round:
    """The work on events of different scopes."""

    def __init__(self, context: "Context", preparation: Preparation, events: Sequence[ObjectEvent]) -> None:
        self._context = context
        self._preparation = preparation
        self._events = events
        self.arrived: list[str] = []  # lines about parts that their manifests missed, and that have come
        self._inquiry = HeadRequests(context.objects)
        self._released: dict[str, Released] = {}
        self._staged = Staged()
        self._entries: dict[str, str | None] = {}  # what the ledger's newest line of each scope was

    def settle(self) -> list[Outcome]:
        """Decide, stage, commit; all of it again when another consumer was first."""
        try:
            return retries.redo_on_conflict(self._attempt)
        except WriteConflict:
            self._context.staging.discard(self._staged)
            raise
        except BaseException:
            # The commit may have happened all the same, so the staged files must stay.
            if self._staged.paths:
                log.warning("staged_files_left", paths=self._staged.paths)
            raise

    def _attempt(self) -> list[Outcome]:
        held = self._context.lake.processed_keys([scope_id(event.scope) for event in self._events])
        self._forget_overtaken(held)
        steps = [self._as_part(step) for step in self._decided(held)]
        steps = self._looked_up(self._with_objects(steps))
        steps = with_twins(steps, self._context.lake, self._context.on_duplicate_content)
        self._stage([step for step in steps if step.load_id])
        unit = Unit()
        outcomes = [self._settle_step(step, unit) for step in steps]
        if not unit.entries:
            return outcomes
        snapshot = self._context.commit(unit, self._staged)
        awaiting = [step.held for step in steps if step.verdict is Verdict.AWAIT and step.held]
        self.arrived = [held.entry_id for held in awaiting if held.state == State.MISSING]
        return [outcome.committed(snapshot) for outcome in outcomes]

    # -- deciding ----------------------------------------------------------------------------------------

    def _forget_overtaken(self, held: Mapping[str, ProcessedKey]) -> None:
        """An event without identity takes what the store has: once its scope has moved on, what it has by now.

        So does the removal of one version, after which another may be current.
        """
        entries = {
            event.scope: key.entry_id if (key := held.get(scope_id(event.scope))) else None for event in self._events
        }
        overtaken = [
            event.scope
            for event in self._events
            if (not event.has_identity or event.kind is EventKind.REMOVED)
            and self._entries.get(event.scope, entries[event.scope]) != entries[event.scope]
        ]
        self._preparation.forget(overtaken)
        self._entries = entries

    def _decided(self, held: Mapping[str, ProcessedKey]) -> list[Step]:
        steps = [self._step(event, held.get(scope_id(event.scope))) for event in self._events]
        asking = [step.event for step in steps if step.verdict is Verdict.ASK]
        replies = dict(zip([event.scope for event in asking], self._inquiry.ask(asking), strict=True))
        return [self._answered(step, reply) if (reply := replies.get(step.event.scope)) else step for step in steps]

    def _step(self, event: ObjectEvent, held: ProcessedKey | None) -> Step:
        return Step(event, held, decide(event, held))

    def _answered(self, step: Step, reply: Reply) -> Step:
        if isinstance(reply, Released):
            return self._release(step.event, step.held, reply)
        if isinstance(reply, Refused):
            return Step(replace(step.event, problem=reply.reason), step.held, Verdict.QUARANTINE)
        event = meant(step.event, reply)
        return Step(event, step.held, decide(event, step.held, reply))

    def _as_part(self, step: Step) -> Step:
        readable = step.event.kind is not EventKind.UNREADABLE
        is_part = readable and isinstance(self._context.exports.layouts.role(step.event.key), PartOf)
        return of_part(step) if is_part else step

    def _with_objects(self, steps: Sequence[Step]) -> list[Step]:
        """The steps, those that load with their object at hand."""
        loading = [step.event for step in steps if step.verdict is Verdict.LOAD]
        with failpoint("fetch"):
            prepared = dict(zip(loading, self._preparation.prepare(loading), strict=True))
        return [self._with_object(step, prepared.get(step.event)) for step in steps]

    def _with_object(self, step: Step, prepared: Prepared | Released | None) -> Step:
        if prepared is None:
            return step
        if isinstance(prepared, Released):
            return self._release(step.event, step.held, prepared)
        return with_content(step, prepared)

    def _release(self, event: ObjectEvent, held: ProcessedKey | None, why: Released) -> Step:
        self._released[event.scope] = why
        return Step(event, held, Verdict.RELEASE)

    def _looked_up(self, steps: Sequence[Step]) -> list[Step]:
        """The steps, those of late news as the whole ledger sees them."""
        stale = [step for step in steps if step.verdict is Verdict.STALE]
        repeated = settled_before(self._context.lake, [step.event for step in stale])
        late = [step for step in stale if step.event not in repeated and not step.delivered]
        removals = [step for step in late if may_withdraw(step.event, step.held)]
        known = dict.fromkeys(repeated, Verdict.DUPLICATE)
        known |= dict.fromkeys(outlived(self._context.lake, removals), Verdict.WITHDRAW)
        return [
            step.with_verdict(known.get(step.event, step.verdict)) if step.verdict is Verdict.STALE else step
            for step in steps
        ]

    # -- staging -----------------------------------------------------------------------------------------

    def _stage(self, loading: Iterable[Step]) -> None:
        """Have exactly these loads staged: after a redo, fewer of them than before is the common case."""
        wanted = {step.load_id: step.prepared.tabular for step in loading if step.prepared and step.load_id}
        staged = self._staged.loads.keys() | self._staged.poisoned.keys()
        if wanted.keys() == staged:
            return
        if wanted.keys() < staged:
            self._context.staging.keep_only(self._staged, wanted.keys(), new_id())
            return
        self._context.staging.discard(self._staged)
        files: list[Tabular] = [tabular for tabular in wanted.values() if tabular]
        with failpoint("stage"):
            self._staged = self._context.staging.stage(files, new_id())

    # -- settling ----------------------------------------------------------------------------------------

    def _settle_step(self, step: Step, unit: Unit) -> Outcome:
        if step.verdict is Verdict.RELEASE:
            why = self._released[step.event.scope]
            return Outcome(step.event, Result.RELEASED, reason=why.reason, unavailable=why.unavailable)
        load = self._staged.loads.get(step.load_id or "")
        poison = self._staged.poisoned.get(step.load_id or "")
        entry = self._context.writer.entry(step, load, poison, self._context.clock())
        if entry is None:
            return Outcome(step.event, Result.DUPLICATE)
        unit.add(entry, step.held, load.rejected if load else unread_body(entry, step.event))
        return Outcome(step.event, Result.SETTLED, entry)
