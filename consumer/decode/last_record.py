"""The last record of a text, and whether its costs are the sums of all others."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Context, Decimal, InvalidOperation, localcontext

from billstream.common.lake import Lake
from billstream.common.scratch import needing_room
from billstream.consumer.decode.rejects import RejectedRow, lines_of, placed
from billstream.consumer.decode.scan import Scan
from billstream.consumer.decode.staged import COSTS, NO_CURRENCY, StagedLoad
from billstream.consumer.decode.tabular import TAIL_BYTES, Tabular

_LEAST_ROWS = 3  # two, and a sum of them
_EXACT = Context(prec=80)
_DROPPED = str.maketrans("", "", "()+- \t\u00a0\u202f")

Totals = Mapping[str, Mapping[str, Decimal]]
"""The sums of a load by the beginning of the cost's name, and by currency."""


@dataclass(frozen=True)
class LastRecord:
    """The last record of a text: its line and its cells.

    Args:
        text: its bytes, with a line end.
        cells: its cells.
        lacking: the positions of cells that are filled in the record before it, and not in this.
        tail: the offset of a line of the text.
        number: so many lines behind that one it stands.
    """

    text: bytes
    cells: tuple[str, ...]
    lacking: tuple[int, ...]
    tail: int
    number: int

    def line(self, file: Tabular) -> int | None:
        """Return its line in the file as it was uploaded."""
        (first,) = lines_of(file.path, [self.tail + 1])
        (row,) = placed(file, [RejectedRow(file.load_id, first + self.number, None, None, (), "")])
        return row.line


def sum_at_the_end(file: Tabular, load: StagedLoad, types: Mapping[str, str], lake: Lake) -> LastRecord | None:
    """Return the last record of a text if its costs are the sums of all others and it says less; None if not.

    A record that has as many filled cells as the one before it is a charge, whatever its costs: they may be equal by
    chance. The sums are known; only the last record is read again, and only where it may be one.

    Raises:
        duckdb.Error: it cannot be read.
        NoRoom: there is no room for a copy of it.
    """
    if file.text.parquet or file.header_binding.unpivoted or load.rows_loaded < _LEAST_ROWS:
        return None
    with localcontext(_EXACT):
        totals: Totals = {cost: found for cost in COSTS if any((found := getattr(load, f"{cost}_totals")).values())}
        last = last_record(file) if totals else None
        if last is None or not last.lacking or not _may_be_sum(file, last, totals):
            return None
        currency, costs = _values(file, last, types, lake)
        # A record without a currency may be the sum of those that have one.
        wanted = [currency] if currency else [NO_CURRENCY, None]
        sums = [
            (costs[name], [_total(some, one) for one in wanted]) for name, some in totals.items() if costs.get(name)
        ]
        return last if sums and all(any(2 * cost == total for total in of) for cost, of in sums if cost) else None


def last_record(file: Tabular) -> LastRecord | None:
    """Return the last record of a text; None where the last two are not plain lines among its last bytes."""
    start = max(file.path.stat().st_size - TAIL_BYTES, 0)
    with file.path.open("rb") as stream:
        stream.seek(start)
        tail = stream.read()
    filled, end = list[int](), len(tail)  # where the lines begin, the last one first
    while len(filled) < _LEAST_ROWS - 1 and end > 0:
        begin = tail.rfind(b"\n", 0, end) + 1
        if begin and tail[begin:end].strip():  # the first line of a tail may be the end of a longer one, or the header
            filled.append(begin)
        end = begin - 1
    lines = [tail[begin:].split(b"\n", 1)[0] for begin in reversed(filled)]
    if len(lines) < _LEAST_ROWS - 1 or any(line.count(b'"') % 2 for line in lines):
        return None
    texts = [line.decode("utf-8", "ignore").rstrip("\r") for line in lines]
    before, cells = csv.reader(texts, delimiter=file.delimiter)
    nulls = {"", *file.header_binding.profile.values.nulls}
    there = [{position for position, cell in enumerate(some) if cell.strip() not in nulls} for some in (before, cells)]
    lacking = tuple(sorted(there[0] - there[1])) if len(there[1]) < len(there[0]) else ()
    number = tail.count(b"\n", 0, filled[0])
    return LastRecord(lines[-1] + b"\n", tuple(cells), lacking, start, number)


def _may_be_sum(file: Tabular, last: LastRecord, totals: Totals) -> bool:
    """Return False only if a cost of the record is certainly no sum: to look closer takes a hundred times as long."""
    binding = file.header_binding
    for name, some in totals.items():
        position = binding.positions.get(f"{name}_cost")
        if position is None or position >= len(last.cells):
            continue
        text = last.cells[position].translate(_DROPPED)
        for sign in (*binding.profile.values.symbols, binding.profile.values.thousands):
            text = text.replace(sign, "") if sign else text
        try:
            cost = Decimal(text.replace(binding.profile.values.decimal_point, "."))
        except InvalidOperation:
            continue
        if cost and all(2 * cost != abs(total) for total in (*some.values(), _total(some, None))):
            return False
    return True


def _values(
    file: Tabular, last: LastRecord, types: Mapping[str, str], lake: Lake
) -> tuple[str | None, dict[str, Decimal | None]]:
    """Return currency and costs of the last record; no costs if it is no charge, or does not fit."""
    with file.path.open("rb") as stream:
        header = stream.readline()
    if header.count(b'"') % 2:  # it goes on in the next line
        return None, {}
    alone = file.path.with_name(f"{file.load_id}.last")
    with needing_room("decoding files"):
        alone.write_bytes(header + last.text)
    try:
        forms = file.header_binding.profile.values.times  # whichever it is, the record has a day
        scan = Scan([replace(file, records=alone)], dict(types), number=0, exact=False, forms=forms)
        scan.prepare(lake.engine)
        fed = [cost for cost in COSTS if f"{cost}_cost" in scan.columns]
        names = ", ".join(["billing_currency", *(f"{cost}_cost" for cost in fed)])
        found = lake.engine.execute(f"SELECT {names} FROM {scan.fitting()}").fetchone()
    finally:
        alone.unlink(missing_ok=True)
    if found is None:
        return None, {}
    return found[0], dict(zip(fed, found[1:], strict=True))


def _total(totals: Mapping[str, Decimal], currency: str | None) -> Decimal:
    """Return the total of a currency, or that of all."""
    return totals.get(currency, Decimal(0)) if currency else sum(totals.values(), Decimal(0))
