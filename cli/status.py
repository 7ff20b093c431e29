"""`billstream status`: what an operator asks first."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from billstream.common.lake import Lake
from billstream.consumer.decide.states import State
from billstream.consumer.events import EXPORT_BUCKET
from billstream.consumer.sqs.queue import Depth


@dataclass(frozen=True)
class Refresh:
    """The newest refresh of the aggregates, and how far the lake is ahead of it."""

    snapshot_id: int
    refreshed_at: datetime
    lag_loads: int
    lag_seconds: float


@dataclass(frozen=True)
class Status:
    """The state of a billstream at one moment. `queue` is None when there is none, or it does not answer."""

    catalog: str
    data_path: str
    snapshot_id: int
    ledger: dict[str, int]
    loads_in_force: int
    rows_in_force: int
    rejected_rows: int
    deliveries_in_force: int
    parts_awaiting_manifest: int
    oldest_awaiting: datetime | None
    newest_entry: datetime | None
    refresh: Refresh | None
    queue: Depth | None
    queue_problem: str | None

    def as_json(self) -> dict[str, Any]:
        """The status as plain values."""
        return asdict(self)


def read_status(lake: Lake, queue: Depth | None, queue_problem: str | None) -> Status:
    """Ask the lake. The ledger's states are those of the newest line of each object."""
    states = lake.rows(
        "SELECT state, count(*), min(processed_at) FROM latest_entries WHERE bucket <> ? GROUP BY state ORDER BY state",
        [EXPORT_BUCKET],
    )
    ledger = {str(state): int(count) for state, count, _ in states}
    oldest = {str(state): since for state, _, since in states}
    ((deliveries,),) = lake.rows("SELECT count(*) FROM deliveries")
    loads, rows = lake.rows("SELECT count(*), coalesce(sum(rows_loaded), 0) FROM active_loads")[0]
    newest = lake.rows("SELECT max(processed_at) FROM ledger")[0][0]
    rejected = lake.rows("SELECT count(*) FROM quarantined_rows")[0][0]
    return Status(
        catalog=lake.catalog,
        data_path=lake.data_path,
        snapshot_id=lake.snapshot_id(),
        ledger=ledger,
        loads_in_force=int(loads),
        rows_in_force=int(rows),
        rejected_rows=int(rejected),
        deliveries_in_force=int(deliveries),
        parts_awaiting_manifest=ledger.get(State.AWAITING_MANIFEST.value, 0),
        oldest_awaiting=oldest.get(State.AWAITING_MANIFEST.value),
        newest_entry=newest,
        refresh=read_refresh(lake),
        queue=queue,
        queue_problem=queue_problem,
    )


def read_refresh(lake: Lake) -> Refresh | None:
    """The newest refresh of the aggregates; None before the first."""
    found = lake.rows("SELECT snapshot_id, refreshed_at FROM watermark")
    if not found:
        return None
    snapshot_id, refreshed_at = found[0]
    behind, oldest = lake.rows(
        "SELECT count(*), min(processed_at) FROM ledger WHERE load_id IS DISTINCT FROM previous_load_id "
        "AND processed_at > ?",
        [refreshed_at],
    )[0]
    seconds = (datetime.now(UTC) - oldest).total_seconds() if oldest else 0.0
    return Refresh(int(snapshot_id), refreshed_at, int(behind), round(seconds, 1))
