"""Show where a number comes from, and which numbers a load moved."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal

from rich.table import Table

from billstream.cli.lineage.tracing import Aggregates, Moves, Trace, TracedLoad
from billstream.cli.terminal import add_row, out, printable, say, table, utc, write_json
from billstream.common.texts import counted, decimal_text
from billstream.consumer.lineage import Amount, LoadedFile, Moved, Reading, ReadState

_NO_LINES = {
    ReadState.GONE: "gone",
    ReadState.REPLACED: "replaced",
    ReadState.UNREADABLE: "cannot be read",
    ReadState.NOT_READ: "not read",
}
_LONGEST_LINE = 5000


def traced(found: Trace, *, as_json: bool) -> None:
    """Show a cell: its amounts, then each load with its file and its lines."""
    if as_json:
        write_json(asdict(found))
        return
    where = "".join(f", {name} {value or '(none)'}" for name, value in found.cell.where.items())
    say(f"{found.cell.day}{where}, snapshot {found.snapshot_id}", style="bold")
    if not found.amounts:
        say("No charges.")
    _amounts(found.amounts)
    _aggregates(found.aggregates)
    for load in found.loads:
        say("")
        _file(load.file)
        _amounts(load.amounts)
        if load.set_aside:
            say("Set aside, as a preferred export has the same; not in the number:", style="yellow")
            _amounts(load.set_aside)
        if load.reading:
            _reading(load, load.reading)
    read = [load.reading for load in found.loads if load.reading]
    if read:
        proven = sum(one.proven for one in read)
        say("")
        say(
            f"{proven:,} of {counted(len(read), 'file')} read again, with lines that add up to the number",
            style="green" if proven == len(read) else "red",
        )


def moved(found: Moves, *, as_json: bool) -> None:
    """Show loads with the numbers that they moved."""
    if as_json:
        write_json(asdict(found))
        return
    for place, one in enumerate(found.loads):
        if place:
            say("")
        _file(one.file)
        _history(one)
        if one.numbers:
            made = _table("day", "service", "currency", "rows", "billed", "effective", "")
            for number in one.numbers:
                amount = number.amount
                costs = (_cost(amount.billed_cost), _cost(amount.effective_cost))
                aside = "set aside" if number.set_aside else ""
                names = (number.day, number.service or "(none)", amount.currency or "no currency")
                add_row(made, *names, f"{amount.rows:,}", *costs, aside)
            out.print(made)
        if one.number_count > len(one.numbers):
            say(f"{one.number_count - len(one.numbers):,} more; --limit shows them.")
    if more := found.load_count - len(found.loads):
        say(f"{counted(more, 'older load')} more; --limit shows them.")


def _history(one: Moved) -> None:
    file = one.file
    if file.replaces and file.replaces != file.load_id:
        say(f"replaces load {file.replaces}")
    if file.ended_as is not None:
        by = f"replaced by load {file.replaced_by}" if file.replaced_by else f"its rows are gone: {file.ended_as}"
        say(f"{by} at {utc(file.ended_at) if file.ended_at else 'an unknown time'}", style="yellow")
        say(f"It moved {one.first_day} to {one.last_day}; of its rows, only the totals in the ledger are left:")
        for total in one.totals:
            costs = f"billed {_cost(total.billed_cost)}, effective {_cost(total.effective_cost)}"
            say(f"  {total.currency or 'no currency'}: {costs}")
    if file.rows_rejected:
        rejected = counted(file.rows_rejected, "rejected record")
        more = (
            f"; to see them, run: billstream quarantine show {shlex.quote(file.scope)}" if file.ended_as is None else ""
        )
        say(f"{rejected}{more}", style="yellow")


def _file(file: LoadedFile) -> None:
    say(file.scope, style="bold")
    version = f"billstream {file.billstream_version or '(version unknown)'}"
    say(f"load {file.load_id}, {counted(file.rows_loaded, 'row')}, snapshot {file.snapshot_id}")
    say(f"loaded {utc(file.loaded_at)} by {file.consumer_id}, {version}, profile {file.profile or 'none'}")
    size = f"{file.size_bytes:,} bytes, " if file.size_bytes is not None else ""
    identity = "".join(f"{name} {text}, " for name, text in (("version", file.version_id), ("ETag", file.etag)) if text)
    say(f"{identity}{size}SHA-256 {file.content_sha256}")


def _aggregates(found: Aggregates | None) -> None:
    if found is None:
        say("The aggregates were never refreshed.", style="yellow")
    elif found.agree:
        say(f"The aggregates, which are at snapshot {found.snapshot_id}, have the same as the charges of then.")
    else:
        differ = "cannot be compared any more with" if found.agree is None else "differ from"
        say(
            f"The aggregates {differ} the charges of their snapshot {found.snapshot_id}; they have:",
            style="yellow" if found.agree is None else "red",
        )
        _amounts(found.amounts)


def _reading(load: TracedLoad, reading: Reading) -> None:
    if reading.state is not ReadState.READ:
        say(f"{_NO_LINES[reading.state]}: {reading.reason}", style="red")
        return
    unit = reading.unit
    if reading.adds_up:
        say(f"{counted(reading.records, 'charge')} found in the file; they add up", style="green")
    else:
        loaded = sum(amount.rows for amount in (*load.amounts, *load.set_aside))
        found = f"{counted(reading.records, 'charge')} found, {loaded:,} loaded"
        say(f"The records that are found in the file do not add up to the load: {found}. They are:", style="red")
        _amounts(reading.amounts)
    for line in reading.lines:
        place = f"{unit} {line.number:,}" if line.number is not None else f"{unit} not found"
        member = f"{line.member}, " if line.member else ""
        column = f", column {line.column!r}" if line.column is not None else ""
        costs = (
            f"billed {_cost(line.billed_cost)}, effective {_cost(line.effective_cost)} {line.currency or ''}".rstrip()
        )
        say(f"  {member}{place}{column}: {costs}", style=None if line.number is not None else "red")
        # As the vendor wrote it: no markup, no colours, nothing masked; what a terminal would obey is escaped.
        sys.stdout.write(f"    {printable(line.text, _LONGEST_LINE)}\n")
    if reading.records > len(reading.lines):
        say(f"  {reading.records - len(reading.lines):,} more; --limit shows them.")


def _amounts(amounts: Sequence[Amount]) -> None:
    if not amounts:
        return
    made = _table("", "rows", "billed", "effective", "list", "contracted", "quantity")
    for one in amounts:
        costs = (one.billed_cost, one.effective_cost, one.list_cost, one.contracted_cost)
        quantities = ", ".join(
            f"{decimal_text(value)} {unit}".rstrip() for unit, value in one.consumed_quantity.items()
        )
        add_row(made, one.currency or "no currency", f"{one.rows:,}", *map(_cost, costs), quantities)
    out.print(made)


def _table(*columns: str) -> Table:
    made = table(*columns)
    for column in made.columns:
        if column.header in {"rows", "billed", "effective", "list", "contracted"}:
            column.justify = "right"
    return made


def _cost(value: Decimal | None) -> str:
    return "-" if value is None else decimal_text(value)
