"""Show what is in quarantine."""

from collections.abc import Sequence
from dataclasses import asdict

from billstream.cli.terminal import add_row, on_terminal, out, say, table, utc, write_json
from billstream.common.texts import counted
from billstream.consumer.quarantine import Quarantined, Record, Reloaded


def items(found: Sequence[Quarantined], *, as_json: bool) -> None:
    """Show what is in quarantine: three lines a record on a terminal, one line a record in a file or a pipe."""
    if as_json:
        write_json([asdict(item) | {"why": item.why} for item in found])
    elif not found:
        say("Nothing is in quarantine.")
    elif on_terminal():
        # Keys and reasons are longer than any column of an 80-column table could be.
        for item in found:
            counts = f"{counted(item.rows_loaded, 'row')} loaded, {item.rows_rejected:,} rejected"
            say(item.scope, style="bold")
            say(f"  {item.state} {utc(item.processed_at)}, {counts}")
            say(f"  {item.why}")
        say(f"{counted(len(found), 'entry', 'entries')}. For the rejected records, run: billstream quarantine show KEY")
    else:
        rows = table("processed at", "file", "state", "loaded", "rejected", "why")
        for item in found:
            loaded, rejected = f"{item.rows_loaded:,}", f"{item.rows_rejected:,}"
            add_row(rows, utc(item.processed_at), item.scope, item.state, loaded, rejected, item.why)
        out.print(rows)


def details(found: Sequence[tuple[Quarantined, Sequence[Record]]], *, as_json: bool) -> None:
    """Show each object with its rejected records."""
    if as_json:
        write_json(
            [asdict(item) | {"why": item.why, "records": [asdict(r) for r in records]} for item, records in found]
        )
        return
    for item, records in found:
        say(f"{item.scope}: {item.state} at {utc(item.processed_at)}")
        say(item.why, style="red")
        if item.older_rows_active:
            say("The rows of its last good version stay active.")
        if not records:
            continue
        rows = table("line", "column", "value", "reason", "record")
        for record in records:
            add_row(rows, record.line, record.column, record.raw_value, record.reason, record.raw_record)
        out.print(rows)
        if item.rows_rejected > len(records):
            say(f"{len(records):,} of {counted(item.rows_rejected, 'record')} shown; --limit shows more.")


def reloaded(done: Sequence[Reloaded], messages: Sequence[Quarantined], *, left: int) -> None:
    """Show the result for each object, and what cannot be loaded again.

    Args:
        done: the objects that were tried.
        messages: unreadable messages, which cannot be tried.
        left: the number of objects that were not tried, because the command was ended early.
    """
    for one in done:
        say(f"{one.scope}: {one.message}", style=None if one.complete else "red")
    for message in messages:
        say(f"{message.scope}: an unreadable message cannot be loaded again; its sender must resend it.", style="red")
    if left:
        say(
            f"Stopped before the end: {counted(left, 'object')} not tried. To go on, run the same command again.",
            style="yellow",
        )
    if not done and not messages:
        say("Nothing is in quarantine.")
