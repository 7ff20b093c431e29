"""What a target is to become: the snapshot whose charges the aggregates are sums of, together with these aggregates.

A copy of the newest charges beside aggregates that lag behind them would contradict itself. So a follower goes where
the aggregates are, and what nobody may count yet is not copied either.
"""

from dataclasses import dataclass
from datetime import datetime

from billstream.common.errors import Misconfigured, Retryable
from billstream.common.lake import Lake
from billstream.common.lake.catalog import METADATA
from billstream.common.statements import statement
from billstream.publishing.tables import Table, layout_of, read_tables
from billstream.publishing.watermark import Watermark

FIRST = "first copy"
OTHER_LAYOUT = "the tables have other columns"
OTHER_HISTORY = "the lake was restored, and its snapshots are others"
EXPIRED = "snapshots after the watermark have been expired"
DAMAGED = "a data file with changed rows cannot be read"
ASKED = "requested"


@dataclass(frozen=True)
class Goal:
    """The tables, and the watermark of a target that has a copy of them."""

    tables: tuple[Table, ...]
    watermark: Watermark


@dataclass(frozen=True)
class History:
    """The snapshots that lead from a target's watermark to the goal.

    `missing` of them have been expired; `read_time` is the time of the one that the aggregates were read in.
    """

    missing: int
    read_time: datetime | None


def read_goal(lake: Lake) -> Goal:
    """Return the goal of this moment.

    Raises:
        Retryable: the lake has no aggregates yet, or see `common.lake.failures`.
        Fatal: see `common.lake.failures`.
    """
    newest = lake.snapshot_id()
    found = lake.rows(statement(__name__, "goal", catalog=METADATA), [newest])
    if not found:
        raise Retryable(
            "The lake has no aggregates yet, so there is nothing to publish. Run `billstream aggregate --once`, or "
            "keep `billstream aggregate` running."
        )
    snapshot_id, refreshed_at, lake_id, read_time = found[0]
    tables = read_tables(lake, snapshot_id, newest)
    watermark = Watermark(
        lake_id=lake_id,
        snapshot_id=snapshot_id,
        read_at=newest,
        read_time=read_time,
        refreshed_at=refreshed_at,
        layout=layout_of(tables),
    )
    return Goal(tables, watermark)


def read_history(lake: Lake, since: Watermark, goal: Watermark) -> History:
    """Return the history from what a target has to the goal. Raises what `read_goal` raises.

    The snapshot of the watermark itself counts: its expiry removes the files whose rows the feed of the next one
    reports as deleted.
    """
    rows = lake.rows(statement(__name__, "history", catalog=METADATA), [since.snapshot_id, goal.read_at, since.read_at])
    ((missing, read_time),) = rows
    return History(missing, read_time)


def reason_to_replace(since: Watermark | None, goal: Watermark, history: History | None) -> str | None:
    """Return why a target has to be copied anew; None where the changes are enough.

    Raises:
        Misconfigured: the target has a copy of another lake.
    """
    if since is None or history is None:
        return FIRST
    if since.lake_id != goal.lake_id:
        raise Misconfigured(
            "The target has a copy of another lake; nothing was changed. Give this lake a schema or a database of its "
            "own in the file of BILLSTREAM_TARGETS, or drop the copy that is there."
        )
    backwards = since.snapshot_id > goal.snapshot_id or since.read_at > goal.read_at
    if backwards or history.read_time not in {None, since.read_time}:
        return OTHER_HISTORY
    if history.missing:
        return EXPIRED
    return OTHER_LAYOUT if since.layout != goal.layout else None
