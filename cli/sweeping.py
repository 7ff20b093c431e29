"""`billstream sweep --dry-run`: show how the bucket and the ledger differ."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from billstream.cli.terminal import add_row, out, say, table, write_json
from billstream.consumer.backfill.sweep import Difference, FoundDifference, Sweep

EXAMPLES = 20
_WORDS = {
    Difference.UNKNOWN: "in the bucket, unknown to the ledger",
    Difference.CHANGED: "in the bucket, in another version than in the ledger",
    Difference.GONE: "in the ledger, gone from the bucket",
    Difference.FREED: "skipped as a copy of content that is no longer active",
}


def foresee_sweep(sweep: Sweep, *, as_json: bool) -> None:
    """Show the number of differences, and the first files of each kind."""
    counts: Counter[Difference] = Counter()
    examples: list[FoundDifference] = []
    # A bucket may differ in millions of objects: counts and the first examples are kept, no list.
    for one in sweep.differences():
        counts[one.difference] += 1
        if counts[one.difference] <= EXAMPLES:
            examples.append(one)
            if not as_json:
                say(f"{one.event.scope}: {_WORDS[one.difference]}")
    if as_json:
        write_json(_plain(sweep, counts, examples))
    elif not counts:
        say(f"The bucket {sweep.bucket.name} and the ledger agree.")
    else:
        rows = table()
        for difference, count in sorted(counts.items()):
            add_row(rows, _WORDS[difference], f"{count:,}")
        out.print(rows)
        say("Nothing was changed.")


def _plain(sweep: Sweep, counts: Counter[Difference], examples: Sequence[FoundDifference]) -> dict[str, Any]:
    return {
        "bucket": sweep.bucket.name,
        "differences": {difference.value: counts[difference] for difference in Difference},
        "examples": [{"difference": one.difference.value, "scope": one.event.scope} for one in examples],
        "finished": not sweep.stop.requested,
    }
