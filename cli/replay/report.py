"""Show the result of a replay or a sweep."""

from collections.abc import Mapping
from typing import Any

from billstream.cli import words
from billstream.cli.terminal import add_row, out, say, table, write_json
from billstream.common.texts import counted
from billstream.consumer.backfill.backfill import BackfillResult
from billstream.consumer.backfill.execution import Forecast, Sent


def result(found: BackfillResult | Forecast | Sent, *, stopped: bool, as_json: bool) -> None:
    """Show the result, and how to go on if it was stopped early."""
    if as_json:
        write_json(_plain(found) | {"finished": not stopped})
        return
    if isinstance(found, Forecast):
        _forecast(found)
    elif isinstance(found, Sent):
        _sent(found)
    else:
        _fed(found)
    if stopped:
        say(
            "Stopped before the end. What was processed stays; to go on from there, run the same command again.",
            style="yellow",
        )


def _fed(found: BackfillResult) -> None:
    if not found.outcomes:
        say("Nothing to do: the ledger has everything.")
        return
    # No message goes back to a queue here: "returned to the queue" would be wrong.
    counts = {
        words.OUTCOMES.get(name, name) if name != "released" else "not processed": n
        for name, n in found.outcomes.items()
    }
    rejected = {"rejected records (see `billstream quarantine list`)": found.rejected} if found.rejected else {}
    _counts(dict(sorted(counts.items())) | {"rows": found.rows} | rejected)
    for one in found.unprocessed:
        say(f"{one.event.scope}: not processed: {one.reason} To try it again, run the same command.", style="red")


def _forecast(found: Forecast) -> None:
    counts = {"objects": found.objects, "bytes": found.size_bytes}
    _counts(counts | {words.FORESEEN.get(verdict, verdict): count for verdict, count in sorted(found.verdicts.items())})
    say("Nothing was changed.")


def _sent(found: Sent) -> None:
    say(f"{counted(found.notifications, 'notification')} sent; the consumers process them.")
    if found.left_out:
        say(
            f"{counted(found.left_out, 'local file')} left out: a queue is for objects in S3. To process local files, "
            "run it without --via-queue."
        )


def _counts(counts: Mapping[str, int]) -> None:
    rows = table()
    for word, count in counts.items():
        add_row(rows, word, f"{count:,}")
    out.print(rows)


def _plain(found: BackfillResult | Forecast | Sent) -> dict[str, Any]:
    if isinstance(found, Forecast):
        return {"objects": found.objects, "bytes": found.size_bytes, "verdicts": dict(found.verdicts)}
    if isinstance(found, Sent):
        return {"notifications": found.notifications, "local_files_left_out": found.left_out}
    gone = {"gone": found.gone} if found.gone else {}
    return {
        "outcomes": dict(found.outcomes),
        "rows": found.rows,
        "rejected": found.rejected,
        # The first of them; all are counted as `released`.
        "unprocessed": [{"scope": one.event.scope, "reason": one.reason} for one in found.unprocessed],
        **gone,
    }
