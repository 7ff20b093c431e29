"""The outcome of one event."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog

from billstream.common.errors import Held
from billstream.common.metrics import catalogue as metrics
from billstream.consumer.commit.ledger import LedgerEntry
from billstream.consumer.decide.states import UNLOADABLE, State
from billstream.consumer.events import Later, ObjectEvent

log = structlog.get_logger(__name__)

DUPLICATE = "duplicate"
RELEASED = "released"
REFUSED = "refused"

_LONGEST_SHOWN = 200
_NOT_CONFIGURED = (
    "Its bucket is not configured, so it was not read. If its bills are yours, name the bucket in BILLSTREAM_BUCKETS, "
    "then run `billstream sweep`."
)


@dataclass(frozen=True)
class Outcome:
    """The end of one event in this process.

    With `entries` it was processed now: the entry of its own object first, then those of the same delivery. With
    `later` its message goes back to the queue. `refused` is true for an object of a bucket that is not configured. With
    none of them it had been processed before, and nothing has changed. `seconds` is how long the work on its commit
    took, and `lag_seconds` how long the commit came after the event.
    """

    event: ObjectEvent
    entries: tuple[LedgerEntry, ...] = ()
    later: Later | None = None
    snapshot_id: int | None = None
    refused: bool = False
    seconds: float | None = None
    lag_seconds: float | None = None

    def committed(self, snapshot_id: int, now: datetime, seconds: float) -> "Outcome":
        """Return the outcome after the commit that made it true."""
        told = self.event.event_time
        # Two clocks: the event's is that of S3.
        lag = max(0.0, round((now - told).total_seconds(), 3)) if told else None
        return replace(self, snapshot_id=snapshot_id, seconds=round(seconds, 3), lag_seconds=lag)

    @property
    def entry(self) -> LedgerEntry | None:
        """The ledger entry of the event's own object, if one was written."""
        return self.entries[0] if self.entries else None

    @property
    def acknowledge(self) -> bool:
        """True when the message of the event may be deleted."""
        return self.later is None

    @property
    def unavailable(self) -> bool:
        """True when the event comes again because the object store as a whole does not answer."""
        return self.later is not None and self.later.unavailable

    @property
    def loaded(self) -> bool:
        """True when the event's own object was loaded."""
        return bool(self.entries) and self.entries[0].state in {State.LOADED, State.DELIVERED}

    @property
    def holding(self) -> bool:
        """True when the event comes again because everything fails, so that no object is at fault."""
        return self.later is not None and self.later.holding

    @property
    def rows_loaded(self) -> int:
        """The number of rows that became active."""
        return sum(entry.rows_loaded for entry in self.entries)

    @property
    def rows_rejected(self) -> int:
        """The number of records that did not fit."""
        return sum(entry.rows_rejected for entry in self.entries)

    @property
    def label(self) -> str:
        """One word for counts and logs: the ledger's state, or `duplicate`, `released` or `refused`."""
        if self.refused:
            return REFUSED
        return self.entries[0].state.value if self.entries else RELEASED if self.later else DUPLICATE

    @property
    def reason(self) -> str | None:
        """The reason, where there is more to say than the label."""
        if self.refused:
            return _NOT_CONFIGURED
        return self.later.reason if self.later else self.entries[0].reason if self.entries else None

    def seen_from(self, event: ObjectEvent) -> "Outcome":
        """Return what the end of a manifest's event is to the event of one of its parts; to its own event, itself."""
        if event.scope == self.event.scope:
            return replace(self, event=event)
        own = next((entry for entry in self.entries[1:] if entry.scope == event.scope), self.entry)
        return replace(self, event=event, entries=(own,) if own else ())

    def log(self) -> None:
        """Write and count the one canonical line of an object; of a delivery, also those of its parts and of itself."""
        self._count()
        if self.refused:
            # No entry of the ledger: it must not grow with what a stranger sends. So the line says it all, in short.
            key = repr(self.event.key[:_LONGEST_SHOWN])
            log.warning("object_refused", bucket=self.event.bucket, key=key, reason=self.reason)
            return
        told: dict[str, Any] = {"scope": self.event.scope, "event_name": self.event.event_name}
        if entry := self.entry:
            told |= self._facts(entry)
            if entry.duplicate_of:
                log.warning(
                    "duplicate_content", scope=entry.scope, duplicate_of=entry.duplicate_of, state=entry.state.value
                )
        if self.reason:
            told["reason"] = self.reason
        self._log_line(self.label, told)
        for other in self.entries[1:]:
            if other.state is State.DELIVERED:
                self._log_delivery(other)
            else:
                self._log_line(other.state.value, {"scope": other.scope, **self._facts(other)})

    def _count(self) -> None:
        if not self.entries:
            metrics.OBJECTS.add(1, self.label)
        for entry in self.entries:
            metrics.OBJECTS.add(1, entry.state.value)
            if entry.state is State.LOADED:
                metrics.BYTES.add(entry.size_bytes or 0)
        metrics.ROWS.add(self.rows_loaded)
        metrics.REJECTED.add(self.rows_rejected)
        if self.lag_seconds is not None:
            metrics.LAG_SECONDS.observe(self.lag_seconds)

    def _log_line(self, label: str, told: dict[str, Any]) -> None:
        write = log.warning if label in UNLOADABLE else log.info
        write(f"object_{label}", **told)

    def _log_delivery(self, delivery: LedgerEntry) -> None:
        parts = [entry for entry in self.entries if entry is not delivery]
        states = Counter(entry.state for entry in parts)
        log.info(
            "delivery_loaded",
            scope=delivery.scope,
            manifest=self.event.scope,
            parts=states[State.LOADED] + states[State.UNCHANGED],
            parts_unchanged=states[State.UNCHANGED],
            rows=self.rows_loaded,
            rejected=self.rows_rejected,
            records_left_out=sum(entry.records_left_out for entry in self.entries),
            loads_replaced=sum(part.previous_load_id not in {None, part.load_id} for part in parts),
            delivery_id=delivery.delivery_id,
            snapshot_id=self.snapshot_id,
        )

    def _facts(self, entry: LedgerEntry) -> dict[str, Any]:
        return {
            "rows": entry.rows_loaded,
            "rejected": entry.rows_rejected,
            "records_left_out": entry.records_left_out,
            "tags_unread": entry.tags_unread,
            "bytes": entry.size_bytes,
            "profile": entry.profile,
            "load_id": entry.load_id,
            "previous_load_id": entry.previous_load_id,
            "snapshot_id": self.snapshot_id,
            "seconds": self.seconds,
            "lag_seconds": self.lag_seconds,
        }


@dataclass
class Hindrances:
    """What stands in the way of work over many batches: a fatal error ends it at once, what is held only at the end."""

    held: Held | None = None

    def meet(self, outcomes: Iterable[Outcome]) -> None:
        """Take note of a batch. What is held leaves the objects of other batches well.

        Raises:
            Exception: a fatal error, see `hindrance`.
        """
        match hindrance(outcomes):
            case Held() as error:
                self.held = self.held or error
            case Exception() as error:
                raise error

    def leave(self) -> None:
        """Raise what is held, now that all batches were processed.

        Raises:
            Held: something of them waits.
        """
        if self.held:
            raise self.held


def hindrance(outcomes: Iterable[Outcome]) -> Exception | None:
    """Return the error for which work cannot go on after these outcomes: a fatal one, or else `Held`."""
    later = [outcome.later for outcome in outcomes if outcome.later]
    if fatal := next((one.fatal for one in later if one.fatal), None):
        return fatal
    return next((Held(one.reason) for one in later if one.holding), None)
