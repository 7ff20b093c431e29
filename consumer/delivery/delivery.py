"""One manifest settled: all parts of its delivery come, and all of the one before go, in one commit.

A sibling of `consumer.round.Round`. Whatever is not as it should be leaves the delivery before in force.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import structlog

from billstream.common import retries
from billstream.common.errors import Poison, WriteConflict
from billstream.common.ids import new_id
from billstream.common.lake.guard import scope_id
from billstream.common.settings import RemovalPolicy
from billstream.consumer.commit.ledger import LedgerEntry, State
from billstream.consumer.commit.outcome import Outcome, Result
from billstream.consumer.commit.unit import Unit
from billstream.consumer.decide.decision import SETTLED, Verdict, decide, meant, same_version
from billstream.consumer.decide.history import settled_before
from billstream.consumer.delivery.entries import Lines
from billstream.consumer.delivery.history import Line, loads_without_delivery, manifest_of, parts_of
from billstream.consumer.delivery.parts import NotYet, Part, awaiting, check_age, look_at
from billstream.consumer.delivery.staging import Brought, basis_of, bring, fetch_manifest
from billstream.consumer.delivery.standing import comes_late, digest_of, time_digits
from billstream.consumer.events import Gone, ObjectEvent, ObjectVersion
from billstream.consumer.layouts.manifest import MAX_BYTES, Manifest, read_manifest
from billstream.consumer.s3.fetch import MISSING_ATTEMPTS, Released
from billstream.consumer.s3.head import HeadRequests, Refused

if TYPE_CHECKING:
    from datetime import datetime

    from billstream.common.lake import ProcessedKey
    from billstream.consumer.context import Context
    from billstream.consumer.layouts.layout import ManifestOf

log = structlog.get_logger(__name__)


@dataclass
class DeliveryRound:
    """The work on one event of a manifest."""

    context: "Context"
    event: ObjectEvent
    role: "ManifestOf"
    _brought: Brought = field(default_factory=Brought)

    def settle(self) -> Outcome:
        """Decide, bring, commit; all of it again when another consumer was first.

        Raises:
            Retryable: the catalog or the data path does not answer, or a disk is full.
            Fatal: going on would be wrong.
        """
        try:
            return self._redone()
        except WriteConflict:
            self._discard()
            raise
        except BaseException:
            # The commit may have happened all the same, so the staged files must stay.
            if self._brought.staged.paths:
                log.warning("staged_files_left", paths=self._brought.staged.paths)
            raise

    def _redone(self) -> Outcome:
        try:
            return retries.redo_on_conflict(self._attempt)
        except WriteConflict:
            if not self._brought.prepared:
                raise
            # To bring a large delivery may have taken all the patience there is: its commit gets as much again.
            return retries.redo_on_conflict(self._attempt)

    def _attempt(self) -> Outcome:
        scopes = [self.event.scope, self.role.place.scope(self.event.bucket)]
        found = self.context.lake.processed_keys([scope_id(scope) for scope in scopes])
        held, in_force = (found.get(scope_id(scope)) for scope in scopes)
        lines = Lines(self.event, self.role.place, held, self.context.clock(), self.context.writer.consumer_id)
        try:
            return self._decided(lines, held, in_force)
        except Poison as poison:
            return self._commit([lines.manifest(State.QUARANTINED, reason=str(poison))], {self.event.scope: held})
        except NotYet as not_yet:
            return self._later(lines, held, not_yet)

    # -- deciding ----------------------------------------------------------------------------------------

    def _decided(self, lines: Lines, held: "ProcessedKey | None", in_force: "ProcessedKey | None") -> Outcome:
        verdict, event = decide(self.event, held), self.event
        if verdict is Verdict.ASK:
            reply = self._current()
            event = meant(event, reply)
            verdict = decide(event, held, reply)
        if verdict is Verdict.STALE and settled_before(self.context.lake, [event]):
            verdict = Verdict.DUPLICATE
        if verdict is Verdict.DUPLICATE:
            return self._duplicate()
        lines = replace(lines, event=event)
        if verdict is Verdict.STALE:
            return self._commit([lines.manifest(State.STALE)], {event.scope: held})
        if verdict is Verdict.REMOVE:
            return self._remove(lines, held, in_force)
        # Also one whose text has not changed: a delivery may overwrite the parts of the one before.
        return self._deliver(lines, held, in_force)

    def _current(self) -> ObjectVersion | Gone:
        (reply,) = HeadRequests(self.context.objects).ask([self.event])
        if isinstance(reply, Released):
            raise NotYet(reply)
        if isinstance(reply, Refused):
            raise Poison(reply.reason)
        return reply

    def _later(self, lines: Lines, held: "ProcessedKey | None", not_yet: NotYet) -> Outcome:
        """Another try; after a few of them, quarantine, and a line about the part that everything waits for."""
        why = not_yet.why
        if why.unavailable or self.event.attempt < MISSING_ATTEMPTS:
            self._discard()
            return Outcome(self.event, Result.RELEASED, reason=why.reason, unavailable=why.unavailable)
        entry = lines.manifest(State.QUARANTINED, reason=why.reason)
        if not_yet.part is None:
            return self._commit([entry], {self.event.scope: held})
        if not_yet.part.scope == self.event.scope:
            return self._commit([lines.manifest(State.MISSING, reason=why.reason)], {self.event.scope: held})
        missing = self._held([not_yet.part.scope])
        lines_of_both = [entry, lines.not_there(not_yet.part, missing.get(not_yet.part.scope), entry)]
        return self._commit(lines_of_both, {self.event.scope: held, **missing})

    # -- delivering --------------------------------------------------------------------------------------

    def _deliver(self, lines: Lines, held: "ProcessedKey | None", in_force: "ProcessedKey | None") -> Outcome:
        version, manifest = self._read()
        time = manifest.time or version.last_modified or self.event.event_time or lines.now
        digits = time_digits(time)
        if in_force and comes_late(digits, in_force, force=self.event.force):
            reason = "A newer delivery is in force." if in_force.load_id else "A newer delivery was removed."
            newer = in_force.load_id or in_force.entry_id
            entry = lines.manifest(State.STALE, version, reason=reason, delivery_id=newer)
            given_up = awaiting(manifest, self.event, self.context.lake)
            others = [lines.replaced(line, key, newer, reason) for line, key in given_up]
            return self._nothing_new([entry, *others], {self.event.scope: held, **{k[0].scope: k[1] for k in given_up}})
        parts = look_at(manifest, self.event, self.context.lake, self.context.objects)
        digest = digest_of(part.named_version for part in parts)
        if in_force and in_force.load_id and in_force.content_sha256 == digest and not self.event.force:
            entry = lines.manifest(State.UNCHANGED, version, delivery_id=in_force.load_id)
            return self._nothing_new([entry], {self.event.scope: held})
        if not self.event.force:
            check_age(parts, version.last_modified)
        self._bring(parts)
        self._check_manifest(version)
        return self._replace(lines, held, in_force, version, parts, time=time, digest=digest)

    def _nothing_new(self, entries: Sequence[LedgerEntry], claimed: "dict[str, ProcessedKey | None]") -> Outcome:
        """The lines of a manifest that moves no rows; none for an event of no version about a settled manifest."""
        held = claimed[self.event.scope]
        known = held is not None and held.state in SETTLED and held.state != State.QUARANTINED
        if known and not self.event.has_identity and not self.event.force:
            return self._duplicate()
        return self._commit(entries, claimed)

    def _read(self) -> tuple[ObjectVersion, Manifest]:
        """What is current of the manifest, whichever version the event is about: a newer one tells of newer parts."""
        current = self._current()
        if isinstance(current, Gone):
            raise NotYet(Released(f"The manifest {self.event.key} is not there."), self.event)
        if current.size_bytes > MAX_BYTES:
            raise Poison(f"The manifest has {current.size_bytes:,} bytes; more than {MAX_BYTES:,} are not read.")
        pinned = replace(self.event, version_id=current.version_id, etag=current.etag)
        version, content = fetch_manifest(pinned, self.context)
        return version, read_manifest(content, self.event.key, self.role)

    def _bring(self, parts: Sequence[Part]) -> None:
        """Have the parts staged that are not in force; what an attempt before has staged is used again if it holds."""
        new = [part for part in parts if self.event.force or not part.in_force]
        if self._brought.basis != basis_of(new):
            self._discard()
            self._brought = bring(new, self.context, force=self.event.force)

    def _check_manifest(self, read: ObjectVersion) -> None:
        """A manifest that was overwritten while its parts were fetched may have had them overwritten, too."""
        current = self._current()
        same = isinstance(current, ObjectVersion) and (
            same_version(current, read)
            or (
                read.etag is None
                and (current.size_bytes, current.last_modified) == (read.size_bytes, read.last_modified)
            )
        )
        if not same:
            raise NotYet(Released("The manifest was replaced while its delivery was read."))

    def _replace(
        self,
        lines: Lines,
        held: "ProcessedKey | None",
        in_force: "ProcessedKey | None",
        version: ObjectVersion,
        parts: Sequence[Part],
        *,
        time: "datetime",
        digest: str,
    ) -> Outcome:
        delivery_id = new_id()
        scope_line = lines.delivered(delivery_id, in_force, time, digits=time_digits(time), digest=digest)
        entries = [lines.manifest(State.DELIVERED, version, delivery_id=delivery_id), scope_line]
        claimed = {self.event.scope: held, scope_line.scope: in_force}
        for part in parts:
            load = self._brought.load(part)
            brought = self._brought.prepared.get(part.event.scope)
            entries.append(
                lines.loaded(part, *load, delivery_id) if load else lines.unchanged(part, brought, delivery_id)
            )
            claimed[part.event.scope] = part.held
        before = parts_of(self.context.lake, in_force.load_id) if in_force and in_force.load_id else []
        before += loads_without_delivery(self.context.lake, self.event.bucket, self.role)
        gone = [line for line in before if line.scope not in claimed]
        self._take_out(gone, lines, entries, claimed, delivery_id, "The delivery that took its place does not have it.")
        return self._commit(entries, claimed)

    def _take_out(
        self,
        gone: Sequence[Line],
        lines: Lines,
        entries: list[LedgerEntry],
        claimed: "dict[str, ProcessedKey | None]",
        delivery_id: str | None,
        reason: str,
    ) -> None:
        standing = self._held([line.scope for line in gone])
        for line in gone:
            key = standing.get(line.scope)
            if key and key.load_id:
                entries.append(lines.replaced(line, key, delivery_id, reason))
                claimed[line.scope] = key

    # -- removing ----------------------------------------------------------------------------------------

    def _remove(self, lines: Lines, held: "ProcessedKey | None", in_force: "ProcessedKey | None") -> Outcome:
        """To remove the manifest of the delivery in force is to remove the delivery; any other one, nothing."""
        delivery_id = in_force.load_id if in_force else None
        maker = manifest_of(self.context.lake, delivery_id) if delivery_id else None
        if in_force is None or delivery_id is None or maker is None or maker.scope != self.event.scope:
            return self._commit([lines.manifest(State.REMOVED)], {self.event.scope: held})
        if self.context.writer.on_removed is RemovalPolicy.KEEP:
            entry = lines.manifest(State.KEPT, delivery_id=delivery_id)
            return self._commit([entry], {self.event.scope: held})
        entries = [lines.manifest(State.REMOVED, delivery_id=delivery_id), lines.withdrawn(in_force)]
        claimed = {self.event.scope: held, lines.scope: in_force}
        gone = parts_of(self.context.lake, delivery_id)
        self._take_out(gone, lines, entries, claimed, delivery_id, "The manifest of its delivery was removed.")
        return self._commit(entries, claimed)

    # -- committing --------------------------------------------------------------------------------------

    def _held(self, scopes: Sequence[str]) -> "dict[str, ProcessedKey]":
        found = self.context.lake.processed_keys([scope_id(scope) for scope in scopes])
        return {scope: found[scope_id(scope)] for scope in scopes if scope_id(scope) in found}

    def _commit(self, entries: Sequence[LedgerEntry], claimed: "dict[str, ProcessedKey | None]") -> Outcome:
        """Make the lines true, the first of which is the manifest's, with all that follows from them.

        What an attempt before has staged is of no use to lines that deliver nothing.
        """
        if entries[0].state is not State.DELIVERED:
            self._discard()
        unit = Unit()
        for entry in entries:
            load = self._brought.staged.loads.get(entry.entry_id)
            unit.add(entry, claimed.get(entry.scope), load.rejected if load else ())
        snapshot = self.context.commit(unit, self._brought.staged)
        return Outcome(self.event, Result.SETTLED, entries[0], also=tuple(entries[1:])).committed(snapshot)

    def _duplicate(self) -> Outcome:
        self._discard()
        return Outcome(self.event, Result.DUPLICATE)

    def _discard(self) -> None:
        self.context.staging.discard(self._brought.staged)
        self._brought = Brought()
