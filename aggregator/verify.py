"""The proof on demand: each aggregate table against a plain GROUP BY over every charge.

It shares the names of the tables and their keys with the fold, and nothing else: neither SQL nor code.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from billstream.aggregator.rollups import ROLLUPS, Rollup
from billstream.aggregator.statements import statement
from billstream.aggregator.watermark import Sight
from billstream.common.errors import Fatal
from billstream.common.lake import Lake

MOST_DIFFERENCES = 1000

MEASURES = (
    "charge_rows",
    "billed_cost",
    "billed_rows",
    "effective_cost",
    "effective_rows",
    "list_cost",
    "list_rows",
    "savings",
    "savings_rows",
    "consumed_quantity",
    "consumed_rows",
)
"""The columns of every aggregate table beside its keys."""

Measures = Mapping[str, Any]


@dataclass(frozen=True)
class Difference:
    """One group whose stored measures are wrong.

    `stored` and `recomputed` hold the measures that differ, by column; None where that side lacks the group.
    """

    table: str
    key: Mapping[str, Any]
    stored: Measures | None
    recomputed: Measures | None


def verify(lake: Lake, rollups: Sequence[Rollup] = ROLLUPS) -> list[Difference]:
    """Compare the aggregates with the charges of the snapshot that they are at. Writes nothing.

    Returns:
        The differences, at most 1,000 for each table; none when the tables are right, or before the first refresh.

    Raises:
        Fatal: the watermark's snapshot has been expired, so there is nothing left to compare with.
    """
    sight = Sight.of(lake)
    if sight.folded_snapshot is None:
        return []
    if lake.rows(statement("gone_snapshots"), [sight.folded_snapshot, sight.folded_snapshot]) != [(0,)]:
        raise Fatal(
            f"Snapshot {sight.folded_snapshot}, at which the aggregates are, has been expired: nothing is left to "
            "compare them with. Run `billstream rebuild`."
        )
    versions = [sight.newest, sight.folded_snapshot]
    return [found for rollup in rollups for found in _differences(lake, rollup, versions)]


def _differences(lake: Lake, rollup: Rollup, versions: Sequence[int]) -> Iterator[Difference]:
    text = statement(
        "verify/differences",
        table=rollup.table,
        keys=", ".join(rollup.keys),
        columns=", ".join([*rollup.keys, *MEASURES]),
        cost_is_map=_equal_keys(rollup, "c", "m"),
        stored_is_recomputed=_equal_keys(rollup, "stored", "recomputed"),
    )
    for stored, recomputed in lake.rows(text, [*versions, MOST_DIFFERENCES]):
        yield _difference(rollup, stored, recomputed)


def _equal_keys(rollup: Rollup, one: str, other: str) -> str:
    return " AND ".join(f"{one}.{key} IS NOT DISTINCT FROM {other}.{key}" for key in rollup.keys)


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
