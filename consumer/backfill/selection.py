"""The conditions by which an operator selects objects."""

from dataclasses import dataclass
from datetime import date, datetime

from billstream.consumer.backfill.partition import Days, has_partition, partition_days
from billstream.consumer.decide.states import UNLOADABLE, State

RETRIED = UNLOADABLE | {State.MISSING, State.SKIPPED}
"""States of objects that were not loaded: to select by one of them is to ask for another attempt."""


@dataclass(frozen=True)
class Selection:
    """Conditions on objects. All that are given must hold; without any, every object is selected.

    Args:
        prefix: the beginning of the key.
        since: the first day selected.
        until: the last day selected.
        partition: folders of the key, such as `year=2026/month=03`.
        states: the object's state in the ledger is one of these.
        force: load the objects even if the ledger says that nothing has changed.
    """

    prefix: str = ""
    since: date | None = None
    until: date | None = None
    partition: str = ""
    states: frozenset[State] = frozenset()
    force: bool = False

    def includes(self, key: str, modified: datetime | None) -> bool:
        """Return whether an object is selected, as far as its key and its time decide.

        The days of its partition count; if the key names none, the UTC day of its last modification.
        """
        if not key.startswith(self.prefix) or (self.partition and not has_partition(key, self.partition)):
            return False
        if self.since is None and self.until is None:
            return True
        # The upload may be months later than the days it is about: the partition is the better evidence.
        days = partition_days(key) or (Days(modified.date(), modified.date()) if modified else None)
        return days is not None and days.overlap(self.since, self.until)

    def forces(self, state: State | None) -> bool:
        """Return whether an object is loaded whatever the ledger says.

        Args:
            state: the object's state in the ledger; None unless objects are selected by their states.
        """
        return self.force or state in RETRIED
