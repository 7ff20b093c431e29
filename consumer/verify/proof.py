"""The proof: one snapshot of the lake, compared with the ledger, the catalog's claims and the bucket."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from billstream.common.lake import Lake
from billstream.common.lake.catalog import GUARD_TABLE
from billstream.common.statements import statement
from billstream.consumer.layouts.interest import Interest
from billstream.consumer.s3.listing import Bucket
from billstream.consumer.verify.claims import claim_findings
from billstream.consumer.verify.finding import Finding
from billstream.consumer.verify.listed import bucket_findings, foreign_findings, read_bucket
from billstream.consumer.verify.loads import load_findings


@dataclass(frozen=True)
class Proof:
    """The findings about one snapshot. `loads` and `rows` are the active ones.

    `bucket` names the bucket that was listed, None without a listing; `listed` is the number of its objects.
    """

    snapshot_id: int
    loads: int
    rows: int
    bucket: str | None
    listed: int
    findings: tuple[Finding, ...] = field(default=())


def prove(
    lake: Lake,
    interest: Interest,
    bucket: Bucket | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Proof:
    """Compare everything; change nothing.

    Args:
        lake: open for reading at least.
        interest: tells billing files among the keys of the bucket.
        bucket: compared with the ledger; None leaves it out.
        progress: called with the number of objects on each page of the listing.

    Raises:
        Retryable: the catalog, the data path or S3 does not answer.
        Fatal: the bucket cannot be listed.
    """
    # The listing comes first: what is processed while it runs is newer than it, and is told from it by time.
    began = datetime.now(UTC)
    listed = read_bucket(lake, bucket, interest, progress) if bucket else 0
    snapshot_id = _pin(lake)
    active = "SELECT count(*), coalesce(sum(rows_loaded), 0)::BIGINT FROM verify_active WHERE state = 'loaded'"
    loads, rows = lake.rows(active)[0]
    return Proof(
        snapshot_id=snapshot_id,
        loads=loads,
        rows=rows,
        bucket=bucket.name if bucket else None,
        listed=listed,
        findings=tuple(_findings(lake, snapshot_id, interest, bucket, began)),
    )


def _pin(lake: Lake) -> int:
    """Fix the snapshot of the proof and return its id."""
    snapshot_id = lake.snapshot_id()
    # The catalog's table has no history: what changes in it after the snapshot is noted, and left out.
    lake.rows(statement(__name__, "catalog", guard=GUARD_TABLE))
    lake.rows(statement(__name__, "moving"), [snapshot_id, lake.snapshot_id()])
    lake.rows(statement(__name__, "active"), [snapshot_id])
    return snapshot_id


def _findings(
    lake: Lake, snapshot_id: int, interest: Interest, bucket: Bucket | None, began: datetime
) -> Iterator[Finding]:
    yield from load_findings(lake, snapshot_id)
    yield from claim_findings(lake, snapshot_id, listed=bucket is not None)
    if bucket:
        yield from bucket_findings(lake, snapshot_id, bucket.name, began)
        yield from foreign_findings(lake, interest)
