"""The commands with which an operator finds out what became of files and messages, and puts it right; each one thin."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from billstream.cli.replay.origin import Origin
from billstream.cli.terminal import AsJson, examples, exit_code, interruptible, progress, write_json
from billstream.consumer.limits import FASTEST, MAX_SHARE

app = typer.Typer(rich_markup_mode=None)


def _day(which: str) -> Any:  # noqa: ANN401 - typer does not say what an option is
    return typer.Option(
        formats=["%Y-%m-%d"],
        metavar="DAY",
        help=f"{which} day of the objects (UTC), e.g. 2026-03-31. Default: no limit.",
    )


FirstDay = Annotated[datetime | None, _day("First")]
LastDay = Annotated[datetime | None, _day("Last")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done; change nothing.")]


@app.command(epilog=examples("billstream dlq", "billstream dlq --limit 5 --json"))
def dlq(
    *, limit: Annotated[int, typer.Option(min=1, help="Messages shown at most, e.g. 5.")] = 20, as_json: AsJson = False
) -> None:
    """Show dead letters and their causes.

    For each message: its events, what the ledger has of their objects, and what a redrive would do. Nothing is taken
    out of the dead-letter queue.
    """
    from billstream.cli import opening, wiring
    from billstream.cli.dlq import report as dlq_report
    from billstream.consumer.dead_letters import diagnose

    settings = opening.settings_with_logs()
    letters = wiring.dead_letters(settings)
    with opening.opened_lake(settings, read_only=True) as lake:
        total = letters.count()
        found = diagnose(letters.peek(limit), lake, wiring.layouts(settings))
    dlq_report.letters(found, total=total, as_json=as_json)


@app.command(epilog=examples("billstream redrive --dry-run", "billstream redrive --limit 100 --rate 10"))
def redrive(
    *,
    dry_run: DryRun = False,
    rate: Annotated[
        int | None, typer.Option(min=1, max=FASTEST, help="Messages per second at most, e.g. 10. Default: no limit.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Messages moved at most, e.g. 100. Default: all.")] = None,
) -> None:
    """Move dead letters back to the queue.

    The consumers then try them again. No message is lost if it is stopped early; one that is moved twice changes
    nothing.
    """
    from billstream.cli import opening, wiring
    from billstream.cli.dlq import report as dlq_report
    from billstream.consumer.sqs.redrive import Redrive

    settings = opening.settings_with_logs()
    letters, queue = wiring.dead_letters(settings), wiring.queue(settings)
    # SQS counts roughly: the number is for the forecast and the bar, never a bound of the loop.
    there = letters.count()
    count = min(there, limit) if limit else there
    if dry_run or not count:
        dlq_report.redrive_foreseen(count, letters.url, queue.url)
        return
    stop = interruptible()
    with progress() as bar:
        task = bar.add_task("Moving", total=count)
        moved = Redrive(letters, queue.url, stop, rate, lambda n: bar.update(task, completed=n)).run(limit)
    dlq_report.redriven(moved, letters.count())
    raise typer.Exit(exit_code(stop, fine=True))


@app.command(
    epilog=examples(
        "billstream replay --prefix exports/ --since 2026-03-01 --dry-run",
        "billstream replay --state quarantined,missing",
    )
)
def replay(  # noqa: PLR0913 - each is an option of the command
    *,
    prefix: Annotated[str, typer.Option(help="First characters of the keys, e.g. exports/. Default: all keys.")] = "",
    since: FirstDay = None,
    until: LastDay = None,
    partition: Annotated[
        str, typer.Option(help="Folders in the keys, e.g. year=2026/month=03. Default: all folders.")
    ] = "",
    state: Annotated[
        str, typer.Option(help="Ledger states, comma-separated, e.g. quarantined,missing. Default: all states.")
    ] = "",
    origin: Annotated[Origin, typer.Option("--from", help="Source of the objects, e.g. ledger.")] = Origin.LISTING,
    via_queue: Annotated[bool, typer.Option("--via-queue", help="Let the consumers process them.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Reload objects even if they have not changed.")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Reprocess objects.

    Processes objects as if S3 had just announced them; what has been processed already changes nothing. An object's
    days are those of its partition, or the day of its last change. With --state, objects that were not loaded are
    tried again. Exit code 1 if some could not be processed.
    """
    from billstream.cli import opening
    from billstream.cli.replay import report as replay_report
    from billstream.cli.replay.order import Order, selection
    from billstream.cli.replay.run import carry_out
    from billstream.consumer.backfill.backfill import BackfillResult

    chosen = selection(prefix, since, until, partition, state, force=force)
    stop = interruptible()
    result = carry_out(Order(chosen, origin, via_queue, dry_run), opening.settings_with_logs(), stop)
    replay_report.result(result, stopped=stop.requested, as_json=as_json)
    raise typer.Exit(exit_code(stop, fine=not isinstance(result, BackfillResult) or result.complete))


@app.command(epilog=examples("billstream sweep --dry-run", "billstream sweep --retract-gone"))
def sweep(
    *,
    retract_gone: Annotated[
        bool, typer.Option("--retract-gone", help="Retract the rows of objects that are gone.")
    ] = False,
    keep_gone: Annotated[
        bool, typer.Option("--keep-gone", help="Record objects that are gone as expired: their rows stay.")
    ] = False,
    retract_foreign: Annotated[
        bool, typer.Option("--retract-foreign", help="Retract the rows of objects of buckets that are not configured.")
    ] = False,
    max_share: Annotated[
        float,
        typer.Option(min=0, max=1, help="Largest share of a bucket's active objects to retract as gone, e.g. 0.5."),
    ] = MAX_SHARE,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Load what notifications have missed.

    Compares the listing of each configured bucket with the ledger, and processes the objects that are new or changed.
    Objects that are gone are listed, and their rows stay, unless an option says otherwise. Exit code 1 if some could
    not be processed.
    """
    from billstream.cli import opening, wiring
    from billstream.cli.sweeping import Handling, carry_out_sweep, foresee_sweep, sweep_result
    from billstream.consumer.backfill.sweep import Gone, foreign

    settings = opening.settings_with_logs()
    if retract_gone and keep_gone:
        raise typer.BadParameter("--retract-gone and --keep-gone exclude each other.")
    gone = Gone.RETRACT if retract_gone else Gone.KEEP if keep_gone else Gone.LIST
    stop = interruptible()
    with opening.opened_lake(settings, read_only=dry_run) as lake:
        sweeping = wiring.sweeps(settings, lake, stop)
        if dry_run:
            foresee_sweep(sweeping, foreign(lake, settings.our_buckets), as_json=as_json)
            return
        backfill = wiring.operator_backfill(settings, lake, stop, role="sweep")
        result = carry_out_sweep(sweeping, backfill, Handling(gone, max_share, foreign=retract_foreign))
    sweep_result(result, stopped=stop.requested, as_json=as_json)
    raise typer.Exit(exit_code(stop, fine=result.complete))


@app.command("verify", epilog=examples("billstream verify --s3 --repair", "billstream verify --targets"))
def verify_command(
    *,
    s3: Annotated[bool, typer.Option("--s3", help="Also compare the configured buckets with the ledger.")] = False,
    targets: Annotated[
        bool, typer.Option("--targets", help="Also compare the copy in each target with the lake.")
    ] = False,
    repair: Annotated[bool, typer.Option("--repair", help="Repair what is found, then verify again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Prove that ledger, charges and totals agree.

    Compares, at one snapshot, the rows and sums of every load with the ledger, the ledger with the catalog's claims,
    and every aggregate with its charges. Exit code 1 if anything differs. A copy is compared at the snapshot that it is
    of; no repair changes it.
    """
    from dataclasses import replace

    from billstream.cli import opening, verify, wiring
    from billstream.cli.verify import report as verify_report
    from billstream.common.runtime import process_name
    from billstream.publishing.config import all_targets

    settings = opening.settings_with_logs()
    places = all_targets(settings.targets) if targets else None
    buckets = wiring.buckets(settings) if s3 else []
    with opening.opened_lake(settings, read_only=not repair) as lake:
        # A proof only reads: `verify` without --repair has the lake read-only, so it can do no harm.
        interest, wait = wiring.interest(settings), timedelta(seconds=settings.keep_for_followers)
        found = verify.prove(lake, interest, buckets, wait=wait)
        if repair and not found.agrees:
            verify_report.repairing(found, as_json=as_json)
            backfill = wiring.operator_backfill(settings, lake, interruptible(), role="verify")
            repairs = verify.repairs(lake, backfill, process_name("verify"))
            found = verify.mend(found, repairs, lambda: verify.prove(lake, interest, buckets, wait=wait))
        if places is not None:  # last, as no repair of the lake changes a copy
            found = replace(found, copies=verify.prove_copies(lake, places))
    if as_json:
        write_json(found.as_json())
    else:
        verify_report.verification(found, repaired=repair)
    raise typer.Exit(found.exit_code)
