"""The beginning of every command: settings, logs, signals, an open lake."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import structlog
import typer

from billstream.cli.settings_table import current
from billstream.common import openlineage, retries
from billstream.common.errors import Fatal, Misconfigured, Stopped
from billstream.common.lake import Lake
from billstream.common.runtime import configure_logs, installed_version
from billstream.common.settings import Settings
from billstream.common.stop import Stop
from billstream.common.toml_lines import variables_named
from billstream.common.variables import unknown_variables

STARTING_SECONDS = 1.0
"""A process that has not begun its work has so many seconds to end by itself when it is told to."""

log = structlog.get_logger(__name__)


def settings_with_logs() -> Settings:
    """Return the settings of the environment, after setting up the logs accordingly.

    Raises:
        Misconfigured: a variable is not valid.
    """
    settings = Settings.from_environment()
    configure_logs(settings)
    # A warning only: whoever runs containers cannot always choose their environment.
    # Secrets of sinks and of targets have any name.
    named = variables_named(settings.alerts, "sink") | variables_named(settings.targets, "target")
    for variable, nearest in unknown_variables(os.environ.keys() - named, Settings.model_fields).items():
        log.warning("setting_unknown", variable=variable, nearest=nearest, consequence="it has no effect")
    return settings


def say_started(role: str, settings: Settings, lake: Lake) -> None:
    """Log the lake and every setting that is not at its default; secrets are masked."""
    changed = {name: value for name, value, _ in current(settings) if name in os.environ and value}
    log.info("process_started", role=role, catalog=lake.catalog, data_path=lake.data_path, settings=changed)


@contextmanager
def service(role: str, stop: Stop) -> Iterator[None]:
    """Run a service for the length of the block, and log that it ends in good order; a failure is logged at the edge.

    A stop that is requested before the work begins ends the process at once, also while it waits for a server: there is
    nothing to finish. `begins_work` says that there is, from then on.
    """
    stop.grace_seconds = STARTING_SECONDS
    stop.on_abandon(lambda: _say_ended(role))
    try:
        yield
    except Stopped as stopped:
        log.info("process_stopped", role=role, reason=str(stopped))
    _say_ended(role)


def begins_work(stop: Stop, settings: Settings) -> None:
    """Have a stop leave the work its grace period, from now on."""
    stop.grace_seconds = settings.grace_seconds


def _say_ended(role: str) -> None:
    log.info("process_ended", role=role)


@contextmanager
def opened_lake(
    settings: Settings,
    *,
    create: bool = False,
    read_only: bool = False,
    stop: Stop | None = None,
    seconds: float = retries.COMMAND_SECONDS,
) -> Iterator[Lake]:
    """Yield the lake for the length of the block, after waiting for a catalog that is still starting.

    What is committed in the block is told to a lineage backend, where one is named.

    Args:
        settings: name the lake.
        create: create the lake if there is none, and migrate an older one.
        read_only: refuse every change.
        stop: ends the wait.
        seconds: the longest wait.

    Raises:
        Fatal: there is no lake, or its schema is not this version's.
        CatalogUnavailable: no answer in that time.
        Stopped: a stop was requested while there was no answer.
    """
    opening = retries.patiently(
        lambda: _opened(settings, create=create, read_only=read_only), stop=stop, seconds=seconds
    )
    # A command that only reads has nothing to tell.
    with (
        opening as lake,
        nullcontext() if read_only else openlineage.sending(lake.catalog, lake.data_path, installed_version()),
    ):
        yield lake


def _opened(settings: Settings, *, create: bool, read_only: bool) -> Lake:
    """Open the lake; what a server refuses at the door, such as a password or a privilege, is configuration."""
    try:
        return Lake.open(settings, create=create, read_only=read_only)
    except Fatal as error:
        if isinstance(error, Misconfigured) or not settings.catalog_url.strip().startswith("postgres"):
            raise
        raise Misconfigured(str(error)) from error


def signals(context: typer.Context, settings: Settings) -> Stop:
    """Return the stop that has listened for signals since the process began, or a new one."""
    stop = context.obj if isinstance(context.obj, Stop) else Stop().install()
    stop.grace_seconds = settings.grace_seconds
    return stop
