"""Charges against the ledger: the rows and the sums of each load."""

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from billstream.cli.output import decimal_text
from billstream.cli.verify.finding import Check, Cure, Finding
from billstream.common.statements import statement

if TYPE_CHECKING:
    from billstream.common.lake import Lake


def load_findings(lake: "Lake", snapshot_id: int) -> Iterator[Finding]:
    """Every load whose rows are not exactly those that the ledger tells of."""
    for row in lake.query(statement(__name__, "loads"), [snapshot_id]).to_pylist():
        yield _of_load_in_force(row) if row["in_force"] else _of_other_load(row)


def _of_load_in_force(row: dict[str, Any]) -> Finding:
    told, there = _totals(row["told_totals"]), _totals(row["there_totals"])
    problems = []
    if row["told_rows"] != row["there_rows"]:
        problems.append(f"charges holds {row['there_rows']:,} rows, the ledger says {row['told_rows']:,}")
    problems += [
        f"the billed costs in {currency} come to {_amount(there, currency)}, the ledger says {_amount(told, currency)}"
        for currency in sorted(told.keys() | there.keys())
        if told.get(currency) != there.get(currency)
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


def _of_other_load(row: dict[str, Any]) -> Finding:
    """Rows that the catalog has in force are not to be deleted, whatever the ledger says: see `claims`."""
    known = "a load that is not in force" if row["scope"] else "a load that the ledger does not know"
    return Finding(
        Check.CHARGES,
        f"charges holds {row['there_rows']:,} rows of {known} ({row['load_id']}).",
        Cure.NONE if row["held"] else Cure.RETRACT,
        scope=row["scope"],
        load_id=row["load_id"],
    )


def _totals(pairs: list[dict[str, Any]] | None) -> dict[str, Decimal]:
    return {pair["key"]: pair["value"] for pair in pairs or []}


def _amount(totals: dict[str, Decimal], currency: str) -> str:
    return decimal_text(totals[currency]) if currency in totals else "nothing"
