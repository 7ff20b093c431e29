"""Folding: what the aggregate tables hold, plus the delta, computed before the transaction and written in it."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from billstream.aggregator.rollups import ROLLUPS, Rollup
from billstream.aggregator.statements import statement
from billstream.common.lake import Lake

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

MANY_FILES = 40
"""A refresh leaves two small files in a table. At this many it writes the table anew, whatever maintenance does."""


class Extent(Enum):
    """How much of a table a fold replaces."""

    TOUCHED = auto()
    """the groups that move"""
    WHOLE = auto()
    """every group, as it was where it does not move"""
    ANEW = auto()
    """every group, from nothing"""


@dataclass(frozen=True)
class Fold:
    """Folded groups that wait in temporary tables, and what they come to.

    `sound` tells whether the aggregates will count exactly the rows of the snapshot, and none less than zero times.
    """

    extents: "Mapping[str, Extent]"
    rows_inserted: int
    rows_deleted: int
    groups_touched: int
    sound: bool


def fold(lake: Lake, *, version: int, anew: bool) -> Fold:
    """Compute, from the temporary table `delta`, the groups as they will be; writes nothing to the lake.

    Args:
        lake: the lake whose `delta` has been made.
        version: the snapshot in which the aggregate tables are read.
        anew: start from nothing, as the delta is everything there is.
    """
    crowded = {name for (name,) in lake.rows(statement("crowded"), [MANY_FILES])}
    extents = {rollup.table: _extent(rollup, anew=anew, crowded=crowded) for rollup in ROLLUPS}
    moved = [fold_rollup(lake, rollup, extent=extents[rollup.table], version=version) for rollup in ROLLUPS]
    lake.rows(statement("folded_loads"))
    ((inserted, deleted, counted, there),) = lake.rows(statement("fold_counts"), [version, not anew])
    broken = [rollup for rollup in ROLLUPS if lake.rows(f"FROM folded_{rollup.table} WHERE charge_rows < 0 LIMIT 1")]
    return Fold(extents, inserted, deleted, sum(moved), sound=counted == there and not broken)


def fold_rollup(lake: Lake, rollup: Rollup, *, extent: Extent, version: int) -> int:
    """Make the temporary table `folded_<table>` of one rollup. Returns how many of its groups move."""
    names = rollup.identifiers()
    lake.rows(statement("moved", **names))
    held = "held_anew" if extent is Extent.ANEW else "held_touched"
    lake.rows(statement(held, version=version, **names))
    lake.rows(statement("folded", **names))
    if extent is not Extent.TOUCHED:
        lake.rows(statement("kept", **names), [version, extent is Extent.WHOLE])
    ((groups,),) = lake.rows(f"SELECT count(*) FROM (SELECT DISTINCT {names['keys']} FROM moved_{rollup.table})")
    return int(groups)


def write_folded(con: "duckdb.DuckDBPyConnection", folded: Fold, *, loads_known: bool) -> None:
    """Write the folded groups, inside the open transaction.

    Args:
        con: DuckDB with the transaction open.
        folded: what `fold` computed.
        loads_known: whether the delta's loads are what changed since the refresh before.
    """
    for rollup in ROLLUPS:
        touched = folded.extents[rollup.table] is Extent.TOUCHED
        con.execute(statement("replace_touched" if touched else "replace_whole", **rollup.identifiers()))
    con.execute(statement("replace_loads"), [loads_known])


def drop_folded(lake: Lake) -> None:
    """Give the memory of the temporary tables back: a first refresh may have filled it with years of groups."""
    tables = [f"{kind}_{rollup.table}" for rollup in ROLLUPS for kind in ("moved", "folded", "kept")]
    lake.rows("; ".join(f"DROP TABLE IF EXISTS temp.{table}" for table in ["delta", "folded_changed_loads", *tables]))


def _extent(rollup: Rollup, *, anew: bool, crowded: set[str]) -> Extent:
    if anew:
        return Extent.ANEW
    return Extent.WHOLE if rollup.table in crowded else Extent.TOUCHED
