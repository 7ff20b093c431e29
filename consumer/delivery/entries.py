"""The ledger's lines about a delivery: of its manifest, of its scope, and of each of its parts."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from billstream.common.ids import new_id
from billstream.common.lake import ProcessedKey
from billstream.consumer.commit.ledger import LedgerEntry, State
from billstream.consumer.events import ObjectEvent, ObjectVersion
from billstream.consumer.layouts.place import EXPORT_BUCKET, Place

if TYPE_CHECKING:
    from billstream.consumer.decode import StagedLoad
    from billstream.consumer.delivery.history import Line
    from billstream.consumer.delivery.parts import Part
    from billstream.consumer.s3.fetch import Prepared


@dataclass(frozen=True)
class Lines:
    """Writes the lines of one decision about a manifest.

    Args:
        event: the event that brought the manifest.
        place: where the manifest stands.
        held: what is held of the manifest's object.
        now: the time of settling.
        consumer_id: who settles.
    """

    event: ObjectEvent
    place: Place
    held: ProcessedKey | None
    now: datetime
    consumer_id: str

    @property
    def scope(self) -> str:
        """The scope of the deliveries."""
        return self.place.scope(self.event.bucket)

    # -- the manifest ------------------------------------------------------------------------------------

    def manifest(
        self,
        state: State,
        version: ObjectVersion | None = None,
        *,
        reason: str | None = None,
        delivery_id: str | None = None,
    ) -> LedgerEntry:
        """The line of the manifest's object, which has no rows of its own."""
        event = self.event
        return self._line(
            new_id(),
            state,
            scope=event.scope,
            bucket=event.bucket,
            key=event.key,
            reason=reason,
            previous_load_id=self.held.load_id if self.held else None,
            version_id=version.version_id if version else event.version_id,
            etag=version.etag if version else event.etag,
            sequencer=event.sequencer,
            size_bytes=version.size_bytes if version else event.size_bytes,
            event_time=event.event_time,
            delivery_id=delivery_id,
        )

    # -- the scope of the deliveries ---------------------------------------------------------------------

    def delivered(
        self, delivery_id: str, held: ProcessedKey | None, time: datetime, *, digits: str, digest: str
    ) -> LedgerEntry:
        """The line that puts a delivery in force."""
        return self._of_scope(
            delivery_id,
            State.DELIVERED,
            held,
            load_id=delivery_id,
            sequencer=digits,
            content_sha256=digest,
            event_time=time,
            delivery_id=delivery_id,
        )

    def withdrawn(self, held: ProcessedKey) -> LedgerEntry:
        """The line that takes the delivery in force away, and leaves none. Older ones stay too late for ever."""
        return self._of_scope(
            new_id(), State.REMOVED, held, reason="Its manifest was removed.", sequencer=held.sequencer
        )

    # -- parts -------------------------------------------------------------------------------------------

    def loaded(self, part: "Part", prepared: "Prepared", load: "StagedLoad", delivery_id: str) -> LedgerEntry:
        """A part that the delivery brings anew."""
        version = prepared.version or part.version
        return self._of_part(
            part,
            prepared.load_id,
            State.LOADED,
            version,
            load_id=prepared.load_id,
            content_sha256=prepared.content_sha256,
            profile=prepared.tabular.profile if prepared.tabular else None,
            rows_loaded=load.rows_loaded,
            rows_rejected=load.rows_rejected,
            values_rounded=load.values_rounded,
            billed_totals=load.billed_totals,
            first_charge_day=load.first_charge_day,
            last_charge_day=load.last_charge_day,
            delivery_id=delivery_id,
        )

    def unchanged(self, part: "Part", prepared: "Prepared | None", delivery_id: str) -> LedgerEntry:
        """A part of the delivery whose rows are in force already."""
        version = prepared.version if prepared and prepared.version else part.version
        return self._of_part(
            part,
            new_id(),
            State.UNCHANGED,
            version,
            load_id=part.load_id,
            content_sha256=part.held.content_sha256 if part.held else None,
            delivery_id=delivery_id,
        )

    def not_there(self, part: ObjectEvent, held: ProcessedKey | None, manifest: LedgerEntry) -> LedgerEntry:
        """A part that its manifest names and the store does not have: when it comes, the manifest gets another try."""
        return self._line(
            new_id(),
            State.MISSING,
            scope=part.scope,
            bucket=part.bucket,
            key=part.key,
            reason=f"The manifest {self.event.key} names it, and it is not there.",
            load_id=held.load_id if held else None,
            previous_load_id=held.load_id if held else None,
            delivery_id=manifest.entry_id,
        )

    def replaced(self, line: "Line", held: ProcessedKey, delivery_id: str | None, reason: str) -> LedgerEntry:
        """An object of the delivery before whose rows go. What is known of its version stays known."""
        return self._line(
            new_id(),
            State.REPLACED,
            scope=line.scope,
            bucket=line.bucket,
            key=line.key,
            reason=reason,
            previous_load_id=held.load_id,
            version_id=held.version_id,
            etag=held.etag,
            sequencer=held.sequencer,
            delivery_id=delivery_id,
        )

    # -- all of them -------------------------------------------------------------------------------------

    def _of_scope(self, entry_id: str, state: State, held: ProcessedKey | None, **columns: Any) -> LedgerEntry:  # noqa: ANN401
        return self._line(
            entry_id,
            state,
            scope=self.scope,
            bucket=EXPORT_BUCKET,
            key=self.place.scope_key(self.event.bucket),
            previous_load_id=held.load_id if held else None,
            **columns,
        )

    def _of_part(
        self,
        part: "Part",
        entry_id: str,
        state: State,
        version: ObjectVersion,
        **columns: Any,  # noqa: ANN401
    ) -> LedgerEntry:
        event, held = part.event, part.held
        return self._line(
            entry_id,
            state,
            scope=event.scope,
            bucket=event.bucket,
            key=event.key,
            previous_load_id=part.load_id,
            version_id=version.version_id,
            etag=version.etag,
            sequencer=held.sequencer if held and held.etag and held.etag == version.etag else None,
            size_bytes=version.size_bytes,
            event_time=version.last_modified,
            **columns,
        )

    def _line(self, entry_id: str, state: State, **columns: Any) -> LedgerEntry:  # noqa: ANN401 - columns of the ledger
        told: dict[str, Any] = {"event_name": self.event.event_name, **columns}
        return LedgerEntry(entry_id=entry_id, state=state, processed_at=self.now, consumer_id=self.consumer_id, **told)
