"""Folding: the aggregate tables as they are, plus the delta. Computed before the transaction, written inside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

import duckdb

from billstream.aggregator.rollups import GroupingSets, Rollup
from billstream.aggregator.statements import statement
from billstream.common.lake import Lake

MANY_FILES = 40
"""A refresh leaves two small files in a table. At this many it writes the whole table, whatever maintenance does."""


class Extent(Enum):
    """How much of a table a fold replaces."""

    TOUCHED = auto()
    """the groups that move"""
    WHOLE = auto()
    """every group, as it was where it does not move"""
    ANEW = auto()
    """every group, from nothing"""


@dataclass(frozen=True)
class Miscount:
    """A table that would not count the charges of the snapshot, or a group in it less than zero times."""

    table: str
    counted: int
    snapshot_rows: int

    def __str__(self) -> str:
        return f"{self.table} would count {self.counted} rows, the snapshot has {self.snapshot_rows}"


@dataclass(frozen=True)
class Fold:
    """Folded groups that wait in temporary tables, with their counts. With `miscounts` they must not be written."""

    sets: GroupingSets
    extents: Mapping[str, Extent]
    rows_inserted: int
    rows_deleted: int
    groups_touched: int
    miscounts: Sequence[Miscount]


def fold(lake: Lake, sets: GroupingSets, *, version: int, anew: bool) -> Fold:
    """Compute, from the temporary table `delta`, the groups as they will be; writes nothing to the lake.

    Args:
        lake: the lake whose `delta` has been made.
        sets: the rollups of the delta.
        version: the snapshot in which the aggregate tables are read.
        anew: start from nothing, as the delta holds every charge.
    """
    crowded = {name for (name,) in lake.rows(statement("fold/crowded"), [MANY_FILES])}
    extents, touched, miscounts = {}, 0, []
    ((snapshot_rows,),) = lake.rows("SELECT count(*) FROM charges AT (VERSION => ?)", [version])
    for rollup in sets.rollups:
        extent = Extent.ANEW if anew else Extent.WHOLE if rollup.table in crowded else Extent.TOUCHED
        extents[rollup.table] = extent
        touched += _fold_rollup(lake, sets, rollup, extent=extent, version=version)
        # Each table is counted by itself: a mistake in one of them does not show in another.
        names = sets.identifiers(rollup)
        ((counted, lowest),) = lake.rows(statement("fold/counts", **names), [version, not anew])
        if counted != snapshot_rows or lowest < 0:
            miscounts.append(Miscount(rollup.table, counted, snapshot_rows))
    lake.run(statement("fold/folded_loads", mask=sets.load_mask))
    ((inserted, deleted),) = lake.rows(
        "SELECT coalesce(sum(charge_rows) FILTER (charge_rows > 0), 0)::BIGINT, "
        "coalesce(-sum(charge_rows) FILTER (charge_rows < 0), 0)::BIGINT FROM folded_changed_loads"
    )
    return Fold(sets, extents, inserted, deleted, touched, miscounts)


def write_folded(con: duckdb.DuckDBPyConnection, folded: Fold, *, loads_known: bool) -> None:
    """Write the folded groups, inside the open transaction.

    Args:
        con: DuckDB with the transaction open.
        folded: the result of `fold`.
        loads_known: the delta's loads are those that changed since the refresh before.
    """
    for rollup in folded.sets.rollups:
        touched = folded.extents[rollup.table] is Extent.TOUCHED
        text = "fold/replace_touched" if touched else "fold/replace_whole"
        con.execute(statement(text, **folded.sets.identifiers(rollup)))
    con.execute(statement("fold/replace_loads"), [loads_known])


def drop_folded(lake: Lake, sets: GroupingSets) -> None:
    """Free the memory of the temporary tables: a first refresh may have filled it with years of groups."""
    tables = [f"{kind}_{rollup.table}" for rollup in sets.rollups for kind in ("moved", "folded", "kept")]
    lake.run("; ".join(f"DROP TABLE IF EXISTS temp.{table}" for table in ["delta", "folded_changed_loads", *tables]))


def _fold_rollup(lake: Lake, sets: GroupingSets, rollup: Rollup, *, extent: Extent, version: int) -> int:
    """Make the temporary table `folded_<table>` of one rollup. Returns how many of its groups move."""
    names = sets.identifiers(rollup)
    lake.run(statement("fold/moved", **names))
    held = "fold/held_anew" if extent is Extent.ANEW else "fold/held_touched"
    lake.run(statement(held, version=version, **names))
    lake.run(statement("fold/folded", **names))
    if extent is not Extent.TOUCHED:
        lake.run(statement("fold/kept", **names), [version, extent is Extent.WHOLE])
    ((groups,),) = lake.rows(f"SELECT count(*) FROM (SELECT DISTINCT {names['keys']} FROM moved_{rollup.table})")
    return int(groups)
