"""Compute the changed groups of each aggregate table before the transaction, and write them in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

import duckdb

from billstream.aggregator.fold.changes import grouping_set_of, loads_grouping_set
from billstream.aggregator.rollups import Rollup, Rollups
from billstream.common.lake import Lake
from billstream.common.statements import statement

MANY_FILES = 40
"""A refresh adds two small files to a table. A table that has this many is rewritten, independent of maintenance."""


class Extent(Enum):
    """The part of an aggregate table that a fold replaces."""

    TOUCHED = auto()
    """only the groups that change"""
    WHOLE = auto()
    """every group; groups that do not change are copied"""
    FROM_NOTHING = auto()
    """every group; the delta holds all charges"""


@dataclass(frozen=True)
class Miscount:
    """An aggregate table that would not count exactly the charges of the snapshot."""

    table: str
    counted_rows: int
    snapshot_rows: int

    def __str__(self) -> str:
        if self.counted_rows == self.snapshot_rows:
            return f"{self.table} has a group of fewer than 0 charges"
        return f"{self.table} counts {self.counted_rows}, the snapshot has {self.snapshot_rows}"


@dataclass(frozen=True)
class Fold:
    """The computed groups, which wait in temporary tables, and their counts. Commit them only without `miscounts`."""

    extents: Mapping[Rollup, Extent]
    rows_inserted: int
    rows_deleted: int
    groups_touched: int
    miscounts: tuple[Miscount, ...]


def fold(lake: Lake, rollups: Rollups, *, version: int, from_nothing: bool) -> Fold:
    """Compute the new state of all changed groups from the temporary table `delta`; write nothing to the lake.

    Args:
        lake: the lake whose `delta` was made for these rollups.
        rollups: the aggregate tables.
        version: the snapshot in which the aggregate tables are read.
        from_nothing: ignore the tables' content, because the delta holds all charges.
    """
    crowded = {table for (table,) in lake.rows(statement(__name__, "crowded"), [MANY_FILES])}
    extents: dict[Rollup, Extent] = {}
    groups_touched = 0
    for rollup in rollups:
        if from_nothing:
            extents[rollup] = Extent.FROM_NOTHING
        else:
            extents[rollup] = Extent.WHOLE if rollup.table in crowded else Extent.TOUCHED
        groups_touched += _fold_one(lake, rollup, rollups, extent=extents[rollup], version=version)
    lake.rows(statement(__name__, "folded_loads", grouping_set=loads_grouping_set(rollups)))
    ((inserted, deleted, snapshot_rows),) = lake.rows(statement(__name__, "changed_rows"), [version])
    counts = [_count(lake, rollup, version=version, from_nothing=from_nothing) for rollup in rollups]
    miscounts = [
        Miscount(rollup.table, counted, snapshot_rows)
        for rollup, (counted, fewest) in zip(rollups, counts, strict=True)
        if counted != snapshot_rows or fewest < 0
    ]
    return Fold(extents, inserted, deleted, groups_touched, tuple(miscounts))


def write_folded(con: duckdb.DuckDBPyConnection, folded: Fold, *, loads_known: bool) -> None:
    """Write the computed groups, inside the open transaction.

    Args:
        con: DuckDB with the transaction open.
        folded: the result of `fold`.
        loads_known: True when the delta's loads are exactly the changes since the previous refresh.
    """
    for rollup, extent in folded.extents.items():
        replace = "replace_touched" if extent is Extent.TOUCHED else "replace_whole"
        con.execute(statement(__name__, replace, **_identifiers(rollup)))
    con.execute(statement(__name__, "replace_loads"), [loads_known])


def drop_folded(lake: Lake, rollups: Rollups) -> None:
    """Free the memory of the temporary tables: a first refresh may have filled them with years of groups."""
    kinds = ("moved", "current", "folded", "kept")
    tables = [f"{kind}_{rollup.table}" for rollup in rollups for kind in kinds]
    lake.rows("; ".join(f"DROP TABLE IF EXISTS temp.{table}" for table in ["delta", "folded_changed_loads", *tables]))


def _fold_one(lake: Lake, rollup: Rollup, rollups: Rollups, *, extent: Extent, version: int) -> int:
    """Make the temporary table `folded_<table>` of one rollup. Returns how many of its groups change."""
    names = _identifiers(rollup)
    lake.rows(statement(__name__, "moved", grouping_set=grouping_set_of(rollup, rollups), **names))
    current = "current_none" if extent is Extent.FROM_NOTHING else "current_touched"
    lake.rows(statement(__name__, current, **names), [version])
    lake.rows(statement(__name__, "folded", **names))
    if extent is not Extent.TOUCHED:
        lake.rows(statement(__name__, "kept", **names), [version, extent is Extent.WHOLE])
    ((groups,),) = lake.rows(statement(__name__, "groups_touched", **names))
    return int(groups)


def _count(lake: Lake, rollup: Rollup, *, version: int, from_nothing: bool) -> tuple[int, int]:
    """The charges that the table will count in all, and the smallest count among its changed groups."""
    text = statement(__name__, "counted", **_identifiers(rollup))
    ((counted, fewest),) = lake.rows(text, [version, not from_nothing])
    return int(counted), int(fewest)


def _identifiers(rollup: Rollup) -> dict[str, str]:
    """The values for the braces in the SQL texts of one rollup."""
    # A day is never NULL, so an equality, which joins faster, serves for it; every other key may be NULL.
    nullable = [f"a.{name} IS NOT DISTINCT FROM b.{name}" for name in rollup.keys[1:]]
    return {
        "table": rollup.table,
        "keys": ", ".join(rollup.keys),
        "same_keys": " AND ".join(["a.charge_day = b.charge_day", *nullable]),
    }
