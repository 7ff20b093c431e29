"""The catalog's claims against the ledger: of each scope, the same load is in force."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from billstream.cli.verify.finding import Check, Cure, Finding
from billstream.common.statements import statement

if TYPE_CHECKING:
    from billstream.common.lake import Lake


def claim_findings(lake: "Lake", snapshot_id: int, *, listed: bool) -> Iterator[Finding]:
    """Every scope about which the two differ.

    Args:
        lake: with the proof's snapshot fixed.
        snapshot_id: that snapshot.
        listed: whether the bucket was listed: it can name a scope that the ledger has lost.
    """
    for found in lake.query(statement(__name__, "claims"), [snapshot_id]).to_pylist():
        named = _named_by_bucket(lake, found["scope_id"]) if listed and found["scope"] is None else {}
        row = found | named
        yield Finding(
            Check.CLAIMS,
            _problem(row),
            _cure(row),
            scope=row["scope"],
            bucket=row["bucket"],
            key=row["key"],
            load_id=row["held_load"],
            loads=tuple(row["loads"]),
        )


def _named_by_bucket(lake: "Lake", scope_id: str) -> dict[str, str]:
    rows = lake.query("SELECT scope, bucket, key FROM verify_listed WHERE scope_id = ?", [scope_id]).to_pylist()
    return rows[0] if rows else {}


def _cure(row: dict[str, Any]) -> Cure:
    """The ledger is believed, unless it has lost the line of the very load that the catalog has in force."""
    if row["held_load"] and not row["held_is_known"]:
        return Cure.RELOAD if row["scope"] else Cure.NONE
    return Cure.RECONCILE


def _problem(row: dict[str, Any]) -> str:
    loads, held = row["loads"], row["held_load"]
    told = f"the ledger has {' and '.join(loads)} in force" if loads else "the ledger has no load in force"
    if held and not row["held_is_known"]:
        lost = f"the catalog has load {held} in force, which the ledger does not know."
        return lost if row["scope"] else f"{lost} Its file cannot be named; with --s3 it is looked for in the bucket."
    return f"{told}, the catalog {f'has {held}' if held else 'has none'}."
