"""The work on one manifest: all parts of its delivery are loaded, and all of the one before go, in one commit.

Whatever is not as it should be leaves the delivery before active.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from billstream.common.errors import Denied, Poison
from billstream.common.ids import new_id
from billstream.common.lake import ProcessedKey
from billstream.common.lake.guard import scope_id
from billstream.common.policies import RemovalPolicy
from billstream.consumer.commit.ledger import LedgerEntry
from billstream.consumer.commit.outcome import Outcome
from billstream.consumer.commit.unit import Unit
from billstream.consumer.context import Context
from billstream.consumer.decide.decision import Verdict, decide, meant, same_version
from billstream.consumer.decide.lookups import processed_before
from billstream.consumer.decide.states import PROCESSED, UNLOADABLE, State
from billstream.consumer.decode import Staged
from billstream.consumer.delivery.about import about_part, about_scope
from billstream.consumer.delivery.copies import is_copy
from billstream.consumer.delivery.history import ObjectName, loads_without_delivery, manifest_of, parts_of
from billstream.consumer.delivery.order import comes_late, digest_of, time_digits
from billstream.consumer.delivery.parts import Part, awaiting, check_age, read_parts
from billstream.consumer.delivery.staging import StagedParts, basis_of, fetch_manifest, origins_of, stage_parts
from billstream.consumer.events import Gone, Later, ObjectEvent, ObjectVersion
from billstream.consumer.layouts.layout import ManifestOf, RunOf
from billstream.consumer.layouts.manifest import MAX_BYTES, Manifest, read_manifest
from billstream.consumer.s3.fetch import MISSING_ATTEMPTS, ask_current

Held = ProcessedKey | None
"""The newest entry of a scope when the attempt began; None for a scope that the ledger does not know."""

Changes = list[tuple[LedgerEntry, Held]]
"""Ledger entries, that of the manifest first, each with what was held of its scope. Empty: processed before."""


class Delivery:
    """The work on one event of a manifest. See `consumer.process.Work`.

    Args:
        context: the tools.
        event: the event of the manifest.
        role: the export and the period that the manifest is of, and how to read it.
    """

    def __init__(self, context: Context, event: ObjectEvent, role: ManifestOf | RunOf) -> None:
        self._context = context
        self._event = event
        self._role = role
        self._done = StagedParts()

    @property
    def staged(self) -> Staged:
        """The rows of the parts that are staged so far."""
        return self._done.staged

    def plan(self) -> tuple[Unit, list[Outcome]]:
        """Decide, and stage what the delivery needs. See `Work`."""
        scopes = [self._event.scope, self._role.place.scope(self._event.bucket)]
        held, active = map(self._held(scopes).get, scopes)
        try:
            changes = self._decide(held, active)
        except Poison as poison:
            state = State.DENIED if isinstance(poison, Denied) else State.QUARANTINED
            changes = [self._manifest(self._event, held, state, reason=str(poison))]
        except Later as later:
            if later.unavailable or self._event.attempt < MISSING_ATTEMPTS:
                self._discard()
                return Unit(), [Outcome(self._event, later=later)]
            changes = self._given_up(later, held)
        if not any(entry.state is State.DELIVERED for entry, _ in changes):
            self._discard()  # rows that an attempt before has staged: these entries load nothing
        unit = Unit()
        for entry, before in changes:
            load = self.staged.loads.get(entry.entry_id)
            unit.add(entry, before, load.rejected if load else ())
        return unit, [Outcome(self._event, tuple(entry for entry, _ in changes))]

    # -- deciding ----------------------------------------------------------------------------------------

    def _decide(self, held: Held, active: Held) -> Changes:
        event, verdict = self._event, decide(self._event, held)
        if verdict is Verdict.ASK:
            current = self._current()
            verdict = decide(event, held, current)
            event = event if verdict is Verdict.STALE else meant(event, current)
        if verdict is Verdict.STALE and processed_before(self._context.lake, [event]):
            verdict = Verdict.DUPLICATE
        if verdict is Verdict.DUPLICATE:
            return []
        if verdict is Verdict.STALE:
            return [self._manifest(event, held, State.STALE)]
        if verdict is Verdict.REMOVE:
            return self._remove(event, held, active)
        if verdict is Verdict.EXPIRE:
            # The delivery was true when it was billed: its rows stay.
            return [self._manifest(event, held, State.EXPIRED)]
        # Also a manifest whose text has not changed: a delivery may overwrite the parts of the one before.
        return self._deliver(event, held, active)

    def _deliver(self, event: ObjectEvent, held: Held, active: Held) -> Changes:
        version, manifest = self._read(event)
        event = replace(event, version_id=version.version_id, etag=version.etag, size_bytes=version.size_bytes)
        time = manifest.time or version.last_modified or event.event_time or self._context.entries.clock()
        lake, objects = self._context.lake, self._context.objects
        if active and self._comes_late(time, active, event):
            copy = is_copy(manifest, event, active, lake, objects)
            return self._unchanged(event, held, active) if copy else self._late(event, manifest, held, active)
        parts = read_parts(manifest, event, lake, objects)
        digest = digest_of(part.named_version for part in parts)
        if active and active.load_id and active.content_sha256 == digest and not event.force:
            return self._unchanged(event, held, active)
        if not event.force:
            check_age(parts, version.last_modified)

        new = [part for part in parts if event.force or not part.active]
        if self._done.basis != basis_of(new):  # else an attempt before has staged the same
            self._discard()
            self._done = stage_parts(new, self._context, origins_of(manifest, self._role.place), force=event.force)
        self._check_manifest(version)
        return self._replace(event, held, active, parts, time=time, digest=digest)

    def _is_silent(self, held: Held) -> bool:
        """Return whether the event has nothing to add to the ledger: one of no version about what is processed."""
        known = held is not None and held.state in PROCESSED - UNLOADABLE
        return known and not self._event.has_identity and not self._event.force

    def _comes_late(self, time: datetime, active: ProcessedKey, event: ObjectEvent) -> bool:
        return comes_late(time_digits(time), active, force=event.force)

    def _read(self, event: ObjectEvent) -> tuple[ObjectVersion, Manifest]:
        """Read the current manifest, whichever version the event is about: a newer one names newer parts."""
        current = self._current()
        if isinstance(current, Gone):
            raise Later(f"The manifest {event.key} is not there.", missing=event)
        if current.size_bytes > MAX_BYTES:
            raise Poison(f"The manifest has {current.size_bytes:,} bytes; more than {MAX_BYTES:,} are not read.")
        pinned = replace(event, version_id=current.version_id, etag=current.etag)
        version, content = fetch_manifest(pinned, self._context)
        return version, read_manifest(content, event.key, ManifestOf(self._role.layout, self._role.place))

    def _check_manifest(self, read: ObjectVersion) -> None:
        """Refuse a manifest that was overwritten while its parts were fetched: they may have been, too."""
        current = self._current()
        if isinstance(current, ObjectVersion):
            # A local file has no version but its size and its time.
            unnamed = read.etag is None and (current.size_bytes, current.last_modified) == (
                read.size_bytes,
                read.last_modified,
            )
            if unnamed or same_version(current, read):
                return
        raise Later("The manifest was replaced while its delivery was read.")

    # -- the entries -------------------------------------------------------------------------------------

    def _replace(
        self, event: ObjectEvent, held: Held, active: Held, parts: Sequence[Part], *, time: datetime, digest: str
    ) -> Changes:
        """Return the entries that put a delivery in the place of the one before."""
        delivery_id, builder = new_id(), self._context.entries
        delivered = builder.entry(
            about_scope(event, self._role.place, sequencer=time_digits(time), event_time=time),
            active,
            State.DELIVERED,
            entry_id=delivery_id,
            load_id=delivery_id,
            content_sha256=digest,
            delivery_id=delivery_id,
        )
        changes: Changes = [*self._own(event, held, delivery_id), (delivered, active)]
        changes += [(self._of_part(part, delivery_id), part.held) for part in parts]
        before = parts_of(self._context.lake, active.load_id) if active and active.load_id else []
        before += loads_without_delivery(self._context.lake, event.bucket, self._role)
        claimed = {entry.scope for entry, _ in changes}
        gone = [name for name in before if name.scope not in claimed]
        return changes + self._take_out(gone, delivery_id, "The delivery that took its place does not have it.")

    def _own(self, event: ObjectEvent, held: Held, delivery_id: str) -> Changes:
        """Return the entry of the manifest's own object."""
        return [self._manifest(event, held, State.DELIVERED, delivery_id=delivery_id)]

    def _of_part(self, part: Part, delivery_id: str) -> LedgerEntry:
        """Return the entry of a part: loaded, or unchanged where its active rows stay."""
        prepared, held = self._done.prepared.get(part.event.scope), part.held
        version = prepared.version if prepared and prepared.version else part.version
        about = about_part(part, version)
        if new := self._done.load(part):
            return self._context.entries.entry(
                about, held, State.LOADED, prepared=new[0], load=new[1], delivery_id=delivery_id
            )
        content = held.content_sha256 if held else None
        return self._context.entries.entry(
            about, held, State.UNCHANGED, content_sha256=content, delivery_id=delivery_id
        )

    def _unchanged(self, event: ObjectEvent, held: Held, active: ProcessedKey) -> Changes:
        """Return the entry of a manifest whose delivery is active."""
        unchanged = self._manifest(event, held, State.UNCHANGED, delivery_id=active.load_id)
        return [] if self._is_silent(held) else [unchanged]

    def _late(self, event: ObjectEvent, manifest: Manifest, held: Held, active: ProcessedKey) -> Changes:
        """Return the entries of a delivery older than the active one; parts that wait for it wait in vain."""
        if self._is_silent(held):
            return []
        reason = "A newer delivery is active." if active.load_id else "A newer delivery was removed."
        newer = active.load_id or active.entry_id
        late = self._manifest(event, held, State.STALE, reason=reason, delivery_id=newer)
        waiting = awaiting(manifest, event, self._context.lake)
        return [late, *((self._replaced(name, key, newer, reason), key) for name, key in waiting)]

    def _remove(self, event: ObjectEvent, held: Held, active: Held) -> Changes:
        """Return the entries of a removed manifest: that of the active delivery takes it away, any other nothing."""
        delivery_id = active.load_id if active else None
        if active is None or delivery_id is None or not self._made(delivery_id):
            return [self._manifest(event, held, State.REMOVED)]
        if self._context.entries.on_removed is RemovalPolicy.KEEP:
            return [self._manifest(event, held, State.KEPT, delivery_id=delivery_id)]
        # The scope keeps the time of what was removed, so that older deliveries stay too late for ever.
        withdrawn = self._context.entries.entry(
            about_scope(event, self._role.place, sequencer=active.sequencer),
            active,
            State.REMOVED,
            keeps_rows=False,
            reason="Its manifest was removed.",
        )
        changes = [self._manifest(event, held, State.REMOVED, delivery_id=delivery_id), (withdrawn, active)]
        gone = [name for name in parts_of(self._context.lake, delivery_id) if name.scope != event.scope]
        return changes + self._take_out(gone, delivery_id, "The manifest of its delivery was removed.")

    def _made(self, delivery_id: str) -> bool:
        """Return whether the event's object is the one that a delivery came with."""
        maker = manifest_of(self._context.lake, delivery_id)
        return maker is not None and maker.scope == self._event.scope

    def _given_up(self, later: Later, held: Held) -> Changes:
        """Return the entries after the last try: quarantine, and one about the part that everything waits for."""
        if later.missing and later.missing.scope == self._event.scope:
            return [self._manifest(self._event, held, State.MISSING, reason=later.reason)]
        quarantined = self._manifest(self._event, held, State.QUARANTINED, reason=later.reason)
        if later.missing is None:
            return [quarantined]
        before = self._held([later.missing.scope]).get(later.missing.scope)
        missing = self._context.entries.entry(
            replace(later.missing, version_id=None, etag=None, size_bytes=None),
            before,
            State.MISSING,
            reason=f"The manifest {self._event.key} names it, and it is not there.",
            delivery_id=quarantined[0].entry_id,
        )
        return [quarantined, (missing, before)]

    def _take_out(self, gone: Sequence[ObjectName], delivery_id: str, reason: str) -> Changes:
        """Return the entries of objects whose rows go with the delivery before."""
        newest = self._held([name.scope for name in gone])
        return [
            (self._replaced(name, key, delivery_id, reason), key)
            for name in gone
            if (key := newest.get(name.scope)) and key.load_id
        ]

    def _manifest(
        self,
        event: ObjectEvent,
        held: Held,
        state: State,
        *,
        reason: str | None = None,
        delivery_id: str | None = None,
    ) -> tuple[LedgerEntry, Held]:
        """Return the entry of the manifest's object, which has no rows of its own."""
        entries = self._context.entries
        return entries.entry(event, held, state, keeps_rows=False, reason=reason, delivery_id=delivery_id), held

    def _replaced(self, name: ObjectName, held: ProcessedKey, delivery_id: str, reason: str) -> LedgerEntry:
        """Return the entry of an object that lost its rows. What is known of its version stays known."""
        about = name.event(self._event.event_name)
        about = replace(about, version_id=held.version_id, etag=held.etag, sequencer=held.sequencer)
        entries = self._context.entries
        return entries.entry(about, held, State.REPLACED, keeps_rows=False, reason=reason, delivery_id=delivery_id)

    def _current(self) -> ObjectVersion | Gone:
        (answer,) = ask_current(self._context.objects, [self._event])
        if isinstance(answer, Later | Poison):
            raise answer
        return answer

    def _held(self, scopes: Sequence[str]) -> dict[str, ProcessedKey]:
        found = self._context.lake.processed_keys([scope_id(scope) for scope in scopes])
        return {scope: found[scope_id(scope)] for scope in scopes if scope_id(scope) in found}

    def _discard(self) -> None:
        self._context.staging.discard(self.staged)
        self._done = StagedParts()
