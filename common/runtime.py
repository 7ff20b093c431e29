"""What a long-running process needs of its operating system: signals, names, logs."""

import logging
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable
from types import FrameType

import structlog

from common.settings import LogFormat, Settings

LAST_SECONDS = 5.0
"""How long giving up may take when the grace period has passed."""


class Stop:
    """Set by SIGTERM or SIGINT: finish what is open, then end.

    What takes longer than the grace period is abandoned, and the process ends with exit code 0 all the same. A second
    signal ends it at once. In either case what is open reappears by itself: that is what the queue is for.

    The signals are heard by a thread of their own, so that a main thread that is busy in a library, or waits for a
    network, cannot keep the process from ending.
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        self._abandon: Callable[[], None] = lambda: None

    def install(self, grace_seconds: float = 30.0) -> "Stop":
        """Listen to the signals. Only from the main thread."""
        heard, told = os.pipe()
        os.set_blocking(told, False)
        signal.set_wakeup_fd(told)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _leave_it_to_the_listener)
        threading.Thread(target=self._listen, args=(heard, grace_seconds), name="signals", daemon=True).start()
        return self

    def on_abandon(self, call: Callable[[], None]) -> None:
        """Have `call` called, in another thread and for a few seconds at most, should the grace period pass."""
        self._abandon = call

    def _listen(self, pipe: int, grace_seconds: float) -> None:
        os.read(pipe, 1)
        self._event.set()
        impatient, _, _ = select.select([pipe], [], [], grace_seconds)
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


def process_name(role: str) -> str:
    """A name for this process in ledger and logs: role, host, process id."""
    return f"{role}@{socket.gethostname()}:{os.getpid()}"


def configure_logs(settings: Settings) -> None:
    """Structured events to standard error: JSON for machines, coloured lines for a terminal."""
    as_json = settings.log_format is LogFormat.JSON or (
        settings.log_format is LogFormat.AUTO and not sys.stderr.isatty()
    )
    renderer: structlog.types.Processor
    if as_json:
        renderer = structlog.processors.JSONRenderer(default=str)
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            *([structlog.processors.dict_tracebacks] if as_json else []),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.log_level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
