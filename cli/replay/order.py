"""What an operator asks of a replay."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from billstream.common.errors import Fatal
from billstream.consumer.backfill.selection import Selection
from billstream.consumer.decide.states import State


class Origin(StrEnum):
    """Where a replay learns of its objects."""

    LISTING = "listing"
    LEDGER = "ledger"


@dataclass(frozen=True)
class Order:
    """Which objects, from where, and who is to do it."""

    selection: Selection
    origin: Origin = Origin.LISTING
    via_queue: bool = False
    dry_run: bool = False

    @property
    def writes(self) -> bool:
        """Whether this process is to change the lake."""
        return not self.dry_run and not self.via_queue


def selection(
    prefix: str, since: datetime | None, until: datetime | None, partition: str, states: str, *, force: bool
) -> Selection:
    """The selection that the command's options ask for.

    Raises:
        Fatal: there is no such state, or the days are in the wrong order.
    """
    if since and until and since > until:
        raise Fatal("--since is a later day than --until: no object is of both.")
    return Selection(
        prefix=prefix,
        since=since.date() if since else None,
        until=until.date() if until else None,
        partition=partition,
        states=frozenset(_state(name.strip()) for name in states.split(",") if name.strip()),
        force=force,
    )


def _state(name: str) -> State:
    if name not in set(State):
        raise Fatal(f"The ledger knows no state {name!r}; it knows {', '.join(State)}.")
    return State(name)
