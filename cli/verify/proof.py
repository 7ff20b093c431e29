"""The proof: one snapshot of the lake, looked at from every side."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from billstream.cli.status import Refresh, read_refresh
from billstream.cli.verify.aggregates import aggregate_findings
from billstream.cli.verify.claims import claim_findings
from billstream.cli.verify.finding import Check, Finding
from billstream.cli.verify.listed import bucket_findings, read_bucket
from billstream.cli.verify.loads import load_findings
from billstream.common.lake.catalog import GUARD_TABLE
from billstream.common.statements import statement

if TYPE_CHECKING:
    from collections.abc import Callable

    from billstream.common.lake import Lake
    from billstream.consumer.layouts.interest import Interest
    from billstream.consumer.s3.listing import Bucket


@dataclass(frozen=True)
class Proof:
    """What was found. `bucket` names the bucket that was listed, None when none was."""

    snapshot_id: int
    loads: int
    rows: int
    bucket: str | None
    listed: int
    refresh: Refresh | None
    findings: tuple[Finding, ...] = field(default=())

    @property
    def agrees(self) -> bool:
        """Whether everything that was looked at is as it should be."""
        return not self.findings

    def count(self, check: Check) -> int:
        """How many findings a part of the proof has."""
        return Counter(finding.check for finding in self.findings)[check]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "agrees": self.agrees,
            "snapshot_id": self.snapshot_id,
            "loads_in_force": self.loads,
            "rows_in_force": self.rows,
            "bucket": self.bucket,
            "objects_listed": self.listed,
            "aggregates": {
                "snapshot_id": self.refresh.snapshot_id if self.refresh else None,
                "changes_behind": self.refresh.lag_loads if self.refresh else None,
            },
            "findings": [finding.as_json() for finding in self.findings],
        }


def prove(
    lake: "Lake",
    interest: "Interest",
    bucket: "Bucket | None" = None,
    progress: "Callable[[int], None]" = lambda _: None,
) -> Proof:
    """Look at everything; changes nothing.

    Args:
        lake: open for reading at least.
        interest: which keys of the bucket are billing files.
        bucket: to be compared with the ledger; None leaves it out.
        progress: told how many objects each page of the listing has.

    Raises:
        Retryable: the catalog, the data path or S3 does not answer.
        Fatal: the bucket cannot be listed.
    """
    began = datetime.now(UTC)
    listed = read_bucket(lake, bucket, interest, progress) if bucket else 0
    snapshot_id = _pin(lake)
    in_force = "SELECT count(*), coalesce(sum(rows_loaded), 0)::BIGINT FROM verify_in_force WHERE state = 'loaded'"
    loads, rows = lake.rows(in_force)[0]
    return Proof(
        snapshot_id=snapshot_id,
        loads=loads,
        rows=rows,
        bucket=bucket.name if bucket else None,
        listed=listed,
        refresh=read_refresh(lake),
        findings=tuple(_findings(lake, snapshot_id, bucket, began)),
    )


def _pin(lake: "Lake") -> int:
    """Fix what the proof is about. The catalog's table has no past, so what moves meanwhile is noted and left out."""
    snapshot_id = lake.snapshot_id()
    lake.rows(statement(__name__, "held", guard=GUARD_TABLE))
    lake.rows(statement(__name__, "moving"), [snapshot_id, lake.snapshot_id()])
    lake.rows(statement(__name__, "in_force"), [snapshot_id])
    return snapshot_id


def _findings(lake: "Lake", snapshot_id: int, bucket: "Bucket | None", began: datetime) -> Iterator[Finding]:
    yield from load_findings(lake, snapshot_id)
    yield from claim_findings(lake, snapshot_id, listed=bucket is not None)
    if bucket:
        yield from bucket_findings(lake, snapshot_id, bucket.name, began)
    yield from aggregate_findings(lake)
