"""One refresh: pin the newest snapshot, fold the changes since the watermark, move the watermark, in one commit.

Everything is read and computed before the write transaction opens, because on SQLite that transaction blocks every
other writer. The claim makes this safe: the commit is refused when another refresh has committed in between.
"""

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import duckdb
import structlog

from billstream.aggregator.completeness import arrivals
from billstream.aggregator.fold.changes import Span, anything_moved, read_delta
from billstream.aggregator.fold.groups import MiscountedError, drop_folded, fold, write_folded
from billstream.aggregator.refresh_run import run_of_refresh
from billstream.aggregator.rollups import ROLLUPS, Rollups, without_tags
from billstream.aggregator.watermark import Position, Watermark, read_history
from billstream.common import openlineage
from billstream.common.errors import DataDamaged, Fatal
from billstream.common.failpoints import failpoint
from billstream.common.lake import Lake
from billstream.common.lake.catalog import METADATA
from billstream.common.lake.datafiles import all_there, damaged_files, data_files
from billstream.common.retries import redo_on_conflict
from billstream.common.statements import statement
from billstream.common.tag_keys import TagKeys

log = structlog.get_logger(__name__)

FIRST = "first refresh"
ASKED = "requested"
EXPIRED = "snapshots after the watermark have been expired"
NEW_TABLE = "an aggregate table is new"
OTHER_TAGS = "BILLSTREAM_TAG_KEYS has changed"
DAMAGED = "a data file with changed charges cannot be read"
DIVERGED = "the aggregates did not count the charges of the lake"

SMALL_BYTES = 16 * 1024 * 1024
"""Up to so many bytes of data files are small work, which one thread does as fast as two; see `Lake.use_threads`."""

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


def refresh_once(
    lake: Lake, *, now: datetime | None = None, rollups: Rollups = ROLLUPS, tag_keys: TagKeys | None = None
) -> RefreshReport:
    """Fold all changes up to the newest snapshot into the aggregates; without changes nothing is written.

    Args:
        lake: open for writing.
        now: the time of the refresh, which is stored with it; default: the clock.
        rollups: the aggregate tables.
        tag_keys: the tag keys that costs are told by; default: those that the aggregates have. Others than these
            recompute the aggregates.

    Raises:
        Retryable: the lake does not answer, or other writers committed first for two minutes. Nothing was changed, or
            the commit's reply was lost; the next refresh finds out.
        DataDamaged: rows that were replaced since the watermark are still in the lake; they would count twice.
        Fatal: a sum exceeded DECIMAL(38,18), the new aggregates would be wrong, or see `common.lake.failures`.
    """
    return redo_on_conflict(lambda: _refresh(lake, rollups, tag_keys, now=now or datetime.now(UTC), reason=None))


def rebuild(
    lake: Lake, *, now: datetime | None = None, rollups: Rollups = ROLLUPS, tag_keys: TagKeys | None = None
) -> RefreshReport:
    """Compute the aggregates from every charge of the newest snapshot, in one commit. Arguments as of `refresh_once`.

    Raises:
        Retryable, Fatal: as `refresh_once`.
    """
    return redo_on_conflict(lambda: _refresh(lake, rollups, tag_keys, now=now or datetime.now(UTC), reason=ASKED))


def _refresh(
    lake: Lake, rollups: Rollups, tag_keys: TagKeys | None, *, now: datetime, reason: str | None
) -> RefreshReport:
    """One attempt. `reason`: why everything is computed from all charges; None: the changes are enough."""
    started = time.monotonic()
    position = Position.read(lake)
    keys = position.tag_keys if tag_keys is None else tag_keys
    reason = reason or _reason_to_rebuild(lake, rollups, position, keys)
    _choose_threads(lake, None if reason else position.folded_snapshot)
    folding = rollups if keys else without_tags(rollups)
    with failpoint("read_changes"):
        try:
            span = Span(None if reason else position.folded_snapshot, position.newest)
            changes = read_delta(lake, folding, span, keys)
        except DataDamaged as error:
            if reason:  # the charges themselves cannot be read
                raise
            # The rows of a data file that was taken out cannot be read any more, nor need they be.
            log.warning("changes_unreadable", reason=str(error), consequence="the aggregates are rebuilt")
            lake.reconnect_if_lost()
            return _refresh(lake, rollups, tag_keys, now=now, reason=DAMAGED)
    if position.watermark and not reason and not (changes and anything_moved(lake)):
        if changes:
            drop_folded(lake, folding)
        followed = _follow_idly(lake, position, position.watermark, read=changes)
        return RefreshReport(position.newest, followed, changed=False)
    folded = fold(lake, folding, version=position.newest, from_nothing=reason is not None)
    watermark = Watermark(
        snapshot_id=position.newest,
        previous_snapshot_id=position.folded_snapshot,
        kind="rebuild" if reason else "refresh",
        reason=reason,
        rows_inserted=folded.rows_inserted,
        rows_deleted=folded.rows_deleted,
        groups_touched=folded.groups_touched,
        refreshed_at=now,
        tag_keys=keys,
    )

    # After a rebuild the delta holds all charges, which is the truth about changed loads only the first time.
    def write(con: duckdb.DuckDBPyConnection) -> None:
        write_folded(con, folded, loads_known=reason in {None, FIRST})
        if any(rollup.table == "cost_cells" for rollup in rollups):
            arrivals.store(con, now)
        watermark.store(con)

    message = f"{watermark.kind} to snapshot {watermark.snapshot_id}"
    try:
        # Only here are other writers blocked (on SQLite). A refused claim propagates, and the whole attempt is redone.
        committed = lake.commit(write, claims=[position.claim()], author="aggregator", message=message)
    except MiscountedError as error:
        return _after_miscount(lake, rollups, tag_keys, error, now=now, reason=reason)
    finally:
        drop_folded(lake, folding)
    seconds = time.monotonic() - started
    _log_refreshed(watermark, committed, seconds=seconds)
    openlineage.emit(lambda: run_of_refresh(watermark, rollups, committed, datetime.now(UTC), seconds))
    return RefreshReport(position.newest, watermark, changed=True)


def _choose_threads(lake: Lake, since: int | None) -> None:
    """Choose by what is read: the changes of charges since a snapshot, or all charges, and the aggregates."""
    ((size,),) = lake.rows(statement(__name__, "bytes_to_read", catalog=METADATA), [since])
    lake.use_threads(one=size <= SMALL_BYTES)


def _follow_idly(lake: Lake, position: Position, watermark: Watermark, *, read: int) -> Watermark:
    """Leave the watermark where it is, unless it is so far behind that it keeps many snapshots from expiring.

    It also moves past rows that were read and cancel each other, as maintenance makes them: else each refresh would
    read them again.
    """
    if not read and position.newest - watermark.snapshot_id < MANY_SNAPSHOTS:
        return watermark
    # Maintenance expires no snapshot after the watermark, because the next refresh reads the changes since it.
    moved = replace(watermark, snapshot_id=position.newest)
    message = f"no changed charges up to snapshot {position.newest}"
    lake.commit(moved.store, claims=[position.claim()], author="aggregator", message=message)
    log.info("watermark_moved", snapshot=moved.snapshot_id, previous_snapshot=watermark.snapshot_id)
    return moved


def _reason_to_rebuild(lake: Lake, rollups: Rollups, position: Position, tag_keys: TagKeys) -> str | None:
    """Return why the changes since the watermark are not enough; None when they are.

    Raises:
        DataDamaged: the changes would be wrong.
    """
    if position.watermark is None:
        return FIRST
    other_tags = OTHER_TAGS if tag_keys != position.tag_keys else None
    if position.newest == position.watermark.snapshot_id:
        return other_tags
    history = read_history(lake, position.watermark.snapshot_id, position.newest)
    if history.rows_left:
        _refuse_rows_left(lake, position.newest)
    if other_tags:
        return other_tags
    # The snapshot of the watermark itself counts: its expiry removes the files whose rows the feed of the next one
    # reports as deleted.
    if history.missing:
        return EXPIRED
    # A migration adds an aggregate as an empty table. Without this look it would stay empty until a charge changes.
    if history.schema_versions > 1:
        looks = [f"SELECT 1 FROM {rollup.table} AT (VERSION => $1) LIMIT 1" for rollup in rollups]
        if len({len(lake.rows(look, [position.newest])) for look in looks}) > 1:
            return NEW_TABLE
    return None


def _refuse_rows_left(lake: Lake, version: int) -> None:
    """Raise DataDamaged while rows that a commit could not delete are in the lake, whether they can be read or not."""
    files = data_files(lake, "charges")
    with lake.files_read_anew():
        readable = all_there(lake, files) and not damaged_files(lake, files)
    # A file that has come back, such as with its disk, has the old rows beside the new ones.
    if not readable or lake.rows(statement(__name__, "rows_left"), [version]) != [(0,)]:
        raise DataDamaged(
            "Charges were replaced whose old rows could not be deleted, as a data file of the lake is or was lost or "
            "damaged. The aggregates stay as they are, so that nothing counts twice. Run `billstream verify --repair`."
        )


def _after_miscount(
    lake: Lake,
    rollups: Rollups,
    tag_keys: TagKeys | None,
    error: MiscountedError,
    *,
    now: datetime,
    reason: str | None,
) -> RefreshReport:
    """Rebuild in place of the refused commit, and log it; when a rebuild itself is refused, stop.

    Raises:
        Fatal: the aggregates that were computed from every charge are wrong.
    """
    if reason:
        raise Fatal(
            f"The rebuilt aggregates do not count every charge once: {error}. Nothing was written; the charges are not "
            "affected. This is a bug in billstream: please report it with this message."
        ) from error
    log.error("aggregates_diverged", tables=str(error), consequence="the aggregates are rebuilt from every charge")
    return _refresh(lake, rollups, tag_keys, now=now, reason=DIVERGED)


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
