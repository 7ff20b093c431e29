"""What changed in the charges between two snapshots: by day, service and account, with the file that caused it.

The lake's change feed has the rows, and the ledger the decision behind each load of them: the cost follows the change.
"""

from datetime import datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

from billstream.aggregator.insights.values import Restatement, Restatements, RestatementTotal
from billstream.aggregator.intervals import Interval, interval_between, snapshot_time
from billstream.aggregator.statements import statement
from billstream.common.lake import Lake

RECENT = timedelta(days=7)
MOST_RECENT = 100

WITH_TABLES = 1
"""The first snapshot that has tables: they are made in the commit after the empty lake."""

_LAST_READ: WeakKeyDictionary[Lake, tuple[list[tuple[Any, ...]], Restatements]] = WeakKeyDictionary()
"""The recent restatements that were read last from each open lake, and the decisions behind them."""

EVERY_LOAD = "true"
RESTATED_LOADS = (
    "load_id IN (SELECT unnest([brought, taken]) FROM restatement_lines WHERE restates) AND load_id IS NOT NULL"
)


def read_restatements(lake: Lake, interval: Interval, *, most: int | None, restated_only: bool) -> Restatements:
    """How the charges at the end of the interval differ from those at its beginning. Writes nothing.

    A file's differences, summed over all kinds, are exactly its charges at the end less those at the beginning. A first
    load that was restated within the interval is told as both.

    Args:
        lake: whose charges they are.
        interval: from which snapshot to which.
        most: how many differences are told; None tells all. The totals are of all.
        restated_only: leave out what no restatement brought or took; then only such loads are read.

    Raises:
        Retryable, Fatal: see `common.lake.failures`.
    """
    totals: tuple[RestatementTotal, ...] = ()
    largest: tuple[Restatement, ...] = ()
    if not interval.empty:
        _compare(lake, interval, RESTATED_LOADS if restated_only else EVERY_LOAD)
        found = lake.query(statement("restatement_totals"), [restated_only]).to_pylist()
        totals = tuple(RestatementTotal(**row) for row in found)
        rows = lake.query(statement("restatement_groups"), [restated_only, most]).to_pylist()
        largest = tuple(Restatement(**row) for row in rows)
    return Restatements(
        since=snapshot_time(lake, interval.after),
        from_snapshot_id=interval.after,
        to_snapshot_id=interval.upto,
        totals=totals,
        largest=largest,
    )


def read_recent(lake: Lake, refreshed_at: datetime, *, version: int) -> Restatements:
    """What was restated in the seven days before a refresh, as snapshot `version` has it.

    Only when the ledger knows of a restatement in these days is more than the ledger read; and that only once, as long
    as these restatements are the same.
    """
    since = refreshed_at - RECENT
    if lake.rows(statement("restatement_recent"), [version, since]) == [(0,)]:
        return Restatements(since=since, from_snapshot_id=None, to_snapshot_id=version, totals=(), largest=())
    interval = interval_between(lake, since, newest=version)
    found = _remembered(lake, interval)
    begun = snapshot_time(lake, interval.after) if interval.cut else since
    ends = {"since": begun, "from_snapshot_id": interval.after, "to_snapshot_id": interval.upto}
    return found.model_copy(update=ends)


def _remembered(lake: Lake, interval: Interval) -> Restatements:
    """What was restated; read anew only when other decisions than the last time are behind it.

    An export of millions of rows may be restated daily, and the insights be published every few seconds.
    """
    beginning = max(interval.after, WITH_TABLES)
    decisions = lake.rows(statement("restatement_decisions"), [interval.upto, beginning])
    known = _LAST_READ.get(lake)
    if known is None or known[0] != decisions:
        found = read_restatements(lake, interval, most=MOST_RECENT, restated_only=True)
        known = _LAST_READ[lake] = (decisions, found)
    return known[1]


def _compare(lake: Lake, interval: Interval, chosen: str) -> None:
    """Make the temporary table `restatements`, and what it is made from."""
    lake.rows(statement("restatement_lines"), [interval.upto])
    lake.rows(statement("restatement_feed", chosen=chosen, first=interval.after + 1, last=interval.upto))
    for name in ("restatement_loads", "restatement_amounts", "restatement_causes", "restatements"):
        lake.rows(statement(name))
