"""The commands of an operator who wants to know, or to put right, what became of files and messages; every one thin."""

from datetime import datetime
from typing import Annotated

import typer

from billstream.cli import quarantine, wiring
from billstream.cli.dlq import diagnose
from billstream.cli.dlq import report as dlq_report
from billstream.cli.replay import Order, Origin, carry_out, selection
from billstream.cli.replay import report as replay_report
from billstream.cli.sweeping import foresee_sweep
from billstream.cli.terminal import AsJson, exit_code, interruptible, progress, write_json
from billstream.cli.verify import Repairs, mend, prove
from billstream.cli.verify import report as verify_report
from billstream.common.runtime import process_name
from billstream.consumer.backfill.backfill import BackfillResult
from billstream.consumer.backfill.sweep import reconcile
from billstream.consumer.sqs.redrive import FASTEST, Redrive

app = typer.Typer(rich_markup_mode=None)
app.add_typer(quarantine.app, name="quarantine")

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")]
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], metavar="DAY")]


@app.command()
def dlq(
    *, limit: Annotated[int, typer.Option(min=1, help="How many messages at most.")] = 20, as_json: AsJson = False
) -> None:
    """What is in the dead-letter queue, and why. Nothing is taken out of it."""
    settings = wiring.settings_with_logs()
    letters = wiring.dead_letters(settings)
    with wiring.opened_lake(settings, read_only=True) as lake:
        total = letters.count()
        found = diagnose(letters.peek(limit), lake, wiring.layouts(settings))
    dlq_report.letters(found, total=total, as_json=as_json)


@app.command()
def redrive(
    *,
    dry_run: DryRun = False,
    rate: Annotated[int | None, typer.Option(min=1, max=FASTEST, help="Messages in a second at most.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="How many messages at most.")] = None,
) -> None:
    """Move the messages of the dead-letter queue back to the queue, to be tried again."""
    settings = wiring.settings_with_logs()
    letters, queue = wiring.dead_letters(settings), wiring.queue(settings)
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


@app.command()
def replay(  # noqa: PLR0913 - each is an option of the command
    *,
    prefix: Annotated[str, typer.Option(help="Keys that begin so.")] = "",
    since: Day = None,
    until: Day = None,
    partition: Annotated[str, typer.Option(help="Folders of the key, as year=2026/month=03.")] = "",
    state: Annotated[str, typer.Option(help="Comma-separated states of the ledger, as quarantined,missing.")] = "",
    origin: Annotated[Origin, typer.Option("--from", help="The bucket's listing, or the ledger.")] = Origin.LISTING,
    via_queue: Annotated[bool, typer.Option("--via-queue", help="Have the consumers do it.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Load even what has not changed.")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Have objects decided about once more, as if S3 had announced them now. What is settled changes nothing."""
    chosen = selection(prefix, since, until, partition, state, force=force)
    stop = interruptible()
    result = carry_out(Order(chosen, origin, via_queue, dry_run), wiring.settings_with_logs(), stop)
    replay_report.tell(result, stopped=stop.requested, as_json=as_json)
    raise typer.Exit(exit_code(stop, fine=not isinstance(result, BackfillResult) or result.complete))


@app.command()
def sweep(*, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Compare the bucket with the ledger, and settle what no notification told of."""
    settings = wiring.settings_with_logs()
    stop = interruptible()
    with wiring.opened_lake(settings, read_only=dry_run) as lake:
        sweeping = wiring.sweep(settings, lake, stop)
        if dry_run:
            foresee_sweep(sweeping, as_json=as_json)
            return
        fed = reconcile(sweeping, wiring.operator_feed(settings, lake, stop, role="sweep"))
    replay_report.tell(fed, stopped=stop.requested, as_json=as_json)
    raise typer.Exit(exit_code(stop, fine=fed.complete))


@app.command()
def verify(
    *,
    s3: Annotated[bool, typer.Option("--s3", help="Also compare the bucket with the ledger.")] = False,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what is found, and verify again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Prove that charges, ledger, claims and aggregates agree. Exit code 1 if they do not."""
    settings = wiring.settings_with_logs()
    bucket = wiring.bucket(settings) if s3 else None
    with wiring.opened_lake(settings, read_only=not repair) as lake:
        interest = wiring.interest(settings)
        proof = prove(lake, interest, bucket)
        if repair and not proof.agrees:
            verify_report.found(proof, as_json=as_json)
            feed = wiring.operator_feed(settings, lake, interruptible(), role="verify")
            repairs = Repairs(lake, feed, process_name("verify"))
            proof = mend(proof, repairs, lambda: prove(lake, interest, bucket))
    if as_json:
        write_json(proof.as_json())
    else:
        verify_report.proof(proof)
    raise typer.Exit(0 if proof.agrees else 1)
