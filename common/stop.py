"""Told to end: signals, heard from the first moment on. Imports nothing but Python's own, to be there at once."""

import os
import select
import signal
import threading
from collections.abc import Callable
from types import FrameType

LAST_SECONDS = 5.0
"""How long giving up may take when the grace period has passed."""


class Stop:
    """Set by SIGTERM or SIGINT: finish what is open, then end.

    What takes longer than the grace period is abandoned, and the process ends with exit code 0 all the same. A second
    signal ends it at once. In either case what is open reappears by itself: that is what the queue is for.

    The signals are heard by a thread of their own, so that a main thread that is busy in a library, or waits for a
    network, cannot keep the process from ending.
    """

    def __init__(self, grace_seconds: float = 30.0) -> None:
        self.grace_seconds = grace_seconds
        self._event = threading.Event()
        self._abandon: Callable[[], None] = lambda: None

    def install(self) -> "Stop":
        """Listen to the signals. Only from the main thread. The grace period may be set until one is heard."""
        heard, told = os.pipe()
        os.set_blocking(told, False)
        signal.set_wakeup_fd(told)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _leave_it_to_the_listener)
        threading.Thread(target=self._listen, args=(heard,), name="signals", daemon=True).start()
        return self

    def on_abandon(self, call: Callable[[], None]) -> None:
        """Have `call` called, in another thread and for a few seconds at most, should the grace period pass."""
        self._abandon = call

    def _listen(self, pipe: int) -> None:
        os.read(pipe, 1)
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
        """Whether it is time to end."""
        return self._event.is_set()

    def request(self) -> None:
        """Ask for the end from within."""
        self._event.set()

    def wait(self, seconds: float) -> bool:
        """Sleep, or less when the end is asked for. Returns `requested`."""
        return self._event.wait(seconds)


def _leave_it_to_the_listener(_number: int, _frame: FrameType | None) -> None:
    """A signal reaches the pipe only if Python has a handler for it."""
