"""What `billstream changes` tells."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from rich.table import Table

from billstream.aggregator.restatements.values import CostDifference, QuantityDifference, Restatement, Restatements
from billstream.cli.output import decimal_text
from billstream.cli.terminal import add_row, out, say, table, write_json

TITLES = {"restated": "Restated", "new": "New files"}
COSTS = ("billed before", "after", "difference", "effective difference")
ROWS = "rows"
QUANTITY = "quantity"


def tell(found: Restatements, *, cut: bool, as_json: bool) -> None:
    """Totals, then the differences, restatements first."""
    if as_json:
        write_json(found.model_dump(mode="json"))
        return
    say(f"from snapshot {found.from_snapshot_id} ({found.since:%Y-%m-%d %H:%M:%S} UTC) to {found.to_snapshot_id}")
    if cut:
        say(f"The snapshots before {found.from_snapshot_id} have been expired: what changed earlier cannot be told.")
    if not found.totals:
        say("No charges changed.")
        return
    _totals(found)
    for kind, title in TITLES.items():
        _differences(title, [entry for entry in found.largest if entry.kind == kind])
    more = sum(total.groups_changed for total in found.totals) - len(found.largest)
    if more:
        say(f"{more:,} more; --limit shows them.")


def _totals(found: Restatements) -> None:
    made = _table("", "currency", "files", "changed", "equal", ROWS, *COSTS)
    for total in found.totals:
        cells = (total.currency or "no currency", total.files, total.groups_changed, total.groups_equal)
        add_row(made, TITLES[total.kind], *cells, *_costs(total))
    out.print(made)
    if any(total.groups_equal for total in found.totals):
        say("equal: days, services and accounts that were written anew with the same costs and quantities")


def _differences(title: str, entries: Sequence[Restatement]) -> None:
    if not entries:
        return
    say("")
    say(title, style="bold")
    by_file: dict[str, list[Restatement]] = {}
    for entry in entries:
        by_file.setdefault(entry.file, []).append(entry)
    for members in by_file.values():
        _file(members)


def _file(members: Sequence[Restatement]) -> None:
    """A file's differences under its name: names of files are long, and a table would fold them."""
    say(f"{members[0].file} ({_decision(members[0])})")
    used = any(entry.quantities for entry in members)
    made = _table("", "day", "service", "account", "currency", ROWS, *COSTS, *([QUANTITY] if used else []))
    for entry in members:
        quantities = [_quantities(entry.quantities)] if used else []
        names = ("", entry.day or "misdated", entry.service, entry.account, entry.currency)
        add_row(made, *names, *_costs(entry), *quantities)
    out.print(made)


def _table(*columns: str) -> Table:
    made = table(*columns)
    for column in made.columns:
        if column.header in {*COSTS, ROWS, QUANTITY, "files", "changed", "equal"}:
            column.justify = "right"
    return made


def _costs(entry: CostDifference) -> Iterable[str]:
    yield f"{entry.rows_before:,} → {entry.rows_after:,}"
    yield _amount(entry.billed_before)
    yield _amount(entry.billed_after)
    yield _signed(entry.billed_difference)
    yield _signed(entry.effective_difference)


def _quantities(quantities: Sequence[QuantityDifference]) -> str:
    return ", ".join(f"{_signed(entry.difference)} {entry.unit}".strip() for entry in quantities)


def _decision(entry: Restatement) -> str:
    if entry.processed_at is None:
        return "not in the ledger"
    again = f", {entry.decisions} times" if entry.decisions > 1 else ""
    return f"{entry.state} {entry.processed_at:%Y-%m-%d %H:%M}{again}"


def _amount(value: Decimal | None) -> str:
    return "" if value is None else decimal_text(value)


def _signed(value: Decimal | None) -> str:
    return f"+{_amount(value)}" if value is not None and value > 0 else _amount(value)
