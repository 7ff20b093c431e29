"""What the commands about the dead-letter queue tell."""

from collections.abc import Sequence
from dataclasses import asdict

from billstream.cli.terminal import add_row, out, say, table, write_json
from billstream.consumer.dead_letters.diagnosis import Diagnosis


def letters(found: Sequence[Diagnosis], *, total: int, as_json: bool) -> None:
    """The messages, each with its events.

    Args:
        found: the messages that were looked at.
        total: how many there are, as far as SQS counts.
        as_json: for programs.
    """
    if as_json:
        write_json({"messages": total, "shown": [asdict(one) for one in found]})
        return
    if not found:
        say("The dead-letter queue is empty." if not total else "Nothing to be seen; others are at the dead letters.")
        return
    for one in found:
        _letter(one)
    more = f", {total - len(found):,} more not shown (--limit)" if total > len(found) else ""
    say(f"{len(found):,} messages{more}. `billstream redrive` has them tried again.")


def redrive_foreseen(count: int, source: str, target: str) -> None:
    """What a redrive would do."""
    if count:
        say(f"{count:,} messages would be moved from {source} to {target}. Nothing was changed.")
    else:
        say(f"{source} is empty: there is nothing to move.")


def redriven(moved: int, left: int) -> None:
    """What a redrive did."""
    say(f"{moved:,} messages moved back to the queue, {left:,} are left in the dead-letter queue.")


def _letter(one: Diagnosis) -> None:
    sent = f"{one.sent_at:%Y-%m-%d %H:%M:%S} UTC" if one.sent_at else "an unknown time"
    say(f"message {one.message_id}, sent {sent}, received {one.receive_count:,} times", style="bold")
    if one.remark:
        say(f"  {one.remark}")
    rows = table()
    for case in one.cases:
        add_row(rows, "  file", case.scope)
        add_row(rows, "  event", case.event_name)
        add_row(rows, "  ledger", case.state or "no line yet")
        add_row(rows, "  reason", case.reason or "none known")
        add_row(rows, "  redriven, it", case.redriven)
    out.print(rows)
