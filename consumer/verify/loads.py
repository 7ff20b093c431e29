"""Charges against the ledger: the rows and the sums of each load."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from billstream.common.lake import Lake
from billstream.common.statements import statement
from billstream.common.texts import counted, decimal_text
from billstream.consumer.verify.finding import Check, Cure, Finding


def load_findings(lake: Lake, snapshot_id: int) -> Iterator[Finding]:
    """Find every load whose rows are not exactly as the ledger records them."""
    for row in lake.query(statement(__name__, "loads"), [snapshot_id]).to_pylist():
        yield _active(row) if row["active"] else _not_active(row)


def _active(row: dict[str, Any]) -> Finding:
    """Describe an active load whose rows or sums differ; its object has them."""
    recorded, summed = _totals(row["ledger_totals"]), _totals(row["charges_totals"])
    problems = []
    if row["ledger_rows"] != row["charges_rows"]:
        problems.append(f"charges holds {counted(row['charges_rows'], 'row')}, the ledger says {row['ledger_rows']:,}")
    problems += [
        f"the billed costs in {currency} add up to {_amount(summed, currency)}, "
        f"the ledger says {_amount(recorded, currency)}"
        for currency in sorted(recorded.keys() | summed.keys())
        if recorded.get(currency) != summed.get(currency)
    ]
    return Finding(
        Check.CHARGES,
        f"{'; '.join(problems)}.",
        Cure.RELOAD,
        scope=row["scope"],
        bucket=row["bucket"],
        key=row["key"],
        load_id=row["load_id"],
    )


def _not_active(row: dict[str, Any]) -> Finding:
    known = "a load that is not active" if row["scope"] else "a load that the ledger does not know"
    return Finding(
        Check.CHARGES,
        f"charges holds {counted(row['charges_rows'], 'row')} of {known} ({row['load_id']}).",
        # Rows of a load that is active in the catalog stay, whatever the ledger says: see `claims`.
        Cure.NONE if row["active_in_catalog"] else Cure.RETRACT,
        scope=row["scope"],
        load_id=row["load_id"],
    )


def _totals(pairs: list[dict[str, Any]] | None) -> dict[str, Decimal]:
    return {pair["key"]: pair["value"] for pair in pairs or []}


def _amount(totals: dict[str, Decimal], currency: str) -> str:
    return decimal_text(totals[currency]) if currency in totals else "nothing"
