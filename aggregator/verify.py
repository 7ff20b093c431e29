"""The proof on demand: the aggregate tables against a recomputation from every charge."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from billstream.aggregator.changes import Span, read_delta
from billstream.aggregator.fold import Extent, fold_rollup
from billstream.aggregator.rollups import ROLLUPS, Rollup
from billstream.aggregator.statements import statement
from billstream.aggregator.watermark import Sight
from billstream.common.errors import Fatal
from billstream.common.lake import Lake

MOST_DIFFERENCES = 1000

Measures = Mapping[str, Any]


@dataclass(frozen=True)
class Difference:
    """One group that is not what it should be.

    `stored` and `recomputed` hold the measures that differ, by column; None where that side lacks the group.
    """

    table: str
    key: Mapping[str, Any]
    stored: Measures | None
    recomputed: Measures | None


def verify(lake: Lake) -> list[Difference]:
    """Compare the aggregates with the charges of the snapshot that they are at. Writes nothing.

    Returns:
        The differences, at most 1,000 for each table; none when all is well, or before the first refresh.

    Raises:
        Fatal: the watermark's snapshot has been expired, so there is nothing left to compare with.
    """
    sight = Sight.of(lake)
    if sight.folded_snapshot is None:
        return []
    if lake.rows(statement("gone_snapshots"), [sight.folded_snapshot, sight.folded_snapshot]) != [(0,)]:
        raise Fatal(
            f"Snapshot {sight.folded_snapshot}, which the aggregates are at, has been expired: nothing is left to "
            "compare them with. Run `billstream rebuild`."
        )
    read_delta(lake, Span(None, sight.folded_snapshot))
    return [found for rollup in ROLLUPS for found in _differences(lake, rollup, version=sight.newest)]


def _differences(lake: Lake, rollup: Rollup, *, version: int) -> Iterator[Difference]:
    fold_rollup(lake, rollup, extent=Extent.ANEW, version=version)
    text = statement("differences", **rollup.identifiers())
    for stored, recomputed in lake.rows(text, [version, MOST_DIFFERENCES]):
        yield _difference(rollup, stored, recomputed)


def _difference(rollup: Rollup, stored: Measures, recomputed: Measures) -> Difference:
    named = stored if _is_there(stored) else recomputed
    differing = [name for name in stored if name not in rollup.keys and stored[name] != recomputed[name]]
    return Difference(
        table=rollup.table,
        key={name: named[name] for name in rollup.keys},
        stored={name: stored[name] for name in differing} if _is_there(stored) else None,
        recomputed={name: recomputed[name] for name in differing} if _is_there(recomputed) else None,
    )


def _is_there(side: Measures) -> bool:
    return side["charge_rows"] is not None
