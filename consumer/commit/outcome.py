"""What became of one event."""

from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import structlog

from billstream.consumer.commit.ledger import LedgerEntry, State
from billstream.consumer.events import ObjectEvent

log = structlog.get_logger(__name__)


class Result(StrEnum):
    """An event is settled, was settled before, or has to come again."""

    SETTLED = "settled"  # a ledger line was committed
    DUPLICATE = "duplicate"  # it had been settled before; nothing changed
    RELEASED = "released"  # not settled: the message goes back to the queue


@dataclass(frozen=True)
class Outcome:
    """The end of one event in this process.

    `entry` is there when it was settled now, `also` has the other lines of the same delivery; `unavailable` tells that
    it was released because the object store is away.
    """

    event: ObjectEvent
    result: Result
    entry: LedgerEntry | None = None
    reason: str | None = None
    snapshot_id: int | None = None
    unavailable: bool = False
    also: tuple[LedgerEntry, ...] = ()

    def committed(self, snapshot_id: int) -> "Outcome":
        """This outcome, if it is one of a commit, with the snapshot that the commit made."""
        return replace(self, snapshot_id=snapshot_id) if self.entry else self

    def seen_from(self, event: ObjectEvent) -> "Outcome":
        """What the end of a manifest's event is to the event of one of its parts; to its own event, it is itself."""
        if event.scope == self.event.scope:
            return replace(self, event=event)
        own = next((line for line in self.also if line.scope == event.scope), self.entry)
        return replace(self, event=event, entry=own, also=())

    @property
    def rows_loaded(self) -> int:
        """How many rows came into force."""
        return sum(line.rows_loaded for line in self.lines)

    @property
    def rows_rejected(self) -> int:
        """How many records did not fit."""
        return sum(line.rows_rejected for line in self.lines)

    @property
    def lines(self) -> "tuple[LedgerEntry, ...]":
        """The lines that were committed: that of the event's own object first."""
        return (self.entry, *self.also) if self.entry else ()

    @property
    def acknowledge(self) -> bool:
        """Whether the message that brought the event may be deleted."""
        return self.result is not Result.RELEASED

    @property
    def label(self) -> str:
        """One word for counts and logs: the ledger's state, or `duplicate`, or `released`."""
        return self.entry.state.value if self.entry else self.result.value

    def log(self) -> None:
        """Write the one canonical line of an object; of a delivery, also those of its parts and of itself."""
        told: dict[str, Any] = {"scope": self.event.scope, "event_name": self.event.event_name}
        entry = self.entry
        if entry:
            told |= self._told(entry)
        if entry and entry.duplicate_of:
            log.warning(
                "duplicate_content", scope=entry.scope, duplicate_of=entry.duplicate_of, state=entry.state.value
            )
        if reason := entry.reason if entry else self.reason:
            told["reason"] = reason
        event = f"object_{self.label}"
        log.info(event, **told)
        self._log_delivery()

    def _log_delivery(self) -> None:
        for line in self.also:
            if line.state is not State.DELIVERED:
                event = f"object_{line.state.value}"
                log.info(event, scope=line.scope, **self._told(line))
                continue
            states = Counter(other.state for other in self.also)
            log.info(
                "delivery_loaded",
                scope=line.scope,
                manifest=self.event.scope,
                parts=states[State.LOADED] + states[State.UNCHANGED],
                parts_unchanged=states[State.UNCHANGED],
                rows=self.rows_loaded,
                rejected=self.rows_rejected,
                loads_replaced=sum(self._replaces(other) for other in self.also if other is not line),
                delivery_id=line.delivery_id,
                snapshot_id=self.snapshot_id,
            )

    def _told(self, entry: LedgerEntry) -> dict[str, Any]:
        return {
            "rows": entry.rows_loaded,
            "rejected": entry.rows_rejected,
            "bytes": entry.size_bytes,
            "profile": entry.profile,
            "load_id": entry.load_id,
            "previous_load_id": entry.previous_load_id,
            "snapshot_id": self.snapshot_id,
        }

    def _replaces(self, entry: LedgerEntry) -> bool:
        return entry.previous_load_id is not None and entry.previous_load_id != entry.load_id
