"""What the commands tell a person."""

from rich.console import Console
from rich.table import Table

from billstream.aggregator.refresh import RefreshReport
from billstream.cli.output import printable, shown
from billstream.cli.settings_table import current
from billstream.cli.status import Status
from billstream.cli.terminal import add_row, table
from billstream.common.settings import Settings
from billstream.consumer.backfill.local_files import Loading
from billstream.consumer.provision import AwsReport
from billstream.consumer.worker import Summary

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
    "awaiting_manifest": "parts that wait for their manifest",
    "delivered": "manifests: their deliveries are in force",
    "replaced": "parts of earlier deliveries: rows replaced",
    "released": "given back to the queue",
    "not_included": "not billing files",
    "ignored": "messages that are no object events",
}
"""What the outcome of an event is called when a person is told."""


def aws_resources(out: Console, report: AwsReport) -> None:
    """What `init --aws` made and found."""
    for resource in report.resources:
        out.print(shown(f"{resource.outcome.value:8}{resource.kind}: {resource.name}"))
    out.print(shown(f"queue URL: {report.queue_url}"))


def consumer_summary(out: Console, summary: Summary) -> None:
    """What a drained queue brought."""
    counts = table()
    add_row(counts, "messages", f"{summary.messages:,}")
    for label, count in sorted(summary.outcomes.items()):
        add_row(counts, WORDS.get(label, label), f"{count:,}")
    add_row(counts, "rows", f"{summary.rows:,}")
    out.print(counts)


def loading(out: Console, done: Loading) -> None:
    """What `load` did, each file that could not be loaded with its reason."""
    counts = table()
    for label, count in sorted(done.outcomes.items()):
        add_row(counts, WORDS.get(label, label), f"{count:,}")
    add_row(counts, "rows", f"{done.rows:,}")
    if done.rejected:
        add_row(counts, "rows rejected (see quarantined_rows)", f"{done.rejected:,}")
    out.print(counts)
    for file, reason in done.troubles:
        out.print(shown(printable(f"{file}: {reason}", 5000)), style="red")


def refresh(out: Console, report: RefreshReport, values: Settings) -> None:
    """What a refresh changed and where the insights are."""
    mark = report.watermark
    if report.changed:
        out.print(
            f"aggregates at snapshot {report.snapshot_id}: {mark.rows_inserted:,} rows in, {mark.rows_deleted:,} out"
        )
    else:
        out.print(f"aggregates are up to date at snapshot {report.snapshot_id}")
    out.print(shown(f"insights in {values.insights}"))


def status(out: Console, state: Status) -> None:
    """The state of things."""
    counts = table()
    add_row(counts, "catalog", state.catalog)
    add_row(counts, "data", state.data_path)
    add_row(counts, "snapshot", str(state.snapshot_id))
    add_row(counts, "queue", _queue(state))
    for label, count in state.ledger.items():
        add_row(counts, f"ledger: {label}", f"{count:,}")
    add_row(counts, "loads in force", f"{state.loads_in_force:,}")
    add_row(counts, "rows in force", f"{state.rows_in_force:,}")
    add_row(counts, "rejected rows", f"{state.rejected_rows:,}")
    add_row(counts, "deliveries in force", f"{state.deliveries_in_force:,}")
    if state.parts_awaiting_manifest:
        add_row(counts, "parts awaiting their manifest", _awaiting(state))
    add_row(counts, "newest ledger line", str(state.newest_entry or "none yet"))
    add_row(counts, "aggregates", _aggregates(state))
    out.print(counts)


def settings(out: Console, values: Settings) -> None:
    """Every variable as it is now."""
    found = Table("variable", "value", "meaning", header_style="bold")
    for row in current(values):
        add_row(found, *row)
    out.print(found)


def _awaiting(state: Status) -> str:
    return f"{state.parts_awaiting_manifest:,}, the oldest since {state.oldest_awaiting:%Y-%m-%d %H:%M:%S} UTC"


def _queue(state: Status) -> str:
    if state.queue is None:
        return state.queue_problem or "none configured"
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
