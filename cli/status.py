"""The status of a billstream: consumer, lake and aggregator at one moment."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from billstream.common import aws
from billstream.common.errors import BillstreamError
from billstream.common.lake import Lake
from billstream.common.settings import Settings
from billstream.common.statements import statement
from billstream.consumer.decide.states import State
from billstream.consumer.events import EXPORT_BUCKET
from billstream.consumer.sqs.queue import Depth, find_queue


@dataclass(frozen=True)
class Refresh:
    """The newest refresh of the aggregates, and how far the lake is ahead of it."""

    snapshot_id: int
    refreshed_at: datetime
    lag_loads: int
    lag_seconds: float


@dataclass(frozen=True)
class Status:
    """The status at one moment. `queue` is None when no queue is configured, or it does not answer."""

    catalog: str
    data_path: str
    snapshot_id: int
    ledger: dict[str, int]
    active_loads: int
    active_rows: int
    rejected_rows: int
    active_deliveries: int
    parts_awaiting_manifest: int
    oldest_awaiting: datetime | None
    newest_entry: datetime | None
    refresh: Refresh | None
    queue: Depth | None
    queue_problem: str | None

    def as_json(self) -> dict[str, Any]:
        """Return the status as plain values."""
        return asdict(self)


def read_status(lake: Lake, queue: Depth | None, queue_problem: str | None) -> Status:
    """Read the status from the lake. An object's state is that of its newest ledger entry.

    Raises:
        Retryable: the lake does not answer.
    """
    # Entries of deliveries stand beside those of objects in the ledger; here only objects are counted.
    states = lake.rows(statement(__name__, "status_ledger"), [EXPORT_BUCKET])
    ledger = {str(state): int(count) for state, count, _ in states}
    oldest = {str(state): since for state, _, since in states}
    loads, rows, rejected, deliveries, newest = lake.rows(statement(__name__, "status_lake"))[0]
    return Status(
        catalog=lake.catalog,
        data_path=lake.data_path,
        snapshot_id=lake.snapshot_id(),
        ledger=ledger,
        active_loads=loads,
        active_rows=rows,
        rejected_rows=rejected,
        active_deliveries=deliveries,
        parts_awaiting_manifest=ledger.get(State.AWAITING_MANIFEST.value, 0),
        oldest_awaiting=oldest.get(State.AWAITING_MANIFEST.value),
        newest_entry=newest,
        refresh=read_refresh(lake),
        queue=queue,
        queue_problem=queue_problem,
    )


def read_refresh(lake: Lake) -> Refresh | None:
    """Return the newest refresh of the aggregates, None before the first."""
    found = lake.rows(statement(__name__, "status_refresh"))
    if not found:
        return None
    snapshot_id, refreshed_at, behind, oldest = found[0]
    seconds = (datetime.now(UTC) - oldest).total_seconds() if oldest else 0.0
    return Refresh(snapshot_id, refreshed_at, behind, round(seconds, 1))


def queue_depth(settings: Settings) -> tuple[Depth | None, str | None]:
    """Return the queue's depth, or the reason why it is unknown: a status is needed most when something is broken."""
    try:
        return find_queue(aws.sqs_client(), settings).depth(), None
    except BillstreamError as error:
        return None, str(error)
