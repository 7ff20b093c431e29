"""The name and the log of a process. Its signals are in `common.stop`."""

import logging
import os
import socket
import sys

import structlog

from billstream.common.settings import LogFormat, Settings


def process_name(role: str) -> str:
    """Return the name of this process in ledger and logs: role, host, process id."""
    return f"{role}@{socket.gethostname()}:{os.getpid()}"


def configure_logs(settings: Settings) -> None:
    """Send structured log events to standard error: JSON for machines, coloured lines for a terminal."""
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
        # The configuration does not change after the start.
        cache_logger_on_first_use=True,
    )
