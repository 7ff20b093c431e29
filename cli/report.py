"""Show the results of the pipeline's own commands."""

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from billstream.cli import words
from billstream.cli.settings_table import current
from billstream.cli.status import Status
from billstream.cli.terminal import add_row, printable, shown, table, utc
from billstream.common.settings import Settings
from billstream.common.texts import counted

if TYPE_CHECKING:  # what a command does not show, it does not load
    from billstream.aggregator.refresh import RefreshReport
    from billstream.consumer.backfill.local_files import Loading
    from billstream.consumer.provision import AwsReport
    from billstream.consumer.summary import Summary


def aws_resources(out: Console, report: "AwsReport") -> None:
    """Show what `init --aws` created, updated and found."""
    for resource in report.resources:
        out.print(shown(f"{resource.outcome.value:8}{resource.kind}: {resource.name}"))
    out.print(shown(f"queue URL: {report.queue_url}"))


def connection(statements: Sequence[str]) -> None:
    """Print the statements that attach a lake; what a person has to do is a comment of SQL."""
    lines = ["-- Attaches this lake read-only, as `lake`. INSTALL is needed once, with network access."]
    if any("<" in statement for statement in statements):
        lines.append(
            "-- Replace <password> with the password of BILLSTREAM_CATALOG, and <access key>, <secret key> and "
            "<session token> with AWS credentials."
        )
    sys.stdout.write("\n".join([*lines, *(f"{statement};" for statement in statements)]) + "\n")


def consumer_summary(out: Console, summary: "Summary") -> None:
    """Show what a drained queue came to."""
    counts = table()
    add_row(counts, "messages", f"{summary.messages:,}")
    _outcomes(counts, summary.outcomes)
    add_row(counts, "rows", f"{summary.rows:,}")
    out.print(counts)


def loading(out: Console, done: "Loading") -> None:
    """Show what `load` did, and the reason for each file that could not be loaded."""
    counts = table()
    _outcomes(counts, done.outcomes)
    add_row(counts, "rows", f"{done.rows:,}")
    if done.rejected:
        add_row(counts, "rejected records (see `billstream quarantine list`)", f"{done.rejected:,}")
    out.print(counts)
    for file, reason in done.troubles:
        out.print(shown(printable(f"{file}: {reason}", 5000)), style="red")


def refresh(out: Console, report: "RefreshReport", values: Settings) -> None:
    """Show what a refresh changed, and where the insights are."""
    mark = report.watermark
    if report.changed:
        out.print(
            f"aggregates at snapshot {report.snapshot_id}: {counted(mark.rows_inserted, 'row')} added, "
            f"{mark.rows_deleted:,} removed"
        )
    else:
        out.print(f"aggregates are up to date at snapshot {report.snapshot_id}")
    out.print(shown(f"insights in {values.insights_url or values.insights}"))


def status(out: Console, state: Status) -> None:
    """Show the status."""
    counts = table()
    add_row(counts, "catalog", state.catalog)
    add_row(counts, "data", state.data_path)
    # What does not answer is a line of the status, not its end: a status is needed most when something is broken.
    if state.lake_problem is None:
        _lake(counts, state)
    else:
        add_row(counts, "lake", state.lake_problem)
    _queue(counts, state)
    out.print(counts)


def _queue(counts: Table, state: Status) -> None:
    queue = state.queue_problem or "not configured"
    if depth := state.queue:
        queue = f"{depth.visible:,} waiting, {depth.in_flight:,} in flight, {depth.delayed:,} delayed"
    add_row(counts, "queue", queue)
    add_row(counts, "queue URL", state.queue_url or "unknown")
    add_row(counts, "region", state.region or "unknown")
    if state.queue is not None:
        age = state.oldest_message_seconds
        add_row(counts, "oldest message", "unknown" if age is None else f"{age:,.0f} s old")
        letters = state.dead_letter_problem or (None if state.dead_letters is None else f"{state.dead_letters:,}")
        add_row(counts, "dead letters", letters or "unknown")


def _lake(counts: Table, state: Status) -> None:
    add_row(counts, "snapshot", str(state.snapshot_id))
    for label, count in state.ledger.items():
        add_row(counts, f"ledger: {label}", f"{count:,}")
    add_row(counts, "active loads", f"{state.active_loads:,}")
    add_row(counts, "active rows", f"{state.active_rows:,}")
    if state.rows_set_aside:
        add_row(counts, "rows set aside", f"{state.rows_set_aside:,} of these do not count (billstream exports list)")
    add_row(counts, "rejected rows", f"{state.rejected_rows:,}")
    if found := state.quality_findings:
        told = ", ".join(counted(found[severity], severity) for severity in sorted(found))
        add_row(counts, "rules of quality broken", f"{told} (billstream quality list)")
    if state.overlaps:
        add_row(counts, "exports that overlap", words.overlapping(state.overlaps))
    add_row(counts, "active deliveries", f"{state.active_deliveries:,}")
    if state.oldest_awaiting is not None:
        awaiting = f"{state.parts_awaiting_manifest:,}, the oldest since {utc(state.oldest_awaiting)}"
        add_row(counts, "parts awaiting their manifest", awaiting)
    add_row(counts, "files and snapshots", f"{state.data_files:,} data files, {state.snapshots:,} snapshots")
    add_row(counts, "newest ledger entry", utc(state.newest_entry) if state.newest_entry else "none yet")
    add_row(counts, "aggregates", _aggregates(state))
    for lag in state.targets:
        add_row(counts, f"target {lag.name}", words.behind(lag))


def settings(out: Console, values: Settings) -> None:
    """Show every variable with its current value."""
    found = Table("variable", "value", "meaning", header_style="bold")
    for row in current(values):
        add_row(found, *row)
    out.print(found)


def _outcomes(counts: Table, outcomes: Mapping[str, int]) -> None:
    for label, count in sorted(outcomes.items()):
        add_row(counts, words.OUTCOMES.get(label, label), f"{count:,}")


def _aggregates(state: Status) -> str:
    refreshed = state.refresh
    if refreshed is None:
        return "never refreshed"
    behind = (
        f"{counted(refreshed.lag_loads, 'change')} behind, the oldest for {refreshed.lag_seconds:,.0f} s"
        if refreshed.lag_loads
        else "up to date"
    )
    return f"snapshot {refreshed.snapshot_id}, refreshed {utc(refreshed.refreshed_at)}, {behind}"
