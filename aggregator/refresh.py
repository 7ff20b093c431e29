"""One refresh: pin the newest snapshot, fold what changed since the watermark, move the watermark, in one commit.

Everything is read and computed before the write transaction opens, because on SQLite that one holds up every other
writer. The claim makes this safe: the commit is refused if another refresh came between.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

import duckdb
import structlog

from billstream.aggregator.changes import Span, read_delta, readable
from billstream.aggregator.fold import Fold, drop_folded, fold, write_folded
from billstream.aggregator.rollups import ROLLUPS, GroupingSets, Rollup
from billstream.aggregator.watermark import Sight, Watermark
from billstream.common.errors import Fatal
from billstream.common.failpoints import failpoint
from billstream.common.lake import Lake
from billstream.common.retries import redo_on_conflict

log = structlog.get_logger(__name__)

FIRST = "first refresh"
ASKED = "asked for"
EXPIRED = "snapshots behind the watermark have been expired"
DIVERGED = "the aggregates did not count the rows that the lake has"

MANY_SNAPSHOTS = 1000
"""Snapshots without a change in the charges after which the watermark follows them nevertheless."""


@dataclass(frozen=True)
class RefreshReport:
    """The result of a refresh.

    `snapshot_id` is the snapshot at which the aggregates are known to be true: at the watermark, or after it when
    the charges have not changed since. `changed` tells whether the aggregates were written.
    """

    snapshot_id: int
    watermark: Watermark
    changed: bool


def refresh_once(lake: Lake, *, now: datetime | None = None, rollups: Sequence[Rollup] = ROLLUPS) -> RefreshReport:
    """Bring the aggregates up to the newest snapshot; while the charges stay the same nothing is written.

    Args:
        lake: open for writing.
        now: the time of the refresh, which is stored with it; default: the clock.
        rollups: the aggregate tables.

    Raises:
        Retryable: the lake does not answer, or others kept coming first for two minutes. Nothing was changed, or
            the commit's reply was lost; the next refresh finds out.
        Fatal: a sum outgrew DECIMAL(38,18), or see `common.lake.failures`.
    """
    sets = GroupingSets(rollups)
    return redo_on_conflict(lambda: _refresh(lake, sets, now=now or datetime.now(UTC), reason=None))


def rebuild(lake: Lake, *, now: datetime | None = None, rollups: Sequence[Rollup] = ROLLUPS) -> RefreshReport:
    """Compute the aggregates from every charge of the newest snapshot, in one commit.

    Raises:
        Retryable, Fatal: as `refresh_once`.
    """
    sets = GroupingSets(rollups)
    return redo_on_conflict(lambda: _refresh(lake, sets, now=now or datetime.now(UTC), reason=ASKED))


def _refresh(lake: Lake, sets: GroupingSets, *, now: datetime, reason: str | None) -> RefreshReport:
    """Make one attempt. `reason` says why everything is computed from nothing; None where the changes suffice."""
    started = time.monotonic()
    sight = Sight.of(lake)
    reason = reason or _reason_to_rebuild(lake, sight)
    with failpoint("read_changes"):
        changes = read_delta(lake, Span(None if reason else sight.folded_snapshot, sight.newest), sets)
    if sight.watermark and not changes and not reason:
        return RefreshReport(sight.newest, _follow_idly(lake, sight, sight.watermark), changed=False)
    folded = fold(lake, sets, version=sight.newest, anew=reason is not None)
    if folded.miscounts:
        return _after_miscount(lake, folded, sight.newest, now=now, reason=reason)
    watermark = _watermark(sight, folded, reason=reason, now=now)
    committed = lake.commit(
        partial(_write, folded=folded, watermark=watermark),
        claims=[sight.claim()],
        author="aggregator",
        message=f"{watermark.kind} to snapshot {watermark.snapshot_id}",
    )
    drop_folded(lake, sets)
    _log_refresh(watermark, committed, seconds=time.monotonic() - started)
    return RefreshReport(sight.newest, watermark, changed=True)


def _follow_idly(lake: Lake, sight: Sight, watermark: Watermark) -> Watermark:
    """Leave the watermark where it is, unless it is so far behind that it keeps many snapshots from expiring."""
    if sight.newest - watermark.snapshot_id < MANY_SNAPSHOTS:
        return watermark
    moved = replace(watermark, snapshot_id=sight.newest)
    lake.commit(
        moved.store, claims=[sight.claim()], author="aggregator", message=f"nothing new up to snapshot {sight.newest}"
    )
    log.info("watermark_moved", snapshot=moved.snapshot_id, previous_snapshot=watermark.snapshot_id)
    return moved


def _reason_to_rebuild(lake: Lake, sight: Sight) -> str | None:
    if sight.watermark is None:
        return FIRST
    return None if readable(lake, Span(sight.watermark.snapshot_id, sight.newest)) else EXPIRED


def _after_miscount(lake: Lake, folded: Fold, snapshot: int, *, now: datetime, reason: str | None) -> RefreshReport:
    """Rebuild from every charge, and say so in the log; if even a rebuild counts wrong, stop and write nothing."""
    if reason:
        first = folded.miscounts[0]
        raise Fatal(
            f"The rebuilt table {first.table} counts {first.counted} rows, snapshot {snapshot} has "
            f"{first.snapshot_rows}: a bug in billstream. Nothing was written; the aggregates are as they were."
        )
    log.error(
        "aggregates_diverged",
        tables=[str(miscount) for miscount in folded.miscounts],
        consequence="all tables are rebuilt from every charge",
    )
    return _refresh(lake, folded.sets, now=now, reason=DIVERGED)


def _watermark(sight: Sight, folded: Fold, *, reason: str | None, now: datetime) -> Watermark:
    return Watermark(
        snapshot_id=sight.newest,
        previous_snapshot_id=sight.folded_snapshot,
        kind="rebuild" if reason else "refresh",
        reason=reason,
        rows_inserted=folded.rows_inserted,
        rows_deleted=folded.rows_deleted,
        groups_touched=folded.groups_touched,
        refreshed_at=now,
    )


def _write(con: duckdb.DuckDBPyConnection, *, folded: Fold, watermark: Watermark) -> None:
    write_folded(con, folded, loads_known=watermark.reason in {None, FIRST})
    watermark.store(con)


def _log_refresh(watermark: Watermark, committed: int, *, seconds: float) -> None:
    log.info(
        "aggregates_refreshed",
        kind=watermark.kind,
        reason=watermark.reason,
        snapshot=watermark.snapshot_id,
        committed_snapshot=committed,
        rows_inserted=watermark.rows_inserted,
        rows_deleted=watermark.rows_deleted,
        groups_touched=watermark.groups_touched,
        seconds=round(seconds, 3),
    )
