"""The options of a replay as one value."""

from dataclasses import dataclass
from datetime import datetime

from billstream.cli.replay.origin import Origin
from billstream.common.errors import WrongUsage
from billstream.consumer.backfill.selection import Selection
from billstream.consumer.decide.states import State


@dataclass(frozen=True)
class Order:
    """One replay: its objects, their source, and who processes them."""

    selection: Selection
    origin: Origin = Origin.LISTING
    via_queue: bool = False
    dry_run: bool = False

    @property
    def writes(self) -> bool:
        """True when this process changes the lake."""
        return not self.dry_run and not self.via_queue


def selection(
    prefix: str, since: datetime | None, until: datetime | None, partition: str, states: str, *, force: bool
) -> Selection:
    """Return the selection that the command's options describe.

    Raises:
        Fatal: a state is unknown, or the days are in the wrong order.
    """
    if since and until and since > until:
        raise WrongUsage("--since must not be after --until; nothing was replayed. Swap the two days.")
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
        raise WrongUsage(
            f"--state {name!r} is not a state of the ledger; nothing was replayed. Use: {', '.join(State)}."
        )
    return State(name)
