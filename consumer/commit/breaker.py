"""Stops the process rather than pour a whole delivery into quarantine because of one bad deploy."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from billstream.common.errors import Fatal


@dataclass
class Breaker:
    """Counts objects that could not be loaded.

    Args:
        consecutive: so many of them in a row break it; 0 never does.
        share: so large a part of the last `window` objects breaks it, once there are that many; 1 never does.
        window: how many objects the share is taken of.
    """

    consecutive: int
    share: float
    window: int = 100
    _recent: deque[bool] = field(default_factory=deque)
    _run: int = 0

    def check(self, poisoned: Sequence[bool]) -> None:
        """Refuse to go on when the objects of a unit that is about to be committed would break it.

        Changes nothing: a unit may be redone before it is committed.

        Raises:
            Fatal: it is broken; nothing of the unit may be committed.
        """
        run, recent = self._run, deque(self._recent, maxlen=self.window)
        for bad in poisoned:
            run = run + 1 if bad else 0
            recent.append(bad)
            if self.consecutive and run >= self.consecutive:
                raise Fatal(
                    f"{run} objects in a row cannot be loaded. Nothing of the last batch was settled, its messages "
                    "come again. See the log for the reasons: has a vendor changed its format, or is a profile wrong? "
                    "BILLSTREAM_BREAKER_CONSECUTIVE=0 goes on and quarantines them."
                )
            if len(recent) == self.window and sum(recent) > self.share * self.window:
                raise Fatal(
                    f"{sum(recent)} of the last {self.window} objects cannot be loaded. Nothing of the last batch was "
                    "settled, its messages come again. See the log for the reasons. BILLSTREAM_BREAKER_SHARE=1 goes on "
                    "and quarantines them."
                )

    def record(self, poisoned: Sequence[bool]) -> None:
        """Remember the objects of a unit that was committed."""
        for bad in poisoned:
            self._run = self._run + 1 if bad else 0
            self._recent.append(bad)
            if len(self._recent) > self.window:
                self._recent.popleft()
