"""Compare the charges of two snapshots, by day, service and account, with the file that caused each difference.

The lake's change feed has the charges, and the ledger has the decision behind each load: the cost follows the change,
not the history.
"""

from billstream.aggregator.restatements.intervals import Interval, snapshot_time
from billstream.aggregator.restatements.values import Restatement, Restatements, RestatementTotal
from billstream.common.errors import DataDamaged
from billstream.common.lake import Lake
from billstream.common.statements import statement

EVERY_LOAD = "true"
RESTATED_LOADS = (
    "load_id IN (SELECT unnest([loaded, replaced]) FROM restatement_entries WHERE restates) AND load_id IS NOT NULL"
)


def read_restatements(lake: Lake, interval: Interval, *, most: int | None, restated_only: bool) -> Restatements:
    """Return how the charges at the end of the interval differ from those at its beginning; write nothing.

    The differences of a file, summed over all kinds, are exactly its charges at the end minus those at the beginning. A
    first load that was restated within the interval is listed as both.

    Args:
        lake: the lake whose charges are compared.
        interval: the two snapshots.
        most: the highest number of differences returned; None returns all. The totals are of all.
        restated_only: leave out charges that no restatement added or removed; then only such loads are read.

    Returns:
        The differences. Where rows of the beginning were lost with their data file, they begin at the snapshot in which
        that file left the lake: `from_snapshot_id` says so.

    Raises:
        DataDamaged: a data file of the lake is lost or damaged, and has not left it yet.
        Retryable, Fatal: see `common.lake.failures`.
    """
    try:
        return _read(lake, interval, most=most, restated_only=restated_only)
    except DataDamaged:
        lake.reconnect_if_lost()
        ((lost_at,),) = lake.rows(statement(__name__, "lost"), [interval.after, interval.upto])
        if lost_at is None:
            raise
    return _read(lake, Interval(int(lost_at), interval.upto, cut=True), most=most, restated_only=restated_only)


def _read(lake: Lake, interval: Interval, *, most: int | None, restated_only: bool) -> Restatements:
    totals: tuple[RestatementTotal, ...] = ()
    largest: tuple[Restatement, ...] = ()
    if not interval.empty:
        _compare(lake, interval, RESTATED_LOADS if restated_only else EVERY_LOAD)
        found = lake.query(statement(__name__, "totals"), [restated_only]).to_pylist()
        totals = tuple(RestatementTotal(**row) for row in found)
        rows = lake.query(statement(__name__, "groups"), [restated_only, most]).to_pylist()
        largest = tuple(Restatement(**row) for row in rows)
    return Restatements(
        since=snapshot_time(lake, interval.after),
        from_snapshot_id=interval.after,
        to_snapshot_id=interval.upto,
        totals=totals,
        largest=largest,
    )


def _compare(lake: Lake, interval: Interval, chosen: str) -> None:
    """Make the temporary table `restatements`, and the tables that it is made from."""
    # Each text reads the tables of those before it: entries → feed → loads → amounts, causes → restatements.
    lake.rows(statement(__name__, "entries"), [interval.upto])
    lake.rows(statement(__name__, "feed", chosen=chosen, first=interval.after + 1, last=interval.upto))
    for name in ("loads", "amounts", "causes", "differences"):
        lake.rows(statement(__name__, name))
