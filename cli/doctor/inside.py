"""Questions to the lake: schema, sizes, ledger, quarantine, aggregates, insights."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from billstream.aggregator.analysis.mark import read_analysis
from billstream.aggregator.publish import target_of
from billstream.cli.doctor.check import Check, Verdict
from billstream.cli.status import read_refresh
from billstream.common.lake import Lake
from billstream.common.lake.catalog import METADATA
from billstream.common.settings import Settings
from billstream.common.statements import statement
from billstream.common.texts import counted
from billstream.consumer.decide.states import State
from billstream.consumer.events import EXPORT_BUCKET

_MANY_FILES = 2_000
_MANY_SNAPSHOTS = 20_000
_LONG = timedelta(days=1)
_BEHIND_SECONDS = 900.0
_TOLD = 200  # characters of a reason

_STALE = "Is `billstream aggregate` running? Its log says why it does not refresh."


def lake_itself(lake: Lake) -> Iterator[Check]:
    """Yield where the lake is and of which version: it was opened, so its schema is the one that this code knows."""
    ((version, applied_at),) = lake.rows("SELECT max(version), max(applied_at) FROM schema_version")
    details = {"catalog": lake.catalog, "data_path": lake.data_path, "schema_version": version, "migrated": applied_at}
    yield Check("lake", Verdict.OK, f"{lake.catalog}, data in {lake.data_path}, schema {version}", details=details)


def sizes(lake: Lake) -> Iterator[Check]:
    """Yield the data files and snapshots; many of them make every query slow."""
    tables = lake.query(statement(__name__, "doctor_tables", catalog=METADATA)).to_pylist()
    ((snapshots, oldest, newest),) = lake.rows(statement(__name__, "doctor_snapshots", catalog=METADATA))
    files, size = sum(row["files"] for row in tables), sum(row["bytes"] or 0 for row in tables)
    details = {"tables": tables, "snapshots": snapshots, "oldest_snapshot": oldest, "newest_snapshot": newest}
    found = f"{counted(files, 'data file')}, {size:,} bytes; {counted(snapshots, 'snapshot')} since {oldest}"
    fine = files <= _MANY_FILES and snapshots <= _MANY_SNAPSHOTS
    advice = "" if fine else "Many small files and old snapshots make every query slow: run `billstream maintain`."
    yield Check("lake size", Verdict.OK if fine else Verdict.WARN, found, advice, details)


def ledger(lake: Lake) -> Iterator[Check]:
    """Yield the states of all objects, and the most frequent reasons of those in quarantine."""
    rows = lake.rows(statement("billstream.cli.status", "status_ledger"), [EXPORT_BUCKET])
    states = {str(state): int(count) for state, count, _ in rows}
    oldest = {str(state): since for state, _, since in rows}
    found = ", ".join(f"{count:,} {state}" for state, count in states.items()) or "no object yet"
    waiting = oldest.get(State.AWAITING_MANIFEST.value)
    if waiting and datetime.now(UTC) - waiting > _LONG:
        advice = f"Parts have waited for their manifest since {waiting:%Y-%m-%d}: run `billstream sweep`."
        yield Check("ledger", Verdict.WARN, found, advice, dict(states))
    else:
        yield Check("ledger", Verdict.OK, found, details=dict(states))
    reasons = lake.rows(statement(__name__, "doctor_quarantine"), [State.QUARANTINED.value])
    if not reasons:
        yield Check("quarantine", Verdict.OK, "empty")
        return
    told = [{"objects": count, "reason": str(reason or "")[:_TOLD], "since": since} for count, reason, since in reasons]
    yield Check(
        "quarantine",
        Verdict.WARN,
        f"{counted(states.get(State.QUARANTINED.value, 0), 'object')}, mostly: {told[0]['reason']}",
        "See `billstream quarantine list`; after the correction, `billstream quarantine reload --all`.",
        {"reasons": told},
    )


def aggregates(lake: Lake) -> Iterator[Check]:
    """Yield how far the aggregates, and the analysis made of them, are behind the lake."""
    refresh = read_refresh(lake)
    if refresh is None:
        yield Check("aggregates", Verdict.WARN, "never refreshed", "Run `billstream aggregate`.")
        return
    analysis = read_analysis(lake, lake.snapshot_id())
    details = {
        "snapshot_id": refresh.snapshot_id,
        "refreshed_at": refresh.refreshed_at,
        "changes_behind": refresh.lag_loads,
        "seconds_behind": refresh.lag_seconds,
        "analysed_at": analysis.analysed_at if analysis else None,
    }
    found = f"at snapshot {refresh.snapshot_id}, {counted(refresh.lag_loads, 'change')} behind"
    late = refresh.lag_seconds > _BEHIND_SECONDS
    yield Check("aggregates", Verdict.WARN if late else Verdict.OK, found, _STALE if late else "", details)


def insights(lake: Lake, settings: Settings) -> Iterator[Check]:
    """Yield which snapshot the published insights are of."""
    place = settings.insights_url or str(settings.insights)
    mark = target_of(settings).published()
    if mark is None:
        yield Check("insights", Verdict.WARN, f"there are none, or not all, in {place}", "Run `billstream aggregate`.")
        return
    refresh = read_refresh(lake)
    details = {"place": place, "watermark_snapshot_id": mark.watermark_snapshot_id, "refreshed_at": mark.refreshed_at}
    behind = refresh is not None and mark.watermark_snapshot_id < refresh.snapshot_id
    verdict = Verdict.WARN if behind else Verdict.OK
    found = f"{place}, of the refresh at snapshot {mark.watermark_snapshot_id}"
    yield Check("insights", verdict, found, _STALE if behind else "", details)
