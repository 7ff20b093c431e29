"""`billstream sweep`: compare each configured bucket with the ledger; show the differences, or process them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from billstream.cli.replay import report
from billstream.cli.terminal import add_row, out, say, table, write_json
from billstream.common.texts import counted
from billstream.consumer.backfill.backfill import Backfill, BackfillResult
from billstream.consumer.backfill.sweep import Difference, FoundDifference, Gone, Sweep, foreign, reconcile

EXAMPLES = 20
_WORDS = {
    Difference.UNKNOWN: "in the bucket, unknown to the ledger",
    Difference.CHANGED: "in the bucket, in another version than in the ledger",
    Difference.GONE: "in the ledger, gone from the bucket",
    Difference.FOREIGN: "in the ledger, of a bucket that is not configured",
    Difference.FREED: "skipped as a copy of content that is no longer active",
}
_DECIDE = (
    "Their rows stay active. If they were removed on purpose, run: billstream sweep --retract-gone; if they were "
    "removed because they are old, run: billstream sweep --keep-gone"
)


@dataclass(frozen=True)
class Handling:
    """What is done about objects that are gone, and about those of buckets that are not configured (`foreign`)."""

    gone: Gone
    max_share: float
    foreign: bool


def carry_out_sweep(sweeps: Sequence[Sweep], backfill: Backfill, handling: Handling) -> BackfillResult:
    """Sweep every bucket. Returns the outcomes of all of them.

    Raises:
        Retryable, Fatal: see `reconcile`.
    """
    total = BackfillResult()
    for sweep in sweeps:
        total.merge(reconcile(sweep, backfill, handling.gone, handling.max_share))
    if handling.foreign:
        ours = [sweep.bucket.name for sweep in sweeps]
        for outcomes in backfill.run(found.event for found in foreign(sweeps[0].lake, ours)):
            total.add(outcomes)
            for outcome in outcomes:
                outcome.log()
    return total


def sweep_result(found: BackfillResult, *, stopped: bool, as_json: bool) -> None:
    """Show the result, and the objects that are gone."""
    report.result(found, stopped=stopped, as_json=as_json)
    if found.gone and not as_json:
        for scope in found.gone_listed[:EXAMPLES]:
            say(f"{scope}: {_WORDS[Difference.GONE]}", style="yellow")
        say(f"{counted(found.gone, 'object')} gone. {_DECIDE}", style="yellow")


def foresee_sweep(sweeps: Sequence[Sweep], strangers: Iterable[FoundDifference], *, as_json: bool) -> None:
    """Show the number of differences, and the first files of each kind."""
    counts: Counter[Difference] = Counter()
    examples: list[FoundDifference] = []
    # A bucket may differ in millions of objects: counts and the first examples are kept, no list.
    for one in chain(_differences(sweeps), strangers):
        counts[one.difference] += 1
        if counts[one.difference] <= EXAMPLES:
            examples.append(one)
            if not as_json:
                say(f"{one.event.scope}: {_WORDS[one.difference]}")
    buckets = [sweep.bucket.name for sweep in sweeps]
    if as_json:
        write_json(
            {
                "bucket": buckets[0],
                "buckets": buckets,
                "differences": {
                    one.value: counts[one] for one in Difference if counts[one] or one is not Difference.FOREIGN
                },
                "examples": [{"difference": one.difference.value, "scope": one.event.scope} for one in examples],
                "finished": not sweeps[0].stop.requested,
            }
        )
    elif not counts:
        say(f"The bucket {', '.join(buckets)} and the ledger agree.")
    else:
        rows = table()
        for difference, count in sorted(counts.items()):
            add_row(rows, _WORDS[difference], f"{count:,}")
        out.print(rows)
        say("Nothing was changed.")


def _differences(sweeps: Sequence[Sweep]) -> Iterator[FoundDifference]:
    for sweep in sweeps:
        yield from sweep.differences()
