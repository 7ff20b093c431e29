"""Signals that end a demo in good order: as one exception."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """A signal asked the demo to end. It is not an `Exception`, so that no handler takes it for a failure."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number

    @property
    def exit_code(self) -> int:
        """The exit code that a shell reports for a process ended by this signal."""
        return 128 + self.number


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn the first ending signal into `Interrupted`; further ones do not disturb the clean-up.

    SIGINT is handled even where it was ignored, as it is for a shell's background jobs. For the main thread only.
    """
    received: list[int] = []

    def interrupt(number: int, _frame: object) -> None:
        received.append(number)
        for ending in ENDING:
            signal.signal(ending, signal.SIG_IGN)
        raise Interrupted(number)

    before = {ending: signal.signal(ending, interrupt) for ending in ENDING}
    try:
        yield
    except Exception as error:
        if received:  # DuckDB turns what a handler raises during a query into an error of its own
            raise Interrupted(received[0]) from error
        raise
    finally:
        for ending, handler in before.items():
            signal.signal(ending, handler)
