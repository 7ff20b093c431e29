"""Signals to stop. Imports only the standard library, so that a process handles them from its first moment."""

import os
import select
import signal
import threading
from collections.abc import Callable
from types import FrameType

LAST_SECONDS = 5.0
"""Seconds for the last call (see `on_abandon`) after the grace period."""


class Stop:
    """A request to stop, made by SIGTERM or SIGINT: finish the in-flight work, then end.

    Work that takes longer than the grace period is abandoned, and the process ends with exit code 0 all the same. A
    second signal ends it at once. In both cases unfinished messages return to the queue by themselves.

    A thread of its own handles the signals, so that a main thread that is busy in a library, or waits for a network,
    cannot keep the process from ending.
    """

    def __init__(self, grace_seconds: float = 30.0) -> None:
        self.grace_seconds = grace_seconds
        self._event = threading.Event()
        self._abandon: Callable[[], None] = lambda: None

    def install(self) -> "Stop":
        """Handle the signals from now on; call it in the main thread. The grace period may change until one arrives."""
        heard, told = os.pipe()
        os.set_blocking(told, False)
        signal.set_wakeup_fd(told)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _leave_it_to_the_listener)
        threading.Thread(target=self._listen, args=(heard,), name="signals", daemon=True).start()
        return self

    def on_abandon(self, call: Callable[[], None]) -> None:
        """Set what is called when the grace period ends: in another thread, for `LAST_SECONDS` at most."""
        self._abandon = call

    def _listen(self, pipe: int) -> None:
        os.read(pipe, 1)  # Python writes the number of each signal into the pipe, whatever the main thread does
        self._event.set()
        impatient, _, _ = select.select([pipe], [], [], self.grace_seconds)
        if impatient:
            os._exit(128 + os.read(pipe, 1)[0])
        last_act = threading.Thread(target=self._abandon, name="abandon", daemon=True)
        last_act.start()
        last_act.join(LAST_SECONDS)
        os._exit(0)

    @property
    def requested(self) -> bool:
        """Return whether a stop was requested."""
        return self._event.is_set()

    def request(self) -> None:
        """Request a stop from within the process."""
        self._event.set()

    def wait(self, seconds: float) -> bool:
        """Sleep until the time is over or a stop is requested. Returns `requested`."""
        return self._event.wait(seconds)


def _leave_it_to_the_listener(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: a signal reaches the pipe only if Python has a handler for it."""
