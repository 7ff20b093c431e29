"""What became of one event."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import structlog

from consumer.events import ObjectEvent
from consumer.ledger import LedgerEntry

log = structlog.get_logger(__name__)


class Result(StrEnum):
    """An event is settled, was settled before, or has to come again."""

    SETTLED = "settled"  # a ledger line was committed
    DUPLICATE = "duplicate"  # it had been settled before; nothing changed
    RELEASED = "released"  # not settled: the message goes back to the queue


@dataclass(frozen=True)
class Outcome:
    """The end of one event in this process.

    `entry` is there when it was settled now; `unavailable` when it was released because the object store is away.
    """

    event: ObjectEvent
    result: Result
    entry: LedgerEntry | None = None
    reason: str | None = None
    snapshot_id: int | None = None
    unavailable: bool = False

    def committed(self, snapshot_id: int) -> "Outcome":
        """This outcome, if it is one of a commit, with the snapshot that the commit made."""
        return replace(self, snapshot_id=snapshot_id) if self.entry else self

    @property
    def acknowledge(self) -> bool:
        """Whether the message that brought the event may be deleted."""
        return self.result is not Result.RELEASED

    @property
    def label(self) -> str:
        """One word for counts and logs: the ledger's state, or `duplicate`, or `released`."""
        return self.entry.state.value if self.entry else self.result.value

    def log(self) -> None:
        """Write the one canonical line of an object."""
        told: dict[str, Any] = {"scope": self.event.scope, "event_name": self.event.event_name}
        entry = self.entry
        if entry:
            told |= {
                "rows": entry.rows_loaded,
                "rejected": entry.rows_rejected,
                "bytes": entry.size_bytes,
                "profile": entry.profile,
                "load_id": entry.load_id,
                "previous_load_id": entry.previous_load_id,
                "snapshot_id": self.snapshot_id,
            }
        if entry and entry.duplicate_of:
            log.warning(
                "duplicate_content", scope=entry.scope, duplicate_of=entry.duplicate_of, state=entry.state.value
            )
        if reason := entry.reason if entry else self.reason:
            told["reason"] = reason
        event = f"object_{self.label}"
        log.info(event, **told)
