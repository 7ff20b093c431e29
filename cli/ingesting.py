"""The commands that bring files into the lake, and make it."""

import math
import sys
from pathlib import Path
from typing import Annotated

import typer

from billstream.cli.terminal import examples, exit_code, interruptible, out, shown

app = typer.Typer(rich_markup_mode=None)


@app.command(epilog=examples("billstream init", "BILLSTREAM_BUCKET=billing billstream init --aws"))
def init(
    *,
    aws: Annotated[
        bool, typer.Option("--aws", help="Also create the bucket, its queues and the notification.")
    ] = False,
    data_moved: Annotated[
        bool, typer.Option("--data-moved", help="The lake's files were moved: record the new data path.")
    ] = False,
    from_bucket: Annotated[
        bool, typer.Option("--from-bucket", help="Also load every object of the configured buckets.")
    ] = False,
) -> None:
    """Create the lake, or migrate an older one.

    It may be run any number of times: what exists stays. With --aws it also creates the bucket, the queue, the
    dead-letter queue and the bucket's notification, and keeps what others have configured there.

    With --data-moved it first does what billstream relocate does. With --from-bucket it rebuilds a lost lake: it loads
    every object that is in the bucket now, and makes aggregates and insights. Exit code 1 if an object could not be
    loaded.
    """
    from billstream.cli import opening, report
    from billstream.common import aws as aws_clients
    from billstream.common import retries
    from billstream.common.lake.moved import record_moved_data
    from billstream.common.outputs import refuse_feedback
    from billstream.consumer.provision import set_up_aws

    settings = opening.settings_with_logs()
    refuse_feedback(settings)
    if data_moved:
        retries.patiently(lambda: record_moved_data(settings))
    if aws:
        resources = set_up_aws(settings, s3=aws_clients.s3_client(), sqs=aws_clients.sqs_client())
        report.aws_resources(out, resources)
    with opening.opened_lake(settings, create=True) as lake:
        out.print(shown(f"lake at {lake.catalog}, data in {lake.data_path}"))
        if from_bucket:
            from billstream.cli.rebuilding import load_bucket

            stop = interruptible()
            raise typer.Exit(exit_code(stop, fine=load_bucket(settings, lake, stop)))


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
    from billstream.cli import observing, opening, report, wiring
    from billstream.common import retries
    from billstream.common.outputs import refuse_feedback

    settings = opening.settings_with_logs()
    refuse_feedback(settings)
    stop = opening.signals(context, settings)
    patience = retries.COMMAND_SECONDS if drain else math.inf
    # Loading the code takes a second: a signal may have come before there was anything to stop.
    with (
        opening.service("consumer", stop),
        observing.observed(settings, "consumer", running=not drain),
        opening.opened_lake(settings, stop=stop, seconds=patience) as lake,
    ):
        opening.say_started("consumer", settings, lake)
        wiring.follow_rules(settings, lake, role="consumer")
        worker = wiring.worker(settings, lake, stop, seconds=patience)
        opening.begins_work(stop, settings)
        try:
            worker.run(drain=drain)
        finally:
            if drain:
                report.consumer_summary(out, worker.summary)


@app.command(epilog=examples("billstream load bills/", "billstream load march.csv april.csv.gz"))
def load(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Files, or folders of files, e.g. bills/.")],
) -> None:
    """Load local files.

    Local files go through the same checks, ledger and commit as the objects of a bucket, so loading one again changes
    nothing. In folders, files that match BILLSTREAM_INCLUDE are loaded. Exit code 1 if a file could not be loaded.
    """
    from rich.console import Console
    from rich.progress import Progress

    from billstream.cli import opening, report, wiring
    from billstream.common.outputs import refuse_feedback
    from billstream.consumer.backfill.local_files import find_files, load_files

    settings = opening.settings_with_logs()
    refuse_feedback(settings)
    files = find_files(paths, settings, wiring.layouts(settings))
    with (
        opening.opened_lake(settings, create=True) as lake,
        Progress(transient=True, disable=not sys.stderr.isatty(), console=Console(stderr=True)) as bar,
    ):
        wiring.follow_rules(settings, lake, role="load")
        task = bar.add_task("Loading", total=len(files))
        loading = load_files(files, wiring.local_intake(settings, lake), settings, lambda n: bar.advance(task, n))
    # What was loaded stays, so the report comes before the exit code.
    report.loading(out, loading)
    if loading.troubles:
        raise typer.Exit(1)
