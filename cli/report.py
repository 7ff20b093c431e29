"""What the commands tell a person."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from aggregator.refresh import RefreshReport
from cli.aws_setup import AwsReport
from cli.files import Loading
from cli.settings_table import current
from cli.status import Status
from common.settings import Settings
from consumer.worker import Summary

WORDS = {
    "loaded": "loaded",
    "unchanged": "unchanged: new version, same content",
    "duplicate": "already loaded: nothing changed",
    "stale": "stale: a newer version is in force",
    "removed": "removed: rows retracted",
    "kept": "removed from the bucket: rows kept",
    "skipped": "skipped: the same content is loaded under another key",
    "quarantined": "quarantined",
    "missing": "missing",
    "released": "given back to the queue",
    "not_included": "not billing files",
    "ignored": "messages that are no object events",
}
"""What the outcome of an event is called when a person is told."""


def aws_resources(out: Console, report: AwsReport) -> None:
    """What `init --aws` made and found."""
    for resource in report.resources:
        out.print(f"{resource.outcome.value:8}{resource.kind}: {resource.name}", markup=False)
    out.print(f"queue URL: {report.queue_url}", markup=False)


def consumer_summary(out: Console, summary: Summary) -> None:
    """What a drained queue brought."""
    table = _plain_table()
    table.add_row("messages", f"{summary.messages:,}")
    for label, count in sorted(summary.outcomes.items()):
        table.add_row(WORDS.get(label, label), f"{count:,}")
    table.add_row("rows", f"{summary.rows:,}")
    out.print(table)


def loading(out: Console, done: Loading) -> None:
    """What `load` did, each file that could not be loaded with its reason."""
    table = _plain_table()
    for label, count in sorted(done.outcomes.items()):
        table.add_row(WORDS.get(label, label), f"{count:,}")
    table.add_row("rows", f"{done.rows:,}")
    if done.rejected:
        table.add_row("rows rejected (see quarantined_rows)", f"{done.rejected:,}")
    out.print(table)
    for file, reason in done.troubles:
        out.print(f"{file}: {reason}", style="red", markup=False)


def refresh(out: Console, report: RefreshReport, values: Settings) -> None:
    """What a refresh changed and where the insights are."""
    mark = report.watermark
    if report.changed:
        out.print(
            f"aggregates at snapshot {report.snapshot_id}: {mark.rows_inserted:,} rows in, {mark.rows_deleted:,} out"
        )
    else:
        out.print(f"aggregates are up to date at snapshot {report.snapshot_id}")
    out.print(f"insights in {values.insights}", markup=False)


def status(out: Console, state: Status) -> None:
    """The state of things."""
    table = _plain_table()
    table.add_row("catalog", escape(state.catalog))
    table.add_row("data", escape(state.data_path))
    table.add_row("snapshot", str(state.snapshot_id))
    table.add_row("queue", _queue(state))
    for label, count in state.ledger.items():
        table.add_row(f"ledger: {label}", f"{count:,}")
    table.add_row("loads in force", f"{state.loads_in_force:,}")
    table.add_row("rows in force", f"{state.rows_in_force:,}")
    table.add_row("rejected rows", f"{state.rejected_rows:,}")
    table.add_row("newest ledger line", str(state.newest_entry or "none yet"))
    table.add_row("aggregates", _aggregates(state))
    out.print(table)


def settings(out: Console, values: Settings) -> None:
    """Every variable as it is now."""
    table = Table("variable", "value", "meaning", header_style="bold")
    for row in current(values):
        table.add_row(*(escape(cell) for cell in row))
    out.print(table)


def _queue(state: Status) -> str:
    if state.queue is None:
        return escape(state.queue_problem or "none configured")
    return f"{state.queue.visible:,} waiting, {state.queue.in_flight:,} in flight, {state.queue.delayed:,} delayed"


def _aggregates(state: Status) -> str:
    if state.refresh is None:
        return "never refreshed"
    behind = (
        f"{state.refresh.lag_loads:,} changes behind, the oldest for {state.refresh.lag_seconds:,.0f} s"
        if state.refresh.lag_loads
        else "up to date"
    )
    return (
        f"snapshot {state.refresh.snapshot_id}, refreshed {state.refresh.refreshed_at:%Y-%m-%d %H:%M:%S} UTC, {behind}"
    )


def _plain_table() -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    return table
