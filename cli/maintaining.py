"""The command that maintains the lake."""

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from billstream.cli.terminal import AsJson, examples
from billstream.common.errors import Retryable
from billstream.common.stop import Stop

if TYPE_CHECKING:
    from billstream.common.lake import Lake
    from billstream.common.settings import Settings

app = typer.Typer(rich_markup_mode=None)


@app.command(
    "maintain",
    epilog=examples("billstream maintain --once", "billstream maintain --dry-run --json"),
)
def maintain_command(
    context: typer.Context,
    *,
    once: Annotated[bool, typer.Option("--once", help="Do what is due, then exit.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done; change nothing.")] = False,
    orphans: Annotated[bool, typer.Option("--orphans", help="List files that the catalog does not know.")] = False,
    remove: Annotated[bool, typer.Option("--remove-orphans", help="Remove these files.")] = False,
    days: Annotated[int, typer.Option("--older-than", min=1, help="Least age of these files in days, e.g. 30.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Keep the lake small and fast.

    Merges small data files, moves rows from the catalog to files, expires snapshots that are older than
    BILLSTREAM_KEEP_SNAPSHOTS and that nobody reads from, and removes files that no snapshot needs. Runs until Ctrl-C or
    SIGTERM. The aggregator does the same by itself, unless BILLSTREAM_MAINTAIN is false. Exit code 1 if a step was left
    for later.
    """
    from billstream.cli import maintenance_report, opening
    from billstream.maintenance.orphans import find_orphans, remove_orphans
    from billstream.maintenance.upkeep import foresee, limits_of

    single = once or dry_run or orphans or remove
    if as_json and not single:
        raise typer.BadParameter("--json needs --once, --dry-run, --orphans or --remove-orphans.")
    settings = opening.settings_with_logs()
    if orphans or remove:
        with opening.opened_lake(settings) as lake:  # DuckLake lists nothing over a connection that only reads
            found = (remove_orphans if remove else find_orphans)(lake, timedelta(days=days))
        maintenance_report.orphans(found, removed=remove, as_json=as_json)
    elif dry_run:
        with opening.opened_lake(settings, read_only=True) as lake:
            facts, steps = foresee(lake, limits_of(settings))
        maintenance_report.foreseen(facts, steps, as_json=as_json)
    else:
        _maintain(context, settings, once=once, as_json=as_json)


def _maintain(context: typer.Context, settings: "Settings", *, once: bool, as_json: bool) -> None:
    from billstream.cli import maintenance_report, observing, opening
    from billstream.common import retries
    from billstream.maintenance.upkeep import limits_of, maintain

    stop = opening.signals(context, settings)
    patience = retries.COMMAND_SECONDS if once else math.inf
    with (
        opening.service("maintenance", stop),
        observing.observed(settings, "maintain", running=not once),
        opening.opened_lake(settings, stop=stop, seconds=patience) as lake,
    ):
        opening.begins_work(stop, settings)
        if not once:
            opening.say_started("maintenance", settings, lake)
            _follow(lake, settings, stop)
            return
        report = maintain(lake, limits_of(settings), stop=stop)
    maintenance_report.maintained(report, as_json=as_json)
    raise typer.Exit(1 if report.failed else 0)


def _follow(lake: "Lake", settings: "Settings", stop: Stop) -> None:
    """Maintain the lake every minute until told to stop. A failure that may pass is logged, and the next run tries."""
    from billstream.common.metrics.health import HEALTH
    from billstream.maintenance.upkeep import EVERY_SECONDS, limits_of, log, maintain

    HEALTH.usual_wait = EVERY_SECONDS
    while True:
        try:
            lake.begin_work()
            maintain(lake, limits_of(settings), stop=stop)
            HEALTH.goes_on()
        except Retryable as error:
            HEALTH.waits(error)
            log.warning("maintenance_postponed", seconds=EVERY_SECONDS, reason=str(error))
        if stop.wait(EVERY_SECONDS):
            return
