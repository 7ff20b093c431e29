"""The claims of a commit: values that the claim guard compares and replaces.

The guard itself is SQL in the catalog database: `sql/guard.sqlite.sql` and `sql/guard.postgres.sql`.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType


def scope_id(scope: str) -> str:
    """Return the key of a scope in the catalog: its SHA-256 in hexadecimal.

    An S3 key may contain any text of up to 1,024 bytes. The digest is short, and no foreign text becomes part of the
    SQL that DuckLake sends to the catalog.
    """
    return hashlib.sha256(scope.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, kw_only=True)
class ProcessedKey:
    """The catalog's record of one scope: its newest processed object version.

    A claim is compared with `entry_id`, the newest line of the ledger; `load_id` is the load whose rows are active,
    None when there are none.
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
    """Return the record of a row of the guard's table, in the order of `sql/processed_keys.*.sql`."""
    return ProcessedKey(**dict(zip(COLUMNS, row, strict=True)))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Claim:
    """A request to change one scope from `prev` (the entry id that was read, None for a first one) to `new`."""

    new: ProcessedKey
    prev: str | None


def claims_json(
    claims: Sequence[Claim], lost_files: Sequence[int] = (), unchanged: Mapping[str, str | None] = MappingProxyType({})
) -> str:
    """Return the commit's `extra_info`, in the form that the guard's trigger reads, and the version that commits.

    Args:
        claims: at most one for each scope.
        lost_files: DuckLake's ids of data files that the commit takes out of the lake.
        unchanged: scopes that the commit reads and does not change, each with the entry that it must still have.

    Raises:
        ValueError: two claims name the same scope; one commit decides a scope once.
    """
    if len({claim.new.scope_id for claim in claims}) != len(claims):
        raise ValueError("one commit may claim a scope only once")
    body = [{**{name: getattr(claim.new, name) for name in COLUMNS}, "prev": claim.prev} for claim in claims]
    lost = {"lost_files": list(lost_files)} if lost_files else {}
    kept = [{"scope_id": scope, "entry_id": entry} for scope, entry in unchanged.items()]
    same = {"unchanged": kept} if kept else {}
    from billstream import __version__  # noqa: PLC0415 - it is looked up when it is first used

    return json.dumps({"claims": body, **same, **lost, "version": __version__}, separators=(",", ":"))
