"""`billstream quarantine …`, every command thin."""

from typing import Annotated

import typer

from billstream.cli.terminal import AsJson, examples, exit_code, interruptible, progress
from billstream.common.errors import WrongUsage

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_KEY = "Key or object URI, e.g. s3://billing/march.csv."


@app.callback()
def quarantine() -> None:
    """List and reload what could not be loaded.

    In quarantine are files that could not be read, records of a file that do not fit, and messages that are not
    readable, each with its reason. Nothing is ever dropped without a trace.
    """


@app.command("list", epilog=examples("billstream quarantine list", "billstream quarantine list --json"))
def list_command(*, as_json: AsJson = False) -> None:
    """List what is in quarantine, the newest first.

    On a terminal each entry has three lines; in a file or a pipe it is one line.
    """
    from billstream.cli import opening
    from billstream.cli.quarantine import report
    from billstream.consumer.quarantine import quarantined

    settings = opening.settings_with_logs()
    with opening.opened_lake(settings, read_only=True) as lake:
        found = quarantined(lake)
    report.items(found, as_json=as_json)


@app.command(epilog=examples("billstream quarantine show exports/march.csv --limit 5"))
def show(
    name: Annotated[str, typer.Argument(metavar="KEY", help=_KEY)],
    *,
    limit: Annotated[int, typer.Option(min=1, help="Rejected records shown at most, e.g. 5.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show a file's reason and rejected records.

    Each rejected record has its line in the file, the column, the value and the reason.
    """
    from billstream.cli import opening
    from billstream.cli.quarantine import report
    from billstream.consumer.quarantine import named, quarantined, rejected_records

    settings = opening.settings_with_logs()
    with opening.opened_lake(settings, read_only=True) as lake:
        found = [(item, rejected_records(lake, item, limit)) for item in named(quarantined(lake), [name])]
    report.details(found, as_json=as_json)


@app.command(epilog=examples("billstream quarantine reload exports/march.csv", "billstream quarantine reload --all"))
def reload(
    names: Annotated[list[str] | None, typer.Argument(metavar="KEY", help=_KEY)] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Reload every object in quarantine.")] = False,
) -> None:
    """Load objects in quarantine again.

    Use it once the file, its profile or a permission was corrected: the current version of each object replaces what
    was loaded of it. Exit code 1 if something of them stays in quarantine.
    """
    from billstream.cli import opening, wiring
    from billstream.cli.quarantine import report
    from billstream.consumer.quarantine import named, quarantined, reload_objects

    if bool(names) == everything:
        raise WrongUsage("Name the objects to reload, or use --all; nothing was reloaded.")
    settings = opening.settings_with_logs()
    stop = interruptible()
    with opening.opened_lake(settings) as lake, progress() as bar:
        found = quarantined(lake)
        chosen = found if everything else named(found, names or [])
        # A message has no object that could be read again.
        objects = [item for item in chosen if not item.is_message]
        task = bar.add_task("Loading", total=len(objects))
        backfill = wiring.operator_backfill(settings, lake, stop, role="reload")
        done = reload_objects(objects, backfill, lambda n: bar.advance(task, n))
    report.reloaded(done, [item for item in chosen if item.is_message], left=len(objects) - len(done))
    raise typer.Exit(exit_code(stop, fine=all(one.complete for one in done) and len(done) == len(chosen)))
