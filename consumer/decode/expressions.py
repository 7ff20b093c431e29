"""The SQL of numbers that are made of several cells; each cell's number is a column already, see `operand`."""

from collections.abc import Sequence

from billstream.common.lake.catalog import literal
from billstream.consumer.decode import numbers
from billstream.consumer.decode.numbers import COST_TYPE
from billstream.consumer.profiles.binding import Cell, First, Product, Sum, Switch, Value, cells_of


def is_plain(value: Value) -> bool:
    """Whether a number is a cell as it stands."""
    return isinstance(value, Cell) and value == Cell(value.position)


def operand(cell: Cell) -> str:
    """The column that has the number of a cell."""
    field = "" if cell.amounts is None else "_" + cell.amounts.encode("utf-8").hex()
    return f"n{cell.position}{field}"


def number(value: Value, *, exact: bool) -> str:
    """The number that a value comes to; `exact` as in `numbers.product`."""
    if isinstance(value, Product):
        return numbers.product(*(_counted(cell) for cell in value.cells), exact=exact)
    if isinstance(value, Switch):
        cases = " ".join(f"WHEN {literal(text.casefold())} THEN {_added(part)}" for text, part in value.cases.items())
        return f"CASE lower(trim(c{value.by})) {cases} ELSE {_added(value.otherwise)} END"
    if isinstance(value, First):
        return coalesce([_counted(cell) for cell in value.cells])
    return _added(value if isinstance(value, Sum) else Sum(tuple(cells_of(value))))


def is_rounded(value: Product) -> str:
    """Whether a product has more decimals than are kept."""
    return f"{number(value, exact=False)} IS NOT NULL AND {number(value, exact=True)} IS NULL"


def is_due(value: Sum | Switch | None) -> str:
    """Whether there is anything to add."""
    if isinstance(value, Switch):
        cases = " ".join(f"WHEN {literal(text.casefold())} THEN {is_due(part)}" for text, part in value.cases.items())
        return f"(CASE lower(trim(c{value.by})) {cases} ELSE {is_due(value.otherwise)} END)"
    if value is None or not value.cells:
        return "false"
    return "(" + " OR ".join(f"{operand(cell)} IS NOT NULL" for cell in value.cells) + ")"


def coalesce(parts: Sequence[str]) -> str:
    """The first part that is not NULL."""
    return parts[0] if len(parts) == 1 else f"coalesce({', '.join(parts)})"


def _counted(cell: Cell) -> str:
    signed = f"(-{operand(cell)})" if cell.negative else operand(cell)
    if cell.unless is None:
        return signed
    return f"(CASE WHEN c{cell.unless} IS NOT NULL AND {signed} IS NOT NULL THEN 0 ELSE {signed} END)"


def _added(value: Sum | None) -> str:
    if value is None:
        return f"NULL::{COST_TYPE}"
    if not value.cells:
        return f"0::{COST_TYPE}"
    terms = " + ".join(f"coalesce({_counted(cell)}, 0)" for cell in value.cells)
    return f"CASE WHEN {is_due(value)} THEN try({terms})::{COST_TYPE} END"
