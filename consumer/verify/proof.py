"""The proof: one snapshot of the lake, compared with the ledger, the catalog's claims and the bucket."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from billstream.common.errors import DataDamaged, Fatal
from billstream.common.lake import Lake
from billstream.common.lake.catalog import GUARD_TABLE
from billstream.common.lake.datafiles import DamagedFile, all_there, data_files
from billstream.common.lake.tables import WITH_ROWS
from billstream.common.statements import statement
from billstream.consumer.layouts.interest import Interest
from billstream.consumer.s3.listing import Bucket
from billstream.consumer.verify.claims import claim_findings
from billstream.consumer.verify.files import file_findings, find_damaged
from billstream.consumer.verify.finding import Finding
from billstream.consumer.verify.invoices import Invoices, compare_invoices
from billstream.consumer.verify.listed import bucket_findings, foreign_findings, read_buckets
from billstream.consumer.verify.loads import count_unhashed, load_findings, unsettled_findings


@dataclass(frozen=True)
class Proof:
    """The findings about one snapshot. `loads` and `rows` are the active ones.

    `unhashed` is the number of those whose rows were compared without a hash: they are from before there was one, or
    from another version of DuckDB. `buckets` names those that were listed, None without a listing; `listed` is the
    number of their objects. `invoices` compares invoices with charges; it finds nothing that is wrong with the lake.
    """

    snapshot_id: int
    loads: int
    rows: int
    buckets: str | None
    listed: int
    unhashed: int = 0
    findings: tuple[Finding, ...] = field(default=())
    invoices: Invoices = field(default_factory=Invoices)


def prove(
    lake: Lake,
    interest: Interest,
    buckets: Sequence[Bucket] = (),
    progress: Callable[[int], None] = lambda _: None,
) -> Proof:
    """Compare everything; change nothing.

    Args:
        lake: open for reading at least.
        interest: tells billing files among the keys of the buckets.
        buckets: compared with the ledger; none leaves it out.
        progress: called with the number of objects on each page of the listing.

    Raises:
        Retryable: the catalog, the data path or S3 does not answer.
        Fatal: a bucket cannot be listed, or no data file can be read.
    """
    with lake.files_read_anew():
        return _prove_or_look(lake, interest, buckets, progress)


def _prove_or_look(lake: Lake, interest: Interest, buckets: Sequence[Bucket], progress: Callable[[int], None]) -> Proof:
    """Prove; where the rows cannot be read, find the data files that are the cause, and prove without them."""
    damaged = find_damaged(lake, charges=not all_there(lake, data_files(lake, "charges")))
    try:
        return _prove(lake, interest, buckets, progress, damaged)
    except (DataDamaged, Fatal):
        # Values of a damaged file may also be such that no sum holds them, so every error leads to a look at the files.
        lake.reconnect_if_lost()
        found = find_damaged(lake, charges=True)
        if found == damaged:
            raise
    return _prove(lake, interest, buckets, progress, found)


def _prove(
    lake: Lake,
    interest: Interest,
    buckets: Sequence[Bucket],
    progress: Callable[[int], None],
    damaged: Sequence[DamagedFile],
) -> Proof:
    of_files = tuple(file_findings(lake, damaged, listed=bool(buckets)))
    if any(one.file.table == "ledger" for one in damaged):  # nothing can be compared with it
        return Proof(lake.snapshot_id(), 0, 0, None, 0, findings=of_files)
    # The listing comes first: what is processed while it runs is newer than it, and is told from it by time.
    began = datetime.now(UTC)
    listed = read_buckets(lake, buckets, interest, progress) if buckets else 0
    snapshot_id = _pin(lake)
    active = "SELECT count(*), coalesce(sum(rows_loaded), 0)::BIGINT FROM verify_active WHERE state = 'loaded'"
    loads, rows = lake.rows(active)[0]
    findings, invoices = [*of_files], Invoices()
    # DuckLake reads the other files only when these are gone.
    if all(one.file.table not in WITH_ROWS for one in damaged):
        findings += load_findings(lake, snapshot_id)
        findings += unsettled_findings(lake)
        invoices = compare_invoices(lake, snapshot_id)
    findings += claim_findings(lake, snapshot_id, listed=bool(buckets))
    if buckets:
        findings += bucket_findings(lake, snapshot_id, [bucket.name for bucket in buckets], began)
        findings += foreign_findings(lake, interest)
    return Proof(
        snapshot_id=snapshot_id,
        loads=loads,
        rows=rows,
        buckets=", ".join(bucket.name for bucket in buckets) or None,
        listed=listed,
        unhashed=count_unhashed(lake),
        findings=tuple(findings),
        invoices=invoices,
    )


def _pin(lake: Lake) -> int:
    """Fix the snapshot of the proof and return its id."""
    snapshot_id = lake.snapshot_id()
    # The catalog's table has no history: what changes in it after the snapshot is noted, and left out.
    lake.rows(statement(__name__, "catalog", guard=GUARD_TABLE))
    lake.rows(statement(__name__, "moving"), [snapshot_id, lake.snapshot_id()])
    lake.rows(statement(__name__, "active"), [snapshot_id])
    return snapshot_id
