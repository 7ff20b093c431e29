"""The health of this process: whether it moves, whether it waits and for what, and whether it has its lake."""

import threading
import time
from collections.abc import Callable

from billstream.common.errors import (
    CatalogUnavailable,
    ClaimRefused,
    DataDamaged,
    Held,
    NoRoom,
    ServiceUnavailable,
    WriteConflict,
)
from billstream.common.metrics import catalogue
from billstream.common.metrics.instruments import OTHER

STALLED_SECONDS = 900.0
"""A process that has not moved for so long, beside its usual wait between two rounds, is stuck."""

# The most special first.
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (ClaimRefused, "claim_refused"),
    (WriteConflict, "write_conflict"),
    (CatalogUnavailable, "catalog"),
    (ServiceUnavailable, "service"),
    (NoRoom, "no_room"),
    (DataDamaged, "data_damaged"),
    (Held, "held"),
)


def reason_of(error: BaseException | None) -> str:
    """Return the kind of an error, one of `labels.REASONS`: by its class, as its text may hold anything."""
    return next((reason for kind, reason in _REASONS if isinstance(error, kind)), OTHER)


class Health:
    """What the process is doing. Written by those that work, read by the server in another thread.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._moved_at = clock()
        self._attached = threading.Event()
        self.usual_wait = 0.0
        """Seconds that the process waits between two rounds without a sign of life."""

    # -- told by those that work ---------------------------------------------------------------------------

    def moved(self) -> None:
        """Take note of progress: an answer of the queue, a heartbeat, a page of a listing, a call to the lake."""
        self._moved_at = self._clock()

    def waits(self, error: BaseException | None) -> None:
        """Take note that the process waits out an error, which it survives: alive, and no progress."""
        reason = reason_of(error)
        catalogue.RETRIES.add(1, reason)
        catalogue.WAITING.set_all({reason: 1.0})
        self.moved()

    def goes_on(self) -> None:
        """Take note that nothing is waited for any more."""
        catalogue.WAITING.set_all({})
        self.moved()

    def has_lake(self, *, attached: bool) -> None:
        """Take note whether the lake is attached with the right schema."""
        catalogue.LAKE_ATTACHED.set(float(attached))
        (self._attached.set if attached else self._attached.clear)()

    # -- asked by the server -------------------------------------------------------------------------------

    def stalled(self) -> str | None:
        """Return why the process counts as stuck; None while it moves or waits something out."""
        still = self._clock() - self._moved_at
        allowed = STALLED_SECONDS + self.usual_wait
        return None if still <= allowed else f"no progress for {still:.0f} seconds; {allowed:.0f} are allowed"

    def unready(self) -> str | None:
        """Return why the process cannot work now; None when it can."""
        return None if self._attached.is_set() else "the lake is not attached; the log says why"


HEALTH = Health()
"""The health of this process."""
