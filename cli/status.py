"""The status of a billstream: consumer, lake and aggregator at one moment."""

import os
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from billstream.common import aws
from billstream.common.errors import BillstreamError
from billstream.common.lake import Lake
from billstream.common.lake.catalog import METADATA
from billstream.common.lake.catalogs import catalog_from_url
from billstream.common.settings import Settings
from billstream.common.statements import statement
from billstream.consumer.decide.states import State
from billstream.consumer.events import EXPORT_BUCKET
from billstream.consumer.exports.overlaps import Overlap, read_overlaps
from billstream.consumer.quality import findings_by_severity
from billstream.consumer.sqs.age import oldest_message_seconds
from billstream.consumer.sqs.dead_letters import DeadLetterQueue
from billstream.consumer.sqs.queue import Depth, find_queue
from billstream.publishing.lag import Lag, read_lags

_AWS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_ENDPOINT_URL",
    "USE_LOCALSTACK",
)


@dataclass(frozen=True)
class Refresh:
    """The newest refresh of the aggregates, and how far the lake is ahead of it."""

    snapshot_id: int
    refreshed_at: datetime
    lag_loads: int
    lag_seconds: float


@dataclass(frozen=True)
class QueueStatus:
    """The part of `Status` about the queue; what could not be asked is None.

    `queue_problem` is the reason why the depth is unknown, `dead_letter_problem` that for the dead-letter queue. The
    age is that of the oldest message in seconds.
    """

    queue_url: str | None = None
    region: str | None = None
    queue: Depth | None = None
    oldest_message_seconds: float | None = None
    dead_letter_url: str | None = None
    dead_letters: int | None = None
    queue_problem: str | None = None
    dead_letter_problem: str | None = None


@dataclass(frozen=True)
class Status:
    """The status at one moment; what could not be asked is None.

    `queue` is None when no queue is configured, or it does not answer; `lake_problem` is the reason why the lake is not
    known. `queue_expected` is False where neither the settings nor the environment know of a queue. `active_rows` has
    rows that are set aside, too: `rows_set_aside` of them do not count, as a preferred export has the same charges.
    """

    catalog: str
    data_path: str
    snapshot_id: int | None
    ledger: dict[str, int]
    active_loads: int | None
    active_rows: int | None
    rejected_rows: int | None
    active_deliveries: int | None
    parts_awaiting_manifest: int | None
    oldest_awaiting: datetime | None
    newest_entry: datetime | None
    refresh: Refresh | None
    queue: Depth | None
    queue_problem: str | None
    queue_expected: bool = True
    queue_url: str | None = None
    region: str | None = None
    oldest_message_seconds: float | None = None
    dead_letter_url: str | None = None
    dead_letters: int | None = None
    dead_letter_problem: str | None = None
    overlaps: tuple[Overlap, ...] = ()
    quality_findings: dict[str, int] | None = None
    rows_set_aside: int | None = None
    data_files: int | None = None
    snapshots: int | None = None
    targets: tuple[Lag, ...] = ()
    lake_problem: str | None = None

    @property
    def fine(self) -> bool:
        """Return whether everything could be asked; a queue only where one is expected."""
        queue_known = self.queue is not None and self.dead_letter_problem is None
        return self.lake_problem is None and (queue_known or not self.queue_expected)

    def with_queue(self, found: QueueStatus) -> "Status":
        """Return this status with what is known of the queue."""
        return replace(self, **vars(found))

    def as_json(self) -> dict[str, Any]:
        """Return the status as plain values."""
        return asdict(self)


def read_status(
    lake: Lake, queue: Depth | None, queue_problem: str | None, wait: timedelta = timedelta(days=30)
) -> Status:
    """Read the status from the lake. An object's state is that of its newest ledger entry.

    Args:
        lake: nothing is written to it.
        queue: what is known of the queue.
        queue_problem: why it is not known.
        wait: how long a target that is not seen is waited for.

    Raises:
        Retryable: the lake does not answer.
    """
    # Entries of deliveries stand beside those of objects in the ledger; here only objects are counted.
    states = lake.rows(statement(__name__, "status_ledger"), [EXPORT_BUCKET])
    ledger = {str(state): int(count) for state, count, _ in states}
    oldest = {str(state): since for state, _, since in states}
    counts = lake.rows(statement(__name__, "status_lake", catalog=METADATA))[0]
    loads, rows, rejected, deliveries, newest, aside, data_files, snapshots = counts
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
        overlaps=tuple(read_overlaps(lake)),
        quality_findings=findings_by_severity(lake),
        rows_set_aside=aside,
        data_files=data_files,
        snapshots=snapshots,
        targets=read_lags(lake, now=datetime.now(UTC), wait=wait),
    )


def without_lake(settings: Settings, problem: str) -> Status:
    """Return the status of a lake that could not be asked, and the reason.

    Raises:
        Misconfigured: the settings name no lake.
    """
    catalog = catalog_from_url(settings.catalog_url).description
    counts = dict.fromkeys(field.name for field in fields(Status))
    known = {"catalog": catalog, "data_path": settings.data_location, "ledger": {}, "queue_expected": True}
    return Status(**{**counts, **known, "lake_problem": problem})  # type: ignore[arg-type]


def queue_expected(settings: Settings) -> bool:
    """Return whether there should be a queue: the settings name one, or the environment is set up for AWS.

    A lake on a laptop that only `billstream load` fills has neither.
    """
    named = {"queue_url", "queue_name", "bucket", "buckets"} & settings.model_fields_set
    return bool(named) or any(os.environ.get(name) for name in _AWS)


def read_refresh(lake: Lake) -> Refresh | None:
    """Return the newest refresh of the aggregates, None before the first."""
    found = lake.rows(statement(__name__, "status_refresh"))
    if not found:
        return None
    snapshot_id, refreshed_at, behind, oldest = found[0]
    seconds = (datetime.now(UTC) - oldest).total_seconds() if oldest else 0.0
    return Refresh(snapshot_id, refreshed_at, behind, round(seconds, 1))


def read_queue(settings: Settings) -> QueueStatus:
    """Return what is known of the queue, and why the rest is not: a status is needed most when something is broken."""
    found = QueueStatus(queue_url=settings.queue_url)
    try:
        client = aws.sqs_client()
        found = replace(found, region=client.meta.region_name)
        queue = find_queue(client, settings)
        found = replace(found, queue_url=queue.url, queue=queue.depth())
    except BillstreamError as error:
        return replace(found, queue_problem=str(error))
    found = replace(found, oldest_message_seconds=oldest_message_seconds(aws.cloudwatch_client(), queue.url))
    try:
        dead = DeadLetterQueue.of(queue, client)
        return replace(found, dead_letter_url=dead.url, dead_letters=dead.count())
    except BillstreamError as error:
        return replace(found, dead_letter_problem=str(error))
