"""The name and the log of a process. Its signals are in `common.stop`."""

import logging
import os
import socket
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer

from billstream.common.masking import masking
from billstream.common.policies import LogFormat
from billstream.common.settings import Settings

# Made once: a union in the code is made anew for each value of each event.
_NUMBERS, _LISTS = (bool, int, float, type(None)), (list, tuple)
# Written by billstream alone.
_OWN_WORDS = frozenset({"event", "level", "timestamp", "service", "version", "consumer_id"})

SERVICES = {"consume": "consumer", "aggregate": "aggregator"}
"""The commands that are services, with the names that they have in logs and ledger."""


def process_name(role: str) -> str:
    """Return the name of this process in ledger and logs: role, host, process id."""
    return f"{role}@{socket.gethostname()}:{os.getpid()}"


def service_name() -> str:
    """Return what this process is: `consumer`, `aggregator`, or the name of its command."""
    command = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), "billstream")
    return SERVICES.get(command, command)


def configure_logs(settings: Settings) -> None:
    """Send structured log events to standard error: JSON for machines, coloured lines for a terminal.

    Each has `service`, `version` and `consumer_id`, which is also in the ledger.
    """
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
            _of_this_process(),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            # Without the local variables of each frame: they hold passwords and rows of bills.
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
            if as_json
            else structlog.processors.format_exc_info,
            _without_secrets,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.log_level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        # The configuration does not change after the start.
        cache_logger_on_first_use=True,
    )


def _without_secrets(_: object, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Mask the secrets of this process in all values of an event, whoever wrote them."""
    mask = masking()
    return {name: value if name in _OWN_WORDS else _masked(value, mask) for name, value in event.items()}


def _masked(value: Any, mask: Callable[[str], str]) -> Any:  # noqa: ANN401 - whatever an event has
    if isinstance(value, _NUMBERS):
        return value
    if isinstance(value, dict):
        return {name: _masked(part, mask) for name, part in value.items()}
    if isinstance(value, _LISTS):
        return [_masked(part, mask) for part in value]
    return mask(str(value))


def _of_this_process() -> structlog.types.Processor:
    """Return a processor that adds the fields of this process; variables of a context would not reach every thread."""
    service = service_name()
    fields = {"service": service, "version": installed_version(), "consumer_id": process_name(service)}

    def add(_logger: object, _method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
        return {**fields, **event}

    return add


def installed_version() -> str:
    """Return the version of billstream; `0+unknown` where the source is used without an installation."""
    try:
        return version("billstream")
    except PackageNotFoundError:
        return "0+unknown"
