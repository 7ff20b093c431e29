"""The catalog's claims against the ledger: both must have the same active load of each scope."""

from collections.abc import Iterator
from typing import Any

from billstream.common.lake import Lake
from billstream.common.statements import statement
from billstream.consumer.verify.finding import Check, Cure, Finding


def claim_findings(lake: Lake, snapshot_id: int, *, listed: bool) -> Iterator[Finding]:
    """Find every scope on which the catalog and the ledger differ.

    Args:
        lake: with the proof's snapshot fixed.
        snapshot_id: that snapshot.
        listed: the bucket was listed, so it can name a scope whose ledger entries are lost.
    """
    for found in lake.query(statement(__name__, "claims"), [snapshot_id]).to_pylist():
        named: dict[str, str] = {}
        if listed and found["scope"] is None:
            by_id = "SELECT scope, bucket, key FROM verify_listed WHERE scope_id = ?"
            named = next(iter(lake.query(by_id, [found["scope_id"]]).to_pylist()), {})
        row = found | named
        yield Finding(
            Check.CLAIMS,
            _problem(row),
            _cure(row),
            scope=row["scope"],
            bucket=row["bucket"],
            key=row["key"],
            load_id=row["catalog_load"],
            loads=tuple(row["ledger_loads"]),
        )


def _cure(row: dict[str, Any]) -> Cure:
    """Trust the ledger, unless it has lost the very entry of the load that is active in the catalog."""
    if row["catalog_load"] and not row["in_ledger"]:
        return Cure.RELOAD if row["scope"] else Cure.NONE
    return Cure.RECONCILE


def _problem(row: dict[str, Any]) -> str:
    loads, active = row["ledger_loads"], row["catalog_load"]
    if active and not row["in_ledger"]:
        lost = f"load {active} is active in the catalog, but the ledger has no entry of it."
        return lost if row["scope"] else f"{lost} Its file is unknown; `billstream verify --s3` looks for it."
    ledger = f"the ledger has the active load {' and '.join(loads)}" if loads else "the ledger has no active load"
    return f"{ledger}, the catalog has {active or 'none'}."
