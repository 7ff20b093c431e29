"""Every command of the pipeline itself, thin. Others: `operator_commands`, `changes`, `profiles`, `demo`."""

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
from billstream.cli.demo.commands import app as demo_app
from billstream.cli.output import Format, write_result
from billstream.cli.query import read_only
from billstream.cli.settings_table import markdown
from billstream.cli.status import read_status
from billstream.cli.terminal import AsJson, console, examples, shown, write_json
from billstream.common import aws as aws_clients
from billstream.common.errors import BillstreamError
from billstream.common.lake.connect import connect_sql
from billstream.common.settings import Settings
from billstream.common.stop import Stop
from billstream.consumer.backfill.local_files import find_files, load_files
from billstream.consumer.provision import set_up_aws

app = typer.Typer(name="billstream", no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)
out = console()


def run(stop: Stop | None) -> None:
    """Run the command of the command line; an error of ours becomes one sentence on standard error and exit code 1.

    Args:
        stop: the stop that listens for signals already, if there is one.
    """
    try:
        app(obj=stop)
    except BillstreamError as error:
        Console(stderr=True, soft_wrap=True).print(shown(f"billstream: {error}"), style="red", highlight=False)
        sys.exit(1)


def _print_version(*, wanted: bool) -> None:
    if wanted:
        from billstream import __version__  # noqa: PLC0415 - it reads the metadata of the installed package

        sys.stdout.write(f"billstream {__version__}\n")
        raise typer.Exit


@app.callback()
def billstream(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """The shortest safe road from a bucket of billing CSVs to numbers a company can act on.

    Settings come from BILLSTREAM_* environment variables; `billstream settings` lists them. `billstream COMMAND --help`
    shows the options of a command, and examples.
    """


@app.command(epilog=examples("billstream init", "BILLSTREAM_BUCKET=billing billstream init --aws"))
def init(
    *,
    aws: Annotated[
        bool, typer.Option("--aws", help="Also create the bucket, its queues and the notification.")
    ] = False,
) -> None:
    """Create the lake, or migrate an older one.

    It may be run any number of times: what exists stays. With --aws it also creates the bucket, the queue, the
    dead-letter queue and the bucket's notification, and keeps what others have configured there.
    """
    settings = wiring.settings_with_logs()
    if aws:
        resources = set_up_aws(settings, s3=aws_clients.s3_client(), sqs=aws_clients.sqs_client())
        report.aws_resources(out, resources)
    with wiring.opened_lake(settings, create=True) as lake:
        out.print(shown(f"lake at {lake.catalog}, data in {lake.data_path}"))


@app.command(epilog=examples("billstream consume", "billstream consume --drain"))
def consume(
    context: typer.Context,
    *,
    drain: Annotated[bool, typer.Option("--drain", help="Exit with a summary once the queue is empty.")] = False,
) -> None:
    """Load files as the queue announces them.

    Runs until Ctrl-C or SIGTERM; in-flight work is finished then, and unfinished messages return to the queue. Any
    number of consumers may run at once.
    """
    settings = wiring.settings_with_logs()
    stop = _stop(context, settings)
    # Loading the code takes a second: a signal may have come before there was anything to stop.
    if stop.requested:
        wiring.say_ended("consumer")
        return
    with wiring.opened_lake(settings) as lake:
        wiring.say_started("consumer", settings, lake)
        summary = wiring.worker(settings, lake, stop).run(drain=drain)
    wiring.say_ended("consumer")
    if drain:
        report.consumer_summary(out, summary)


@app.command(epilog=examples("billstream aggregate", "billstream aggregate --once"))
def aggregate(
    context: typer.Context,
    *,
    once: Annotated[bool, typer.Option("--once", help="Refresh and publish once, then exit.")] = False,
) -> None:
    """Keep aggregates and insights up to date.

    Runs until Ctrl-C or SIGTERM. Each refresh reads only what has changed in the lake, and then publishes
    insights.json, insights.md and dashboard.html.
    """
    settings = wiring.settings_with_logs()
    stop = _stop(context, settings)
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


@app.command("rebuild", epilog=examples("billstream rebuild"))
def rebuild_command() -> None:
    """Recompute the aggregates from all charges.

    Replaces the aggregates in one commit, and publishes the insights. A refresh gives the same numbers at less cost;
    use this when `billstream verify` finds a difference.
    """
    settings = wiring.settings_with_logs()
    with wiring.opened_lake(settings) as lake:
        rebuilt = rebuild(lake)
        publish(lake, settings, rebuilt)
    report.refresh(out, rebuilt, settings)


@app.command(epilog=examples("billstream load bills/", "billstream load march.csv april.csv.gz"))
def load(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Files, or folders of files, e.g. bills/.")],
) -> None:
    """Load local files.

    Local files go through the same checks, ledger and commit as the objects of a bucket, so loading one again changes
    nothing. In folders, files that match BILLSTREAM_INCLUDE are loaded. Exit code 1 if a file could not be loaded.
    """
    settings = wiring.settings_with_logs()
    files = find_files(paths, settings, wiring.layouts(settings))
    with (
        wiring.opened_lake(settings, create=True) as lake,
        Progress(transient=True, disable=not sys.stderr.isatty(), console=Console(stderr=True)) as bar,
    ):
        task = bar.add_task("Loading", total=len(files))
        loading = load_files(files, wiring.local_intake(settings, lake), settings, lambda n: bar.advance(task, n))
    # What was loaded stays, so the report comes before the exit code.
    report.loading(out, loading)
    if loading.troubles:
        raise typer.Exit(1)


@app.command(
    epilog=examples(
        'billstream sql "SELECT region_id, sum(billed_cost) FROM charges GROUP BY 1"',
        'billstream sql --format csv "FROM charges LIMIT 10" > charges.csv',
    )
)
def sql(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="One SELECT, e.g. 'SELECT count(*) FROM charges'.")],
    form: Annotated[Format, typer.Option("--format", help="Form of the result, e.g. csv.")] = Format.TABLE,
) -> None:
    """Query the lake, read-only.

    Runs one SELECT in DuckDB's SQL; nothing can be changed. On a terminal, columns that do not fit are left out in the
    middle and counted. In JSON decimals are strings, so that no digit is lost.
    """
    settings = wiring.settings_with_logs()
    with wiring.opened_lake(settings, read_only=True) as lake:
        write_result(read_only(lake, query), form)


@app.command(epilog=examples("billstream connect", "billstream connect > lake.sql && duckdb -init lake.sql"))
def connect() -> None:
    """Print SQL that attaches the lake elsewhere.

    The statements attach this lake read-only from plain DuckDB: its shell, Python, a BI tool. They hold no secrets:
    replace <password> and the like yourself.
    """
    settings = wiring.settings_with_logs()
    statements = connect_sql(settings)
    report.connection(statements)


@app.command(epilog=examples("billstream status", "billstream status --json"))
def status(*, as_json: AsJson = False) -> None:
    """Show queue depth, ledger states and lag.

    Also counts active loads, rows and rejected rows, and shows how far the aggregates are behind.
    """
    settings = wiring.settings_with_logs()
    with wiring.opened_lake(settings, read_only=True) as lake:
        state = read_status(lake, *wiring.queue_depth(settings))
    if as_json:
        write_json(state.as_json())
    else:
        report.status(out, state)


app.add_typer(operator_commands.app)
app.add_typer(changes.app)
app.add_typer(profiles.app, name="profile")


@app.command("settings", epilog=examples("billstream settings", "billstream settings --markdown"))
def settings_command(
    *,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print all settings with their defaults as a Markdown table.")
    ] = False,
) -> None:
    """List all settings with their values.

    Shows each BILLSTREAM_* environment variable, its value now and its meaning; secrets are masked.
    """
    if as_markdown:
        sys.stdout.write(markdown())
    else:
        report.settings(out, wiring.settings_with_logs())


app.add_typer(demo_app)


def _stop(context: typer.Context, settings: Settings) -> Stop:
    """Return the stop that has listened for signals since the process began, or a new one."""
    stop = context.obj if isinstance(context.obj, Stop) else Stop().install()
    stop.grace_seconds = settings.grace_seconds
    return stop
