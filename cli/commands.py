"""Every command, thin."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from billstream.aggregator.loop import follow
from billstream.aggregator.publish import publish
from billstream.aggregator.refresh import rebuild, refresh_once
from billstream.cli import changes, operator_commands, profiles, report, wiring
from billstream.cli.aws_setup import set_up_aws
from billstream.cli.demo import run_demo
from billstream.cli.files import find_files, load_files
from billstream.cli.output import Format, console, shown, write_result
from billstream.cli.query import read_only
from billstream.cli.settings_table import markdown
from billstream.cli.status import read_status
from billstream.common import aws as aws_clients
from billstream.common.errors import BillstreamError
from billstream.common.settings import Settings
from billstream.common.stop import Stop

app = typer.Typer(
    name="billstream",
    help="The shortest safe road from a bucket of billing CSVs to numbers a company can act on.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(operator_commands.app)
app.add_typer(changes.app)
app.add_typer(profiles.app, name="profile")
out = console()


def run(stop: Stop | None) -> None:
    """Run the command of the command line: an error of ours becomes one sentence on standard error and exit code 1.

    Args:
        stop: what hears the signals already, if anything does.
    """
    try:
        app(obj=stop)
    except BillstreamError as error:
        Console(stderr=True, soft_wrap=True).print(shown(f"billstream: {error}"), style="red", highlight=False)
        sys.exit(1)


@app.command()
def init(
    *,
    aws: Annotated[bool, typer.Option("--aws", help="Also make bucket, queues and the notification.")] = False,
) -> None:
    """Make the lake, or bring an older one up to date."""
    settings = wiring.settings_with_logs()
    if aws:
        resources = set_up_aws(settings, s3=aws_clients.s3_client(), sqs=aws_clients.sqs_client())
        report.aws_resources(out, resources)
    with wiring.opened_lake(settings, create=True) as lake:
        out.print(shown(f"lake at {lake.catalog}, data in {lake.data_path}"))


@app.command()
def consume(
    context: typer.Context,
    *,
    drain: Annotated[bool, typer.Option("--drain", help="End when the queue is empty, with a summary.")] = False,
) -> None:
    """Ingest what the queue announces, until told to stop."""
    settings = wiring.settings_with_logs()
    stop = _hearing(context, settings)
    if stop.requested:
        wiring.say_ended("consumer")
        return
    with wiring.opened_lake(settings) as lake:
        wiring.say_started("consumer", settings, lake)
        summary = wiring.worker(settings, lake, stop).run(drain=drain)
    wiring.say_ended("consumer")
    if drain:
        report.consumer_summary(out, summary)


@app.command()
def aggregate(
    context: typer.Context,
    *,
    once: Annotated[bool, typer.Option("--once", help="Refresh once, publish, and end.")] = False,
) -> None:
    """Keep aggregates and insights true to the lake, until told to stop."""
    settings = wiring.settings_with_logs()
    stop = _hearing(context, settings)
    if stop.requested:
        wiring.say_ended("aggregator")
        return
    with wiring.opened_lake(settings) as lake:
        if not once:
            wiring.say_started("aggregator", settings, lake)
            follow(lake, settings, stop)
            wiring.say_ended("aggregator")
            return
        refreshed = refresh_once(lake)
        publish(lake, settings, refreshed)
    report.refresh(out, refreshed, settings)


@app.command("rebuild")
def rebuild_command() -> None:
    """Compute the aggregates from scratch and publish the insights."""
    settings = wiring.settings_with_logs()
    with wiring.opened_lake(settings) as lake:
        rebuilt = rebuild(lake)
        publish(lake, settings, rebuilt)
    report.refresh(out, rebuilt, settings)


@app.command()
def load(paths: Annotated[list[Path], typer.Argument(help="Files, or folders with files.")]) -> None:
    """Ingest local files through the same decode, ledger and commit as those of a bucket."""
    settings = wiring.settings_with_logs()
    files = find_files(paths, settings, wiring.layouts(settings))
    with (
        wiring.opened_lake(settings, create=True) as lake,
        Progress(transient=True, disable=not sys.stderr.isatty(), console=Console(stderr=True)) as bar,
    ):
        task = bar.add_task("Loading", total=len(files))
        loading = load_files(files, wiring.local_intake(settings, lake), settings, lambda n: bar.advance(task, n))
    report.loading(out, loading)
    if loading.troubles:
        raise typer.Exit(1)


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="One SELECT.")],
    form: Annotated[Format, typer.Option("--format", help="How the result is written.")] = Format.TABLE,
) -> None:
    """Run a read-only query over the lake."""
    settings = wiring.settings_with_logs()
    with wiring.opened_lake(settings, read_only=True) as lake:
        write_result(read_only(lake, query), form)


@app.command()
def status(*, as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Queue depth, ledger states, lag, last refresh."""
    settings = wiring.settings_with_logs()
    with wiring.opened_lake(settings, read_only=True) as lake:
        state = read_status(lake, *wiring.queue_depth(settings))
    if as_json:
        sys.stdout.write(json.dumps(state.as_json(), default=str, indent=1) + "\n")
    else:
        report.status(out, state)


@app.command()
def demo(
    *,
    input_dir: Annotated[Path | None, typer.Option("--input", help="Your own files instead of samples.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave it running until Ctrl-C.")] = False,
    days: Annotated[int, typer.Option(help="Days of samples.", min=2, max=400)] = 90,
) -> None:
    """Watch billing files travel from S3 through SQS into the lake and out as insights, on an emulated AWS."""
    settings = wiring.settings_with_logs()
    raise typer.Exit(run_demo(home=settings.home, console=out, input_dir=input_dir, keep=keep, days=days))


@app.command("settings")
def settings_command(
    *, as_markdown: Annotated[bool, typer.Option("--markdown", help="The README's table.")] = False
) -> None:
    """Every environment variable, what it means, and what it is now; secrets are masked."""
    if as_markdown:
        sys.stdout.write(markdown())
    else:
        report.settings(out, wiring.settings_with_logs())


def _hearing(context: typer.Context, settings: Settings) -> Stop:
    """What hears the signals since the process began; one that hears them from now on where nothing does yet."""
    stop = context.obj if isinstance(context.obj, Stop) else Stop().install()
    stop.grace_seconds = settings.grace_seconds
    return stop
