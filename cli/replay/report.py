"""What a replay, and a sweep, tell a person or a program."""

from typing import Any

from billstream.cli.replay.results import Foreseen, Result, Sent
from billstream.cli.report import WORDS
from billstream.cli.terminal import add_row, out, say, table, write_json
from billstream.consumer.backfill.backfill import BackfillResult

_VERDICTS = {
    "load": "would be read and loaded, unless the content is the same",
    "duplicate": "settled: nothing would change",
    "unchanged": "unchanged: nothing would change",
    "stale": "stale: a newer version is in force",
    "remove": "would be removed",
    "awaiting_manifest": "parts of deliveries: their manifests would bring them",
}


def tell(result: Result, *, stopped: bool, as_json: bool) -> None:
    """What came of it, and how to go on if it was ended early."""
    if as_json:
        write_json(_plain(result) | {"finished": not stopped})
        return
    if isinstance(result, Foreseen):
        _foreseen(result)
    elif isinstance(result, Sent):
        _sent(result)
    else:
        fed(result)
    if stopped:
        say("Stopped before the end. What was done stays done: the same command goes on from there.", style="yellow")


def fed(result: BackfillResult) -> None:
    """What became of the events that were settled in this process."""
    if not result.outcomes:
        say("Nothing to do: the ledger has it all.")
        return
    counts = table()
    for label, count in sorted(result.outcomes.items()):
        word = "not settled" if label == "released" else WORDS.get(label, label)
        add_row(counts, word, f"{count:,}")
    add_row(counts, "rows", f"{result.rows:,}")
    if result.rejected:
        add_row(counts, "records that do not fit (see `billstream quarantine list`)", f"{result.rejected:,}")
    out.print(counts)
    for outcome in result.unprocessed:
        say(f"{outcome.event.scope}: not settled, the same command tries it again: {outcome.reason}", style="red")


def _plain(result: Result) -> dict[str, Any]:
    if isinstance(result, Foreseen):
        return {"objects": result.objects, "bytes": result.size_bytes, "verdicts": dict(result.verdicts)}
    if isinstance(result, Sent):
        return {"notifications": result.notices, "local_files_left_out": result.left_out}
    unsettled = [{"scope": outcome.event.scope, "reason": outcome.reason} for outcome in result.unprocessed]
    return {
        "outcomes": dict(result.outcomes),
        "rows": result.rows,
        "rejected": result.rejected,
        "unsettled": unsettled,  # the first of them; all are counted as `released`
    }


def _foreseen(result: Foreseen) -> None:
    counts = table()
    add_row(counts, "objects", f"{result.objects:,}")
    add_row(counts, "bytes", f"{result.size_bytes:,}")
    for verdict, count in sorted(result.verdicts.items()):
        add_row(counts, _VERDICTS.get(verdict, verdict), f"{count:,}")
    out.print(counts)
    say("Nothing was changed.")


def _sent(result: Sent) -> None:
    say(f"{result.notices:,} notifications sent; the consumers settle them.")
    if result.left_out:
        say(f"{result.left_out:,} local files left out: a queue is for objects. Leave out --via-queue for them.")
