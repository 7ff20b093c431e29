"""Show restated costs."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from rich.table import Table

from billstream.aggregator.restatements.values import CostDifference, QuantityDifference, Restatement, Restatements
from billstream.cli.terminal import add_row, out, say, table, utc, write_json
from billstream.common.texts import counted, decimal_text

TITLES = {"restated": "Restated", "new": "New files"}
COSTS = ("billed before", "after", "difference", "effective difference")
ROWS = "rows"
QUANTITY = "quantity"


def tell(found: Restatements, *, cut: bool, lost: bool, as_json: bool) -> None:
    """Show the totals, then the differences, restatements first; `cut` and `lost` say why they begin later."""
    if as_json:
        write_json(found.model_dump(mode="json"))
        return
    say(f"from snapshot {found.from_snapshot_id} ({utc(found.since)}) to {found.to_snapshot_id}")
    if lost:
        say(f"Rows from before snapshot {found.from_snapshot_id} were lost: earlier changes are not included.")
    elif cut:
        say(f"Snapshots before {found.from_snapshot_id} have expired: earlier changes are not included.")
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
        say("equal: days, services and accounts that were rewritten with the same costs and quantities")


def _differences(title: str, entries: Sequence[Restatement]) -> None:
    if not entries:
        return
    say("")
    say(title, style="bold")
    # The file is the cause, so it leads: an operator who sees a difference asks first who sent it.
    by_file: dict[str, list[Restatement]] = {}
    for entry in entries:
        by_file.setdefault(entry.file, []).append(entry)
    for members in by_file.values():
        _file(members)


def _file(members: Sequence[Restatement]) -> None:
    """Show a file's differences under its name, which is too long for a column."""
    say(f"{members[0].file} ({_decision(members[0])})")
    # Most bills have costs only; an empty column would cost the width that the names need.
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
        return "not in the ledger; set aside or counted again? See billstream exports list"
    again = f", {counted(entry.decisions, 'time')}" if entry.decisions > 1 else ""
    return f"{entry.state} {utc(entry.processed_at)}{again}"


def _amount(value: Decimal | None) -> str:
    return "" if value is None else decimal_text(value)


def _signed(value: Decimal | None) -> str:
    return f"+{_amount(value)}" if value is not None and value > 0 else _amount(value)
