"""What the quarantine commands tell."""

from collections.abc import Sequence
from dataclasses import asdict

from billstream.cli.terminal import add_row, out, say, table, write_json
from billstream.consumer.quarantine.listing import Quarantined
from billstream.consumer.quarantine.records import Record
from billstream.consumer.quarantine.reload import Reloaded


def items(found: Sequence[Quarantined], *, as_json: bool) -> None:
    """What is in quarantine, an object a line."""
    if as_json:
        write_json([asdict(item) | {"why": item.why} for item in found])
        return
    if not found:
        say("Nothing is in quarantine.")
        return
    rows = table("when (UTC)", "file", "state", "loaded", "rejected", "why")
    for item in found:
        when = f"{item.processed_at:%Y-%m-%d %H:%M:%S}"
        add_row(rows, when, item.scope, item.state, f"{item.rows_loaded:,}", f"{item.rows_rejected:,}", item.why)
    out.print(rows)


def details(found: Sequence[tuple[Quarantined, Sequence[Record]]], *, as_json: bool) -> None:
    """Each object with its rejected records."""
    if as_json:
        write_json(
            [asdict(item) | {"why": item.why, "records": [asdict(r) for r in records]} for item, records in found]
        )
        return
    for item, records in found:
        say(f"{item.scope}: {item.state} at {item.processed_at:%Y-%m-%d %H:%M:%S} UTC")
        say(item.why, style="red")
        if item.older_rows_in_force:
            say("The rows of its last good version stay in force.")
        _records(item, records)


def reloaded(done: Sequence[Reloaded], messages: Sequence[Quarantined], *, left: int) -> None:
    """What became of each object; and what cannot be loaded again.

    Args:
        done: the objects that were tried.
        messages: unreadable messages, which were not.
        left: how many objects were not tried, as the command was ended early.
    """
    for one in done:
        say(f"{one.scope}: {one.told}", style=None if one.mended else "red")
    for message in messages:
        say(
            f"{message.scope}: a message that nobody can read cannot be loaded again; its sender has to send it anew.",
            style="red",
        )
    if left:
        say(f"Stopped before the end: {left:,} objects were not tried.", style="yellow")
    if not done and not messages:
        say("Nothing is in quarantine.")


def _records(item: Quarantined, records: Sequence[Record]) -> None:
    if not records:
        return
    rows = table("line", "column", "value", "reason", "record")
    for record in records:
        add_row(rows, record.line, record.column, record.raw_value, record.reason, record.raw_record)
    out.print(rows)
    if item.rows_rejected > len(records):
        say(f"{len(records):,} of {item.rows_rejected:,} records shown; --limit shows more.")
