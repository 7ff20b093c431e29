"""The bucket against the ledger."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from billstream.cli.verify.finding import Check, Cure, Finding
from billstream.common.lake.guard import scope_id
from billstream.common.statements import statement
from billstream.consumer.backfill.temporary_table import append_rows
from billstream.consumer.s3.listing import Bucket, ListedObject

if TYPE_CHECKING:
    from billstream.common.lake import Lake
    from billstream.consumer.layouts.interest import Interest

_EVENT = "ObjectCreated:Verify"
_COLUMNS = (
    "scope_id VARCHAR, scope VARCHAR, bucket VARCHAR, key VARCHAR, etag VARCHAR, modified TIMESTAMPTZ, included BOOL"
)


def read_bucket(lake: "Lake", bucket: Bucket, interest: "Interest", progress: Callable[[int], None]) -> int:
    """List the bucket into a temporary table, page by page. Returns how many objects it has."""
    lake.rows(f"CREATE OR REPLACE TEMP TABLE verify_listed ({_COLUMNS})")
    count = 0
    for page in bucket.pages():
        _insert(lake, page, interest)
        count += len(page)
        progress(len(page))
    return count


def _insert(lake: "Lake", page: Sequence[ListedObject], interest: "Interest") -> None:
    scopes = [listed.created(_EVENT).scope for listed in page]
    columns: dict[str, list[Any]] = {
        "scope_id": [scope_id(scope) for scope in scopes],
        "scope": scopes,
        "bucket": [listed.bucket for listed in page],
        "key": [listed.key for listed in page],
        "etag": [listed.etag for listed in page],
        "modified": [listed.modified for listed in page],
        "included": [interest.includes(listed.key) for listed in page],
    }
    append_rows(lake, "verify_listed", columns)


def bucket_findings(lake: "Lake", snapshot_id: int, bucket: str, began: datetime) -> Iterator[Finding]:
    """Every billing file that the bucket and the ledger do not agree on."""
    for row in lake.query(statement(__name__, "bucket"), [snapshot_id, bucket, began]).to_pylist():
        gone = row["difference"] == "gone"
        yield Finding(
            Check.BUCKET,
            _problem(row),
            Cure.REMOVE if gone else Cure.RELOAD,
            scope=row["scope"],
            bucket=bucket,
            key=row["key"],
        )


def _problem(row: dict[str, Any]) -> str:
    if row["difference"] == "gone":
        return "its rows are in force, but it is not in the bucket any more."
    uploaded = f"uploaded {row['modified']:%Y-%m-%d %H:%M:%S} UTC"
    if row["difference"] == "unknown":
        return f"it is in the bucket ({uploaded}), but the ledger does not know it."
    return (
        f"the bucket has ETag {row['listed_etag']} ({uploaded}), the ledger says {row['state']}, "
        f"ETag {row['held_etag'] or 'unknown'}."
    )
