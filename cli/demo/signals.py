"""Ctrl-C and its kin end a demo the orderly way: as an exception, once."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """Somebody asked the demo to end. No `Exception`: nothing on the way may take it for a failure to be handled."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number

    @property
    def exit_code(self) -> int:
        """What a shell reports of a process that this signal has ended."""
        return 128 + self.number


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn the first ending signal into `Interrupted`; further ones do not disturb the tidying up.

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
