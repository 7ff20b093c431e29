"""What a long-running process needs of its operating system: signals, names, logs."""

import logging
import os
import signal
import socket
import sys
import threading
from types import FrameType

import structlog

from common.settings import LogFormat, Settings


class Stop:
    """Set by SIGTERM or SIGINT: finish what is open, then end. A second signal ends the process at once."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def install(self) -> "Stop":
        """Listen to the signals. Only from the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        return self

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._event.is_set():
            # What is open reappears by itself: that is what the queue is for.
            os._exit(128 + number)
        self._event.set()

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
