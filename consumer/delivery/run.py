"""The work on one run of an export without manifests: its one file replaces the run before of the same period.

A run has the charges of the period up to its day. So the days of its rows tell its place among the runs, and where they
are equal, the time of its file: exports get copied, and a copy's time is that of the copying.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from billstream.common.errors import Poison
from billstream.common.lake import ProcessedKey
from billstream.common.policies import RemovalPolicy
from billstream.common.statements import statement
from billstream.consumer.commit.ledger import LedgerEntry
from billstream.consumer.decide.states import State
from billstream.consumer.delivery.delivery import Changes, Delivery, Held
from billstream.consumer.delivery.history import parts_of
from billstream.consumer.delivery.order import time_digits
from billstream.consumer.delivery.parts import Part
from billstream.consumer.events import Gone, Later, ObjectEvent, ObjectVersion
from billstream.consumer.layouts.manifest import Manifest, NamedPart

_REMEDY = (
    "The rows of the run before stay. If this file is the whole period so far all the same, run: billstream quarantine "
    "reload"
)


@dataclass(frozen=True)
class Days:
    """The first and the last day of the charges of a run; None where it has none, or where the ledger does not tell."""

    first: date | None
    last: date | None


class Run(Delivery):
    """The work on one event of a run. See `consumer.process.Work`."""

    def _read(self, event: ObjectEvent) -> tuple[ObjectVersion, Manifest]:
        """Return the object itself as the one part of a delivery."""
        current = self._current()
        if isinstance(current, Gone):
            raise Later(f"The object {event.key} is not there.", missing=event)
        return current, Manifest((NamedPart(event.key, None, overwritten=False),), current.last_modified)

    def _comes_late(self, time: datetime, active: ProcessedKey, event: ObjectEvent) -> bool:
        # Where a run is active, the days of the rows tell.
        return active.load_id is None and super()._comes_late(time, active, event)

    def _replace(
        self, event: ObjectEvent, held: Held, active: Held, parts: Sequence[Part], *, time: datetime, digest: str
    ) -> Changes:
        """Return the entries that put a run in the place of the one before, that of the object first.

        Raises:
            Poison: the run lacks days that the one before has, so it may be a part of a run only.
        """
        (part,) = parts
        # What the event tells of the order of the object's versions stays known.
        part = replace(part, event=replace(part.event, sequencer=event.sequencer))
        new = self._done.load(part)
        if active and active.load_id and new and part.load_id != active.load_id:
            mine, before = Days(new[1].first_charge_day, new[1].last_charge_day), self._days(active.load_id)
            if _is_older(mine, before, time_digits(time), active):
                return self._late(event, Manifest((), time), held, active)
            if not event.force:
                _check_covers(mine, before)
        changes = super()._replace(event, held, active, [part], time=time, digest=digest)
        return sorted(changes, key=lambda change: change[0].scope != event.scope)

    def _own(self, _event: ObjectEvent, _held: Held, _delivery_id: str) -> Changes:
        return []  # the object is the part

    def _late(self, event: ObjectEvent, manifest: Manifest, held: Held, active: ProcessedKey) -> Changes:
        # No other object waits for it.
        return super()._late(event, replace(manifest, parts=()), held, active)

    def _made(self, delivery_id: str) -> bool:
        return any(name.scope == self._event.scope for name in parts_of(self._context.lake, delivery_id))

    def _manifest(
        self,
        event: ObjectEvent,
        held: Held,
        state: State,
        *,
        reason: str | None = None,
        delivery_id: str | None = None,
    ) -> tuple[LedgerEntry, Held]:
        """Return the entry of the object. Its rows are its own, and stay unless it is removed."""
        entries = self._context.entries
        removed = state is State.REMOVED and entries.on_removed is not RemovalPolicy.KEEP
        told = reason.removeprefix(f"The part {event.key} cannot be loaded: ") if reason else None
        # Of the entries with rows, those that name a delivery are its parts, and this run is one already.
        named = None if state is State.UNCHANGED else delivery_id
        entry = entries.entry(event, held, state, keeps_rows=not removed, reason=told, delivery_id=named)
        return entry, held

    def _days(self, delivery_id: str) -> Days:
        ((first, last),) = self._context.lake.rows(statement(__name__, "days"), [delivery_id])
        return Days(first, last)


def _is_older(mine: Days, before: Days, time: str, active: ProcessedKey) -> bool:
    """Return whether a run was made before the active one: by its last day, else by the time of its file."""
    if mine.first is None or mine.last is None or before.first is None or before.last is None:
        return active.sequencer is not None and time < active.sequencer
    if mine.last != before.last:
        return mine.last < before.last and mine.first <= before.first
    return active.sequencer is not None and time < active.sequencer


def _check_covers(mine: Days, before: Days) -> None:
    """Check that a run has the days of the one before.

    Raises:
        Poison: it lacks some of them.
    """
    if before.first is None or before.last is None:
        return
    if mine.first is None or mine.last is None:
        raise Poison(f"It has no charges, and the run before has those of {before.first} to {before.last}. {_REMEDY}")
    if mine.first > before.first:
        raise Poison(
            f"It has charges of {mine.first} to {mine.last}, and the run before those of {before.first} to "
            f"{before.last}: a newer run of a month has all days of the one before. {_REMEDY}"
        )
