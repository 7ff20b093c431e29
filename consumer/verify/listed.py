"""The buckets against the ledger."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from billstream.common.lake import Lake
from billstream.common.lake.guard import scope_id
from billstream.common.statements import statement
from billstream.consumer.backfill.temporary_table import append_rows
from billstream.consumer.layouts.interest import Interest
from billstream.consumer.s3.listing import Bucket
from billstream.consumer.verify.finding import Check, Cure, Finding

_EVENT = "ObjectCreated:Verify"
_FOREIGN = (
    "its rows are active, and its bucket is not configured. If its bills are yours, name the bucket in "
    "BILLSTREAM_BUCKETS; if not, run: billstream sweep --retract-foreign"
)
_COLUMNS = (
    "scope_id VARCHAR, scope VARCHAR, bucket VARCHAR, key VARCHAR, etag VARCHAR, modified TIMESTAMPTZ, included BOOL"
)


def read_buckets(lake: Lake, buckets: Sequence[Bucket], interest: Interest, progress: Callable[[int], None]) -> int:
    """List the buckets into a temporary table, page by page. Return the number of their objects."""
    lake.rows(f"CREATE OR REPLACE TEMP TABLE verify_listed ({_COLUMNS})")
    count = 0
    for page in (page for bucket in buckets for page in bucket.pages()):
        scopes = [listed.created(_EVENT).scope for listed in page]
        columns: dict[str, list[Any]] = {
            "scope_id": [scope_id(scope) for scope in scopes],
            "scope": scopes,
            "bucket": [listed.bucket for listed in page],
            "key": [listed.key for listed in page],
            "etag": [listed.etag for listed in page],
            "modified": [listed.modified for listed in page],
            "included": [interest.includes(listed.key, listed.bucket) for listed in page],
        }
        append_rows(lake, "verify_listed", columns)
        count += len(page)
        progress(len(page))
    return count


def bucket_findings(lake: Lake, snapshot_id: int, buckets: Sequence[str], began: datetime) -> Iterator[Finding]:
    """Find every billing file on which a bucket and the ledger differ."""
    for row in lake.query(statement(__name__, "bucket"), [snapshot_id, list(buckets), began]).to_pylist():
        yield Finding(
            Check.BUCKET,
            _problem(row),
            # What is gone may have been true when it was billed: only a person can say what becomes of its rows.
            Cure.NONE if row["difference"] == "gone" else Cure.RELOAD,
            scope=row["scope"],
            bucket=row["bucket"],
            key=row["key"],
        )


def foreign_findings(lake: Lake, interest: Interest) -> Iterator[Finding]:
    """Find every object whose rows are active, and whose bucket is not configured."""
    elsewhere = "bucket NOT IN ('file:', 'message:', 'export:')"
    active = (
        f"SELECT scope, bucket, key, load_id FROM verify_active WHERE state = 'loaded' AND {elsewhere} ORDER BY scope"
    )
    for scope, bucket, key, load_id in lake.rows(active):
        if not interest.is_ours(bucket):
            yield Finding(Check.BUCKET, _FOREIGN, Cure.NONE, scope=scope, bucket=bucket, key=key, load_id=load_id)


def _problem(row: dict[str, Any]) -> str:
    if row["difference"] == "gone":
        return (
            "its rows are active, but it is no longer in the bucket. If it was removed on purpose, run: billstream "
            "sweep --retract-gone; if it was removed because it is old, run: billstream sweep --keep-gone"
        )
    uploaded = f"uploaded {row['modified']:%Y-%m-%d %H:%M:%S} UTC"
    if row["difference"] == "unknown":
        return f"it is in the bucket ({uploaded}), but the ledger has no entry of it."
    return (
        f"the bucket has ETag {row['listed_etag']} ({uploaded}), the ledger says {row['state']}, "
        f"ETag {row['catalog_etag'] or 'unknown'}."
    )
