"""`billstream quarantine …`, every command thin."""

from typing import Annotated

import typer

from billstream.cli import wiring
from billstream.cli.quarantine import report
from billstream.cli.terminal import AsJson, exit_code, interruptible, progress
from billstream.common.errors import Fatal
from billstream.consumer.quarantine.listing import named, quarantined
from billstream.consumer.quarantine.records import rejected_records
from billstream.consumer.quarantine.reload import reload_objects

app = typer.Typer(help="What could not be loaded, why, and another try.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_command(*, as_json: AsJson = False) -> None:
    """Objects and messages in quarantine, the newest first."""
    settings = wiring.settings_with_logs()
    with wiring.opened_lake(settings, read_only=True) as lake:
        found = quarantined(lake)
    report.items(found, as_json=as_json)


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="KEY", help="A key, or s3://bucket/key.")],
    *,
    limit: Annotated[int, typer.Option(min=1, help="How many records at most.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Why an object is in quarantine, and its records that did not fit."""
    settings = wiring.settings_with_logs()
    with wiring.opened_lake(settings, read_only=True) as lake:
        found = [(item, rejected_records(lake, item, limit)) for item in named(quarantined(lake), [name])]
    report.details(found, as_json=as_json)


@app.command()
def reload(
    names: Annotated[list[str] | None, typer.Argument(metavar="[KEY]...", help="Keys, or s3://bucket/key.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Every object in quarantine.")] = False,
) -> None:
    """Load objects again, in the place of what was loaded of them. Exit code 1 if some remain in quarantine."""
    if bool(names) == everything:
        raise Fatal("Name the objects to load again, or say --all.")
    settings = wiring.settings_with_logs()
    stop = interruptible()
    with wiring.opened_lake(settings) as lake, progress() as bar:
        found = quarantined(lake)
        chosen = found if everything else named(found, names or [])
        objects = [item for item in chosen if not item.is_message]
        task = bar.add_task("Loading", total=len(objects))
        feed = wiring.operator_feed(settings, lake, stop, role="reload")
        done = reload_objects(objects, feed, lambda n: bar.advance(task, n))
    report.reloaded(done, [item for item in chosen if item.is_message], left=len(objects) - len(done))
    raise typer.Exit(exit_code(stop, fine=all(one.mended for one in done) and len(done) == len(chosen)))
