"""One follower: bring a target up to date with the lake, exactly once.

The watermark is in the target and moves in the target's own transaction, with the rows. So whatever ends the process
between two steps, the target says what it has, and the next run goes on from there. Nothing is read from the lake while
a lock of the lake is held, and nothing of the target is locked for those who only read it.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from billstream.common.errors import DataDamaged
from billstream.common.failpoints import failpoint
from billstream.common.ids import new_id
from billstream.common.lake import Lake
from billstream.common.metrics import followers as metrics
from billstream.common.retries import redo_on_conflict
from billstream.publishing.days import Piece, all_months, changed_days, pieces, stage
from billstream.publishing.goal import ASKED, DAMAGED, Goal, read_goal, read_history, reason_to_replace
from billstream.publishing.registry import MOVED_EVERY, SEEN_EVERY, Follower, read_followers, record
from billstream.publishing.tables import Table
from billstream.publishing.target import Changing, Target
from billstream.publishing.watermark import Watermark

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Change:
    """What has to be done to a target.

    `since` is what it has, `reason` why everything is copied anew; None where `pieces`, by table, have all changes.
    """

    goal: Goal
    since: Watermark | None
    reason: str | None
    pieces: tuple[tuple[Table, tuple[Piece, ...]], ...]

    @property
    def days(self) -> dict[str, int]:
        """Return the number of days to replace by table; 0 for all of them."""
        return {table.name: sum(len(piece.days or ()) for piece in found) for table, found in self.pieces}

    @property
    def nothing(self) -> bool:
        """Return whether the target has the goal."""
        return self.reason is None and self.since is not None and _same(self.since, self.goal.watermark)


@dataclass(frozen=True)
class Published:
    """What was done. `rows` were written; `changed` is False where the target was up to date."""

    change: Change
    rows: int
    changed: bool


def foresee(lake: Lake, target: Target, *, anew: bool = False) -> Change:
    """Return what a run would do; nothing is written, neither to the lake nor to the target.

    Raises:
        Misconfigured: the target has a copy of another lake, or refuses.
        Retryable: the lake has no aggregates yet, or see `common.lake.failures` and `target.Target`.
        Fatal: see there.
    """
    return _change(lake, target.watermark(), anew=anew)


def publish_once(
    lake: Lake, target: Target, *, now: datetime | None = None, anew: bool = False, last: bool = True
) -> Published:
    """Bring a target to the newest aggregates and the charges that they are sums of, in one transaction of the target.

    Args:
        lake: open for writing: it learns which snapshots have to be kept.
        target: what is changed.
        now: the time of the run; default: the clock.
        anew: copy everything, whatever the target has.
        last: no other run follows soon, so that the lake learns at once where the target is.

    Raises:
        Misconfigured, Retryable, Fatal: as `foresee`. What was not committed has changed nothing.
    """
    moment = now or datetime.now(UTC)
    return redo_on_conflict(lambda: _publish(lake, target, moment, anew=anew, last=last))


def _publish(lake: Lake, target: Target, now: datetime, *, anew: bool, last: bool) -> Published:
    started = time.monotonic()
    since = target.watermark()
    entry = next((one for one in read_followers(lake) if one.name == target.name), None)
    needed = since.snapshot_id if since else read_goal(lake).watermark.snapshot_id
    if entry is None or entry.snapshot_id > needed or entry.place != target.place or now - entry.seen_at > SEEN_EVERY:
        # Before anything is read: what is still there now, stays until the target has it.
        entry = _entry(target, needed, since, now)
        record(lake, entry)
    change = _change(lake, since, anew=anew)
    if change.nothing:
        _move(lake, target, entry, change.since, now, last=last)
        return Published(change, 0, changed=False)
    if change.reason:
        target.prepare(change.goal.tables)
    with failpoint("publish"), target.changing(since, change.goal.watermark) as changing:
        rows = sum(_carry_out(lake, changing, change, table, found) for table, found in change.pieces)
    _move(lake, target, entry, change.goal.watermark, now, last=last)
    _log_published(target, change, rows, seconds=time.monotonic() - started)
    return Published(change, rows, changed=True)


def _change(lake: Lake, since: Watermark | None, *, anew: bool) -> Change:
    goal = read_goal(lake)
    history = read_history(lake, since, goal.watermark) if since else None
    reason = reason_to_replace(since, goal.watermark, history) or (ASKED if anew else None)
    if since and not reason:
        try:
            return Change(goal, since, None, tuple(_changed(lake, goal, since)))
        except DataDamaged as error:
            # The rows of a data file that was taken out cannot be read any more, nor need they be.
            log.warning("changes_unreadable", reason=str(error), consequence="everything is copied anew")
            lake.reconnect_if_lost()
            reason = DAMAGED
    everything = tuple((table, tuple(all_months(lake, table, _version(goal, table)))) for table in goal.tables)
    return Change(goal, since, reason, everything)


def _changed(lake: Lake, goal: Goal, since: Watermark) -> list[tuple[Table, tuple[Piece, ...]]]:
    """Return the changed days of each table."""
    mark = goal.watermark
    # Each commit of the aggregates moves their own watermark: while it is the same, so are they.
    if _same(since, mark):
        return []
    found = []
    for table in goal.tables:
        before = since.snapshot_id if table.is_charges else since.read_at
        days = changed_days(lake, table, before + 1, _version(goal, table))
        found.append((table, tuple(pieces(days))))
    return found


def _carry_out(lake: Lake, changing: Changing, change: Change, table: Table, found: tuple[Piece, ...]) -> int:
    """Replace rows of one table: all of them, or those of some days. A month is on this host's disk at a time."""
    rows = 0
    if change.reason:
        changing.clear(table, None)
    for piece in found:
        path = Path(lake.scratch) / f"publish-{new_id()}.parquet"
        try:
            with failpoint("publish stage"):
                stage(lake, table, _version(change.goal, table), piece, str(path))
            if not change.reason:
                changing.clear(table, piece)
            rows += changing.add(table, piece, path)
        finally:
            path.unlink(missing_ok=True)
    return rows


def _same(one: Watermark, other: Watermark) -> bool:
    return (one.snapshot_id, one.refreshed_at) == (other.snapshot_id, other.refreshed_at)


def _version(goal: Goal, table: Table) -> int:
    return goal.watermark.snapshot_id if table.is_charges else goal.watermark.read_at


def _move(lake: Lake, target: Target, entry: Follower, has: Watermark | None, now: datetime, *, last: bool) -> None:
    """Let the lake know what the target has, so that older snapshots may go: now and then, as each time is a commit."""
    if has is None or (entry.snapshot_id, entry.refreshed_at) == (has.snapshot_id, has.refreshed_at):
        return
    if last or now - entry.seen_at >= MOVED_EVERY:
        with failpoint("publish record"):
            record(lake, _entry(target, has.snapshot_id, has, now))


def _entry(target: Target, needed: int, has: Watermark | None, now: datetime) -> Follower:
    return Follower(target.name, target.kind, target.place, needed, has.refreshed_at if has else None, now)


def _log_published(target: Target, change: Change, rows: int, *, seconds: float) -> None:
    metrics.PUBLISHED_ROWS.add(rows)
    metrics.PUBLISH_SECONDS.observe(seconds)
    log.info(
        "target_published",
        target=target.name,
        kind="replaced" if change.reason else "changed",
        reason=change.reason,
        snapshot=change.goal.watermark.snapshot_id,
        previous_snapshot=change.since.snapshot_id if change.since else None,
        days=change.days,
        rows=rows,
        seconds=round(seconds, 3),
    )
