"""The proof on demand: each aggregate table against plain sums over every charge.

It shares no SQL and no code with the fold, only the list of tables and their dimensions: a mistake in the fold cannot
repeat itself here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest
from typing import Any

from billstream.aggregator.rollups import ROLLUPS, TAGS, Rollup, Rollups
from billstream.aggregator.watermark import Position, read_history
from billstream.common.errors import Fatal
from billstream.common.lake import Lake
from billstream.common.statements import statement
from billstream.common.tag_keys import TagKeys

MOST_DIFFERENCES = 1000

Measures = Mapping[str, Any]
Group = tuple[Any, ...]


@dataclass(frozen=True)
class _Check:
    """One SQL text of the proof, and the columns that it gives after the side and the keys."""

    sql: str
    measures: tuple[str, ...]


COSTS = _Check(
    "verify_costs",
    (
        "charge_rows",
        "billed_cost",
        "billed_rows",
        "effective_cost",
        "effective_rows",
        "list_cost",
        "list_rows",
        "contracted_cost",
        "contracted_rows",
    ),
)
QUANTITIES = _Check("verify_quantities", ("unit", "consumed_quantity", "rows_unit", "consumed_rows"))


@dataclass(frozen=True)
class Difference:
    """One group of an aggregate table that is not the sum of its charges.

    `stored` and `recomputed` hold the measures that differ, by name; None where that side lacks the group. A quantity
    is named with its unit, such as `consumed_quantity['Tokens']`; a unit that one side lacks is None there.
    """

    table: str
    key: Mapping[str, Any]
    stored: Measures | None
    recomputed: Measures | None


@dataclass(frozen=True, kw_only=True)
class _Proof:
    """What is compared: a snapshot of the charges with one of the tables, which have the values of these tag keys."""

    lake: Lake
    tag_keys: TagKeys
    charges_at: int
    table_at: int

    def compare(self, rollup: Rollup, check: _Check) -> Iterator[tuple[Group, list[Measures], list[Measures]]]:
        """Yield each group that differs: its key, the rows that only one side has: the table, the charges."""
        day, *columns = rollup.keys
        charges, given = self._charges(rollup)
        text = statement(__name__, check.sql, table=rollup.table, day=day, columns=", ".join(columns), charges=charges)
        width = len(rollup.keys)
        # As tuples, not through Arrow: a charge day may be infinite, which Arrow cannot convert.
        rows = self.lake.rows(text, [self.charges_at, self.table_at, MOST_DIFFERENCES, *given])
        for key, members in groupby(rows, key=lambda row: row[1 : width + 1]):
            sides: dict[str, list[Measures]] = {"stored": [], "recomputed": []}
            for side, *values in members:
                sides[side].append(dict(zip(check.measures, values[width:], strict=True)))
            yield key, sides["stored"], sides["recomputed"]

    def _charges(self, rollup: Rollup) -> tuple[str, list[object]]:
        """The SQL of the charges with the keys of the aggregates, and its parameters beyond the first three."""
        if not self.tag_keys or TAGS not in rollup.dimensions:
            plain = "charges AT (VERSION => $1)"
            return statement(__name__, "verify_charges", source=plain, tags="NULL::VARCHAR"), []
        tagged = f"({statement(__name__, 'verify_tagged')})"
        pairs = [(one.name, key) for one in self.tag_keys.names for key in one.keys]
        given: list[object] = [[name for name, _ in pairs], [key for _, key in pairs]]
        return statement(__name__, "verify_charges", source=tagged, tags="told"), given


def verify(lake: Lake, *, rollups: Rollups = ROLLUPS) -> list[Difference]:
    """Compare the aggregates with the charges of the snapshot that they are at; write nothing.

    Returns:
        The differences, at most 2,000 for each table. Empty when all is correct, or before the first refresh.

    Raises:
        Fatal: the watermark's snapshot has been expired, so there is nothing left to compare with.
    """
    # A refresh commits after the snapshot that it folds: the tables are read at the newest snapshot, the charges at the
    # watermark.
    position = Position.read(lake)
    folded = position.folded_snapshot
    if folded is None:
        return []
    if read_history(lake, folded, folded).missing:
        raise Fatal(
            f"Snapshot {folded}, which the aggregates are at, has been expired, so they cannot be verified. "
            "Run `billstream rebuild`."
        )
    proof = _Proof(lake=lake, tag_keys=position.tag_keys, charges_at=folded, table_at=position.newest)
    return [difference for rollup in rollups for difference in _differences(proof, rollup)]


def _differences(proof: _Proof, rollup: Rollup) -> Iterator[Difference]:
    """The groups of one table whose counts or costs differ, then those whose quantities alone differ."""
    one_sided = set()
    for key, stored, recomputed in proof.compare(rollup, COSTS):
        # A group that the table holds twice has more rows on one side: each row without a counterpart is a difference.
        for left, right in zip_longest(stored, recomputed):
            if left and right:
                yield _difference(rollup, key, left, right)
            else:
                one_sided.add(key)
                yield Difference(rollup.table, dict(zip(rollup.keys, key, strict=True)), left, right)
    for key, stored, recomputed in proof.compare(rollup, QUANTITIES):
        # A group that one side lacks is reported once, with its costs.
        if key not in one_sided:
            yield _difference(rollup, key, _by_unit(stored), _by_unit(recomputed))


def _difference(rollup: Rollup, key: Group, stored: Measures, recomputed: Measures) -> Difference:
    """A group that both sides have, with only the measures that differ."""
    wrong = [name for name in {**stored, **recomputed} if stored.get(name) != recomputed.get(name)]
    left, right = ({name: side.get(name) for name in wrong} for side in (stored, recomputed))
    return Difference(rollup.table, dict(zip(rollup.keys, key, strict=True)), left, right)


def _by_unit(rows: Sequence[Measures]) -> Measures:
    measures = ("consumed_quantity", "consumed_rows")
    return {f"{name}[{row['unit']!r}]": row[name] for row in rows for name in measures}
