"""Something to be done every so many seconds, between other work and in the same thread."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Periodic:
    """A task and its interval; due for the first time when one interval has passed.

    Args:
        seconds: from the end of one run to the beginning of the next.
        task: what is to be done; when it raises, it is due again at once.
        clock: seconds that never go back.
    """

    seconds: float
    task: Callable[[], object]
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._due_at = self.clock() + self.seconds

    def run_if_due(self) -> bool:
        """Do it if it is time. Returns whether it was done."""
        if self.clock() < self._due_at:
            return False
        self.task()
        self._due_at = self.clock() + self.seconds
        return True
