"""Show the dead-letter queue."""

from collections.abc import Sequence
from dataclasses import asdict

from billstream.cli import words
from billstream.cli.terminal import add_row, out, say, table, utc, write_json
from billstream.common.texts import counted
from billstream.consumer.dead_letters import Diagnosis


def letters(found: Sequence[Diagnosis], *, total: int, as_json: bool) -> None:
    """Show the messages, each with its events.

    Args:
        found: the messages that were read.
        total: the number of messages in the queue, as far as SQS counts.
        as_json: print JSON.
    """
    if as_json:
        write_json({"messages": total, "shown": [asdict(one) for one in found]})
        return
    if not found:
        empty = "The dead-letter queue is empty."
        say(empty if not total else "Other processes are reading all messages just now. Run it again in a minute.")
        return
    for one in found:
        _letter(one)
    more = f", {total - len(found):,} more not shown (--limit)" if total > len(found) else ""
    say(f"{counted(len(found), 'message')}{more}. To try them again, run: billstream redrive")


def redrive_foreseen(count: int, source: str, target: str) -> None:
    """Show what a redrive would do."""
    if count:
        say(f"{counted(count, 'message')} would be moved from {source} to {target}. Nothing was changed.")
    else:
        say(f"{source} is empty: there is nothing to move.")


def redriven(moved: int, left: int) -> None:
    """Show what a redrive did."""
    say(f"{counted(moved, 'message')} moved back to the queue, {left:,} left in the dead-letter queue.")


def _letter(one: Diagnosis) -> None:
    sent = f"at {utc(one.sent_at)}" if one.sent_at else "at an unknown time"
    say(f"message {one.message_id}, sent {sent}, received {counted(one.receive_count, 'time')}", style="bold")
    if one.remark:
        say(f"  {one.remark}")
    rows = table()
    for case in one.cases:
        add_row(rows, "  file", case.scope)
        add_row(rows, "  event", case.event_name)
        add_row(rows, "  ledger", case.state or "no entry")
        add_row(rows, "  reason", case.reason or "unknown")
        add_row(rows, "  redrive", words.FORESEEN.get(case.verdict, case.verdict))
    out.print(rows)
