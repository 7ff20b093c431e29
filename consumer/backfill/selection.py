"""Which objects an operator means."""

from dataclasses import dataclass
from datetime import date, datetime

from billstream.consumer.backfill.partition import Days, has_partition, partition_days
from billstream.consumer.decide.states import State

RETRIED = frozenset({State.QUARANTINED, State.MISSING, State.SKIPPED})
"""States of what was not loaded: to name one of them is to ask for another try, whatever the ledger says."""


@dataclass(frozen=True)
class Selection:
    """Every condition that is given has to hold; none given means every object.

    Args:
        prefix: how the key begins.
        since: the first day meant.
        until: the last day meant.
        partition: folders of the key, such as `year=2026/month=03`.
        states: what the ledger's newest line of the object says.
        force: to be loaded though the ledger says that nothing has changed.
    """

    prefix: str = ""
    since: date | None = None
    until: date | None = None
    partition: str = ""
    states: frozenset[State] = frozenset()
    force: bool = False

    def includes(self, key: str, modified: datetime | None) -> bool:
        """Whether an object is meant, as far as its key and its time tell.

        The days of its partition count, or where the key names none, the UTC day of its last modification.
        """
        if not key.startswith(self.prefix) or (self.partition and not has_partition(key, self.partition)):
            return False
        if self.since is None and self.until is None:
            return True
        days = partition_days(key) or (Days(modified.date(), modified.date()) if modified else None)
        return days is not None and days.overlap(self.since, self.until)

    def forces(self, standing: State | None) -> bool:
        """Whether an object is to be loaded whatever the ledger says. `standing` is its state when it was asked for."""
        return self.force or standing in RETRIED
