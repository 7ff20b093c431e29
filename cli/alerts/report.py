"""Show alerts, and the ends of deliveries."""

from collections.abc import Collection, Sequence
from typing import Any

import typer

from billstream.aggregator.alerts.outbox import End
from billstream.cli.terminal import add_row, out, say, table, utc, write_json
from billstream.common.exits import ExitCode
from billstream.common.texts import counted


def alerts(found: Sequence[dict[str, Any]], sinks: Collection[str], *, as_json: bool) -> None:
    """Show the state of alerts at sinks.

    Args:
        found: rows of the outbox.
        sinks: names of the configured ones.
        as_json: print JSON.
    """
    if as_json:
        write_json({"alerts": [{**row, "sink_configured": row["sink"] in sinks} for row in found]})
        return
    if not found:
        say("There are no such alerts.")
        return
    shown = table("created", "kind", "sink", "state", "attempts", "title", "error and next attempt")
    for row in found:
        add_row(
            shown,
            utc(row["created_at"]),
            row["kind"],
            row["sink"],
            row["state"],
            row["attempts"],
            row["title"],
            _trouble(row, known=row["sink"] in sinks),
        )
    out.print(shown)
    failing = sorted({row["sink"] for row in found if row["state"] == "failed"})
    if failing:
        say(f"Failing: {', '.join(failing)}. To try a sink, run: billstream alerts test SINK", style="yellow")


def sent(ends: Sequence[End]) -> None:
    """Show how deliveries ended.

    Raises:
        typer.Exit: a sink did not accept one.
    """
    if not ends:
        say("Nothing waits to be sent.")
        return
    failed = [end for end in ends if end.begun and end.error]
    later = sum(not end.begun for end in ends)
    accepted = len(ends) - len(failed) - later
    waiting = f", {later:,} follow in the next round" if later else ""
    say(f"{counted(accepted, 'alert')} sent, {len(failed):,} failed{waiting}")
    for end in failed:
        say(f"{end.attempt.sink}: {end.error}", style="yellow")
    if failed:
        raise typer.Exit(ExitCode.TRY_AGAIN)


def _trouble(row: dict[str, Any], *, known: bool) -> str:
    if row["state"] == "sent":
        return ""
    if not known:
        return "no such sink in the file that BILLSTREAM_ALERTS names"
    return "; ".join(
        str(part) for part in (row["last_error"], row["next_attempt_at"] and utc(row["next_attempt_at"])) if part
    )
