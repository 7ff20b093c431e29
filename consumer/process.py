"""The engine: decide, fetch, stage, commit; all of it again when another consumer was first.

Ordinary objects and deliveries go through the same `process`. Everything slow happens before the transaction: fetching,
checking, decoding. It is kept while the work is redone, so that a redo costs one look at the ledger and one commit.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import structlog

from billstream.common import openlineage, retries
from billstream.common.errors import Denied, Poison, Retryable, WriteConflict
from billstream.common.failpoints import failpoint
from billstream.common.ids import new_id
from billstream.common.lake.guard import scope_id
from billstream.consumer.commit.duplicates import mark_duplicates
from billstream.consumer.commit.ledger import LedgerEntry
from billstream.consumer.commit.outcome import Outcome
from billstream.consumer.commit.unit import Unit
from billstream.consumer.context import Context
from billstream.consumer.decide.decision import Verdict, decide, meant
from billstream.consumer.decide.lookups import reconsider_late
from billstream.consumer.decide.states import State
from billstream.consumer.decide.step import Step
from billstream.consumer.decode import Staged
from billstream.consumer.decode.rejects import RejectedRow
from billstream.consumer.events import Later, ObjectEvent
from billstream.consumer.quality import Broken, shrunken
from billstream.consumer.s3.fetch import Fetcher, ask_current
from billstream.consumer.unit_run import run_of_unit
from billstream.consumer.withholding import attempts_of, withhold

log = structlog.get_logger(__name__)


class Work(Protocol):
    """Events that become one commit: ordinary objects of different keys, or one manifest with all of its parts."""

    @property
    def staged(self) -> Staged:
        """The rows that are staged for the commit."""

    def plan(self) -> tuple[Unit, list[Outcome]]:
        """Look at the ledger, decide, and stage. Returns the commit, and the outcome of each event once it is made."""


def process(work: Work, context: Context) -> list[Outcome]:
    """Plan the work and commit it. The outcomes are in the order of the events.

    Raises:
        Retryable: the catalog or the data path does not answer, or a disk is full; the events may come again.
        Fatal: to go on would be wrong; nothing stays staged unless the commit may have happened. So it is with every
            other exception.
    """
    started = time.monotonic()
    try:
        try:
            return retries.redo_on_conflict(lambda: _attempt(work, context, started))
        except WriteConflict:
            if not work.staged.paths:
                raise
            # To stage a large delivery may have taken all the patience there is: its commit gets as much again.
            return retries.redo_on_conflict(lambda: _attempt(work, context, started))
    except WriteConflict:
        context.staging.discard(work.staged)
        raise
    except BaseException:
        # The commit may have happened all the same, so the staged files must stay.
        if work.staged.paths:
            log.warning("staged_files_left", paths=work.staged.paths)
        raise


def _attempt(work: Work, context: Context, started: float) -> list[Outcome]:
    unit, outcomes = _planned(work, context)
    outcomes = withhold(unit, outcomes, context)
    if not unit.entries:
        return outcomes
    unit.staged_paths = work.staged.paths
    unit.covered = {load_id: load.covered for load_id, load in work.staged.loads.items()}
    unit.broken = _judged(unit, work.staged, context)
    snapshot = unit.commit(context.lake, context.entries.consumer_id, exports=context.exports)
    if context.breaker:
        context.breaker.record(attempts_of(unit))
    seconds, now = time.monotonic() - started, context.entries.clock()
    openlineage.emit(lambda: run_of_unit(unit, work.staged.bindings, context, snapshot, now, seconds))
    return [outcome.committed(snapshot, now, seconds) if outcome.entries else outcome for outcome in outcomes]


def _judged(unit: Unit, staged: Staged, context: Context) -> dict[str, list[Broken]]:
    """Return the rules of quality that new loads break, by themselves and beside what they replace."""
    quality = context.staging.quality
    previous = {
        entry.load_id: entry.previous_load_id
        for entry in unit.entries
        if entry.load_id in staged.loads and entry.previous_load_id and entry.state is State.LOADED
    }
    found = quality.broken(staged.loads)
    for load_id, broken in shrunken(context.lake, quality.rules, staged.loads, previous).items():
        found[load_id] = [*found.get(load_id, ()), *broken]
    return found


def _planned(work: Work, context: Context) -> tuple[Unit, list[Outcome]]:
    try:
        return work.plan()
    except Retryable:
        raise  # what is staged may serve the next attempt
    except Exception:
        context.staging.discard(work.staged)  # no commit has begun, so nothing refers to it
        raise


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


class ObjectWork:
    """The work on events of ordinary objects, each of another scope.

    `arrived` lists, after the commit, the ledger entries about missing parts that have come by now.
    """

    def __init__(self, context: Context, events: Sequence[ObjectEvent], folder: Path) -> None:
        self._context = context
        self._events = events
        self._fetcher = Fetcher(context.objects, context.profiles, folder)
        self._newest: dict[str, str | None] = {}  # scope to its newest entry at the attempt before
        self.staged = Staged()
        self.arrived: list[str] = []

    def plan(self) -> tuple[Unit, list[Outcome]]:
        """See `Work`."""
        lake, postponed = self._context.lake, dict[str, Later]()
        steps = self._with_objects(self._decide(postponed), postponed)
        if any(step.verdict is Verdict.STALE for step in steps):
            steps = reconsider_late(lake, steps)
        steps = mark_duplicates(steps, lake, self._context.on_duplicate_content)
        self._stage(steps)

        unit, outcomes = Unit(), list[Outcome]()
        for step in steps:
            entry = self._context.entries.of_step(step, self.staged)
            if entry:
                load = self.staged.loads.get(step.load_id or "")
                unit.add(entry, step.held, load.rejected if load else _unread_body(entry, step.event))
            later = postponed[step.event.scope] if step.verdict is Verdict.RELEASE else None
            outcomes.append(Outcome(step.event, (entry,) if entry else (), later))
        awaiting = [step.held for step in steps if step.verdict is Verdict.AWAIT and step.held]
        self.arrived = [held.entry_id for held in awaiting if held.state == State.MISSING]
        return unit, outcomes

    def _decide(self, postponed: dict[str, Later]) -> list[Step]:
        """Decide about each event by the ledger, and where that does not suffice, by what the store says is current."""
        found = self._context.lake.processed_keys([scope_id(event.scope) for event in self._events])
        held = {event.scope: found.get(scope_id(event.scope)) for event in self._events}
        newest = {scope: key.entry_id if key else None for scope, key in held.items()}
        # What was fetched was current before the scope has moved on; what is current now is to be fetched.
        for event in self._events:
            if self._newest.get(event.scope, newest[event.scope]) != newest[event.scope]:
                self._fetcher.forget(event.scope)
        self._newest = newest
        steps = [Step(event, held[event.scope], decide(event, held[event.scope])) for event in self._events]
        asking = [step.event for step in steps if step.verdict is Verdict.ASK]
        current = ask_current(self._context.objects, asking) if asking else []
        answers = dict(zip([event.scope for event in asking], current, strict=True))
        for number, step in enumerate(steps):
            answer = answers.get(step.event.scope)
            if isinstance(answer, Later):
                postponed[step.event.scope] = answer
                steps[number] = step.with_verdict(Verdict.RELEASE)
            elif isinstance(answer, Poison):
                verdict = Verdict.DENY if isinstance(answer, Denied) else Verdict.QUARANTINE
                steps[number] = Step(replace(step.event, problem=str(answer)), step.held, verdict)
            elif answer is not None:
                verdict = decide(step.event, step.held, answer)
                event = step.event if verdict is Verdict.STALE else meant(step.event, answer)
                steps[number] = Step(event, step.held, verdict)
        return steps

    def _with_objects(self, steps: list[Step], postponed: dict[str, Later]) -> list[Step]:
        # Of no version: only what is current is ever loaded, whatever version a message names.
        loading = [step.event.of_no_version() for step in steps if step.verdict is Verdict.LOAD]
        with failpoint("fetch"):
            fetched = dict(zip([event.scope for event in loading], self._fetcher.fetch(loading), strict=True))
        for number, step in enumerate(steps):
            prepared = fetched.get(step.event.scope)
            if isinstance(prepared, Later):
                postponed[step.event.scope] = prepared
                steps[number] = step.with_verdict(Verdict.RELEASE)
            elif prepared:
                steps[number] = step.with_content(prepared)
        return steps

    def _stage(self, steps: Sequence[Step]) -> None:
        """Have exactly the steps' loads staged: after a redo, fewer of them than before is the common case."""
        wanted = {step.load_id: step.prepared.tabular for step in steps if step.prepared and step.load_id}
        staged = self.staged.loads.keys() | self.staged.poisoned.keys()
        if wanted.keys() == staged:
            return
        if wanted.keys() < staged:
            self._context.staging.keep_only(self.staged, wanted.keys(), new_id())
            return
        self._context.staging.discard(self.staged)
        with failpoint("stage"):
            self.staged = self._context.stage([tabular for tabular in wanted.values() if tabular])


def _unread_body(entry: LedgerEntry, event: ObjectEvent) -> tuple[RejectedRow, ...]:
    """Keep the body of a message that nobody can read as a rejected record: queryable, and never lost."""
    if event.body is None:
        return ()
    return (RejectedRow(entry.entry_id, None, None, None, (event.body,), event.problem or ""),)
