"""What a long-running process needs of its operating system: signals (see `common.stop`), names, logs."""

import logging
import os
import socket
import sys

import structlog

from billstream.common.settings import LogFormat, Settings
from billstream.common.stop import Stop

__all__ = ["Stop", "configure_logs", "process_name"]


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
