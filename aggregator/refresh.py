"""One refresh: pin the newest snapshot, fold what changed since the watermark, move the watermark, in one commit.

Everything is read and computed before the write transaction opens, because on SQLite that one holds up every other
writer. The claim makes this safe: the commit is refused if another refresh came between.
"""

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import structlog

from billstream.aggregator.changes import Span, read_delta, readable
from billstream.aggregator.fold import Fold, drop_folded, fold, write_folded
from billstream.aggregator.watermark import Sight, Watermark
from billstream.common.errors import Fatal
from billstream.common.failpoints import failpoint
from billstream.common.lake import Lake
from billstream.common.retries import redo_on_conflict

if TYPE_CHECKING:
    import duckdb

log = structlog.get_logger(__name__)

FIRST = "first refresh"
ASKED = "asked for"
EXPIRED = "snapshots behind the watermark have been expired"
DIVERGED = "the aggregates did not count the rows that the lake has"

MANY_SNAPSHOTS = 1000
"""Snapshots without a change in the charges after which the watermark follows them nevertheless."""


@dataclass(frozen=True)
class RefreshReport:
    """What a refresh found and did.

    `snapshot_id` is the snapshot at which the aggregates are known to be true: at the watermark, or after it when
    the charges have not changed since. `changed` tells whether the aggregates were written.
    """

    snapshot_id: int
    watermark: Watermark
    changed: bool


def refresh_once(lake: Lake, *, now: datetime | None = None) -> RefreshReport:
    """Bring the aggregates up to the newest snapshot; while the charges stay the same nothing is written.

    Args:
        lake: open for writing.
        now: the time of the refresh, which is stored with it; default: the clock.

    Raises:
        Retryable: the lake does not answer, or others kept coming first for two minutes. Nothing was changed, or
            the commit's reply was lost; the next refresh finds out.
        Fatal: a sum outgrew DECIMAL(38,18), or see `common.lake.failures`.
    """
    return redo_on_conflict(lambda: _refresh(lake, now=now or datetime.now(UTC), reason=None))


def rebuild(lake: Lake, *, now: datetime | None = None) -> RefreshReport:
    """Compute the aggregates anew from every charge of the newest snapshot, in one commit.

    Raises:
        Retryable, Fatal: as `refresh_once`.
    """
    return redo_on_conflict(lambda: _refresh(lake, now=now or datetime.now(UTC), reason=ASKED))


def _refresh(lake: Lake, *, now: datetime, reason: str | None) -> RefreshReport:
    """One attempt; `reason` is why everything is computed anew, None when the changes will do."""
    started = time.monotonic()
    sight = Sight.of(lake)
    reason = reason or _reason_to_rebuild(lake, sight)
    with failpoint("read_changes"):
        changes = read_delta(lake, Span(None if reason else sight.folded_snapshot, sight.newest))
    if sight.watermark and not changes and not reason:
        return RefreshReport(sight.newest, _follow_idly(lake, sight, sight.watermark), changed=False)
    folded = fold(lake, version=sight.newest, anew=reason is not None)
    if not folded.sound:
        return _after_divergence(lake, now=now, reason=reason)
    watermark = _watermark(sight, folded, reason=reason, now=now)
    committed = lake.commit(
        partial(_write, folded=folded, watermark=watermark),
        claims=[sight.claim()],
        author="aggregator",
        message=f"{watermark.kind} to snapshot {watermark.snapshot_id}",
    )
    drop_folded(lake)
    _say(watermark, committed, seconds=time.monotonic() - started)
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


def _after_divergence(lake: Lake, *, now: datetime, reason: str | None) -> RefreshReport:
    """Heal loudly; but when even a rebuild does not count what the lake has, stop."""
    if reason:
        raise Fatal("The aggregates computed from every charge do not count the charges of the snapshot they are of.")
    log.error("aggregates_diverged", consequence="they are rebuilt from every charge")
    return _refresh(lake, now=now, reason=DIVERGED)


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


def _write(con: "duckdb.DuckDBPyConnection", *, folded: Fold, watermark: Watermark) -> None:
    write_folded(con, folded, loads_known=watermark.reason in {None, FIRST})
    watermark.store(con)


def _say(watermark: Watermark, committed: int, *, seconds: float) -> None:
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
