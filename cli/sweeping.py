"""`billstream sweep --dry-run`: what a sweep would settle."""

from collections import Counter
from typing import TYPE_CHECKING

from cli.terminal import add_row, out, say, table
from consumer.sweep import Difference, Found, Sweep

if TYPE_CHECKING:
    from collections.abc import Iterable

EXAMPLES = 20
_WORDS = {
    Difference.UNKNOWN: "in the bucket, unknown to the ledger",
    Difference.CHANGED: "in the bucket in another version than the ledger has",
    Difference.GONE: "in the ledger, gone from the bucket",
}


def foresee_sweep(sweep: Sweep) -> None:
    """Say how the bucket and the ledger differ, with the first files of each kind."""
    counts = _with_examples(sweep.differences())
    if not counts:
        say(f"The bucket {sweep.bucket.name} and the ledger agree.")
        return
    rows = table()
    for difference, count in sorted(counts.items()):
        add_row(rows, _WORDS[difference], f"{count:,}")
    out.print(rows)
    say("Nothing was changed.")


def _with_examples(found: "Iterable[Found]") -> Counter[Difference]:
    counts: Counter[Difference] = Counter()
    for one in found:
        counts[one.difference] += 1
        if counts[one.difference] <= EXAMPLES:
            say(f"{one.event.scope}: {_WORDS[one.difference]}")
    return counts
