"""One refresh: pin the newest snapshot, fold the changes since the watermark, move the watermark, in one commit.

Everything is read and computed before the write transaction opens, because on SQLite that transaction blocks every
other writer. The claim makes this safe: the commit is refused when another refresh has committed in between.
"""

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import duckdb
import structlog

from billstream.aggregator.fold.changes import Span, feed_is_complete, read_delta
from billstream.aggregator.fold.groups import Fold, drop_folded, fold, write_folded
from billstream.aggregator.rollups import ROLLUPS, Rollups
from billstream.aggregator.watermark import Position, Watermark
from billstream.common.errors import Fatal
from billstream.common.failpoints import failpoint
from billstream.common.lake import Lake
from billstream.common.retries import redo_on_conflict
from billstream.common.statements import statement

log = structlog.get_logger(__name__)

FIRST = "first refresh"
ASKED = "requested"
EXPIRED = "snapshots after the watermark have been expired"
NEW_TABLE = "an aggregate table is new"
DIVERGED = "the aggregates did not count the charges of the lake"

MANY_SNAPSHOTS = 1000
"""After this many snapshots without a changed charge the watermark moves nevertheless."""


@dataclass(frozen=True)
class RefreshReport:
    """The result of a refresh.

    `snapshot_id` is the newest snapshot whose charges the aggregates hold: the watermark, or a later snapshot when the
    charges have not changed since. `changed` is True when the aggregates were written.
    """

    snapshot_id: int
    watermark: Watermark
    changed: bool


def refresh_once(lake: Lake, *, now: datetime | None = None, rollups: Rollups = ROLLUPS) -> RefreshReport:
    """Fold all changes up to the newest snapshot into the aggregates; without changes nothing is written.

    Args:
        lake: open for writing.
        now: the time of the refresh, which is stored with it; default: the clock.
        rollups: the aggregate tables.

    Raises:
        Retryable: the lake does not answer, or other writers committed first for two minutes. Nothing was changed, or
            the commit's reply was lost; the next refresh finds out.
        Fatal: a sum exceeded DECIMAL(38,18), the new aggregates would be wrong, or see `common.lake.failures`.
    """
    return redo_on_conflict(lambda: _refresh(lake, rollups, now=now or datetime.now(UTC), reason=None))


def rebuild(lake: Lake, *, now: datetime | None = None, rollups: Rollups = ROLLUPS) -> RefreshReport:
    """Compute the aggregates from every charge of the newest snapshot, in one commit.

    Raises:
        Retryable, Fatal: as `refresh_once`.
    """
    return redo_on_conflict(lambda: _refresh(lake, rollups, now=now or datetime.now(UTC), reason=ASKED))


def _refresh(lake: Lake, rollups: Rollups, *, now: datetime, reason: str | None) -> RefreshReport:
    """One attempt. `reason` tells why everything is computed from all charges; None: the changes are enough."""
    started = time.monotonic()
    position = Position.read(lake)
    reason = reason or _reason_to_rebuild(lake, rollups, position)
    with failpoint("read_changes"):
        changes = read_delta(lake, rollups, Span(None if reason else position.folded_snapshot, position.newest))
    if position.watermark and not changes and not reason:
        return RefreshReport(position.newest, _follow_idly(lake, position, position.watermark), changed=False)
    folded = fold(lake, rollups, version=position.newest, from_nothing=reason is not None)
    if folded.miscounts:
        return _after_miscounts(lake, rollups, folded, now=now, reason=reason)
    watermark = Watermark(
        snapshot_id=position.newest,
        previous_snapshot_id=position.folded_snapshot,
        kind="rebuild" if reason else "refresh",
        reason=reason,
        rows_inserted=folded.rows_inserted,
        rows_deleted=folded.rows_deleted,
        groups_touched=folded.groups_touched,
        refreshed_at=now,
    )

    def write(con: duckdb.DuckDBPyConnection) -> None:
        write_folded(con, folded, loads_known=reason in {None, FIRST})
        watermark.store(con)

    committed = lake.commit(
        write,
        claims=[position.claim()],
        author="aggregator",
        message=f"{watermark.kind} to snapshot {watermark.snapshot_id}",
    )
    drop_folded(lake, rollups)
    _log_refreshed(watermark, committed, seconds=time.monotonic() - started)
    return RefreshReport(position.newest, watermark, changed=True)


def _follow_idly(lake: Lake, position: Position, watermark: Watermark) -> Watermark:
    """Leave the watermark where it is, unless it is so far behind that it keeps many snapshots from expiring."""
    if position.newest - watermark.snapshot_id < MANY_SNAPSHOTS:
        return watermark
    moved = replace(watermark, snapshot_id=position.newest)
    message = f"no changed charges up to snapshot {position.newest}"
    lake.commit(moved.store, claims=[position.claim()], author="aggregator", message=message)
    log.info("watermark_moved", snapshot=moved.snapshot_id, previous_snapshot=watermark.snapshot_id)
    return moved


def _reason_to_rebuild(lake: Lake, rollups: Rollups, position: Position) -> str | None:
    if position.watermark is None:
        return FIRST
    before, newest = position.watermark.snapshot_id, position.newest
    if not feed_is_complete(lake, Span(before, newest)):
        return EXPIRED
    # A migration adds an aggregate as an empty table. Without this look it would stay empty until a charge changes.
    if lake.rows(statement(__name__, "schema_versions"), [before, newest]) != [(1,)]:
        filled = {
            bool(lake.rows(f"SELECT 1 FROM {rollup.table} AT (VERSION => $1) LIMIT 1", [newest])) for rollup in rollups
        }
        if len(filled) > 1:
            return NEW_TABLE
    return None


def _after_miscounts(lake: Lake, rollups: Rollups, folded: Fold, *, now: datetime, reason: str | None) -> RefreshReport:
    """Rebuild instead of committing a wrong count, and log it; when a rebuild itself miscounts, stop.

    Raises:
        Fatal: the aggregates that were computed from every charge are wrong.
    """
    wrong = "; ".join(map(str, folded.miscounts))
    drop_folded(lake, rollups)
    if reason:
        raise Fatal(
            f"Rebuilt aggregates do not count every charge once: {wrong}. Nothing was written. This is a bug in "
            "billstream; the charges are not affected."
        )
    log.error("aggregates_diverged", tables=wrong, consequence="the aggregates are rebuilt from every charge")
    return _refresh(lake, rollups, now=now, reason=DIVERGED)


def _log_refreshed(watermark: Watermark, committed: int, *, seconds: float) -> None:
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
