"""The values that the claim guard compares and swaps.

The guard itself is SQL in the catalog database: `sql/guard.sqlite.sql` and `sql/guard.postgres.sql`.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields


def scope_id(scope: str) -> str:
    """The key of a scope in the catalog: its SHA-256 in hexadecimal.

    A key of S3 may hold anything, up to 1,024 bytes of it. The digest is short, and no text of a stranger
    ends up in the SQL that DuckLake sends to the catalog.
    """
    return hashlib.sha256(scope.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, kw_only=True)
class ProcessedKey:
    """What the catalog holds of one scope: the newest settled object version.

    `entry_id` names the newest line of the ledger and is what a claim is compared with; `load_id` names the
    load whose rows are in force, None when there are none.
    """

    scope_id: str
    entry_id: str
    state: str
    load_id: str | None = None
    version_id: str | None = None
    etag: str | None = None
    sequencer: str | None = None
    content_sha256: str | None = None


COLUMNS = tuple(field.name for field in fields(ProcessedKey))


def processed_key(row: Sequence[str | None]) -> ProcessedKey:
    """A row of the guard's table, in the order of `sql/processed_keys.*.sql`."""
    return ProcessedKey(**dict(zip(COLUMNS, row, strict=True)))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Claim:
    """Move one scope from `prev` (the entry id it was read at, None for a first one) to `new`, or refuse."""

    new: ProcessedKey
    prev: str | None


def claims_json(claims: Sequence[Claim]) -> str:
    """The commit's `extra_info`, in the form that the guard's trigger reads.

    Raises:
        ValueError: two claims name the same scope; one commit decides a scope once.
    """
    if len({claim.new.scope_id for claim in claims}) != len(claims):
        raise ValueError("one commit may claim a scope only once")
    body = [{**{name: getattr(claim.new, name) for name in COLUMNS}, "prev": claim.prev} for claim in claims]
    return json.dumps({"claims": body}, separators=(",", ":"))
