"""The SELECT lists that turn the text cells of a file into typed columns of `charges`, exactly or not at all."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from billstream.common.lake.catalog import literal
from billstream.consumer.decode import expressions, maps, numbers, times
from billstream.consumer.decode.expressions import coalesce, is_due, is_plain, operand
from billstream.consumer.decode.maps import MAP_TYPE
from billstream.consumer.decode.numbers import COST_TYPE
from billstream.consumer.decode.times import FIRST_TIME, LAST_TIME, TIME_TYPE
from billstream.consumer.profiles import Binding
from billstream.consumer.profiles.binding import Cell, Constant, Product, Sum, Switch, Tags, Value, cells_of

BAD_MARK = "!"  # put before the load id of a row that does not fit; a load id is hexadecimal
ALWAYS = ("charge_period_start", "billing_currency", "billed_cost", "rescued")

READABLE = {
    COST_TYPE: "a number of at most 20 digits before the point",
    TIME_TYPE: "a date or time in ISO 8601, such as 2026-01-31 or 2026-01-31T09:30:00Z",
}


@dataclass(frozen=True)
class Fault:
    """One way in which a record may not fit.

    `column` is that of `charges`, `position` of the cell at fault, None where there is none; `condition` is SQL over
    a record with its typed columns; `reason` is what a person reads, None where the value's absence says it;
    `of_the_file` means that such a record shows the whole file to be of another kind.
    """

    column: str
    position: int | None
    condition: str
    reason: str | None = None
    of_the_file: bool = False


@dataclass(frozen=True)
class Projection:
    """The SELECT lists for one binding. Cells are named c0, c1, … by position; no header name becomes SQL.

    Args:
        binding: what feeds which column.
        types: the columns of `charges` with their DuckDB types, in the table's order.
        exact: whether a number that would have to be rounded, or is written with a currency sign or in groups, counts
            as one that does not fit: most files have neither, and are read faster so.
        forms: how times are written; see `times.time_value`.
    """

    binding: Binding
    types: Mapping[str, str]
    exact: bool = True
    forms: tuple[str, ...] = ("iso",)

    @property
    def cells(self) -> list[str]:
        """The names of the text columns, in the file's order."""
        return [f"c{index}" for index in range(len(self.binding.header))]

    @property
    def columns(self) -> list[str]:
        """The columns of `charges` that these files fill, in the table's order.

        A column that no cell feeds is left out of the staged file: writing half a hundred columns of nothing
        takes longer than writing the rest. `ALWAYS` are there for the ledger's sake.
        """
        fed = {*self.binding.values, *ALWAYS}
        return [column for column in self.types if column in fed and column != "load_id"]

    @property
    def time_cells(self) -> list[str]:
        """The names of the cells that are read as times."""
        values = (value for column, value in self.binding.values.items() if self.types[column] == TIME_TYPE)
        return [f"c{cell.position}" for value in values for cell in cells_of(value)]

    def with_operands(self, records: str) -> str:
        """The cells of `records`, their numbers as plain text, and the numbers that expressions are made of.

        Each is made once: written out wherever it is used, they make a statement of a megabyte.
        """
        values = self.binding.profile.values
        texts = [f"{numbers.undecorated(f'c{position}', values)} AS t{position}" for position in self._decorated]
        numbered = [f"{self._number(cell)} AS {operand(cell)}" for cell in self._operands]
        for columns in (texts, numbered):
            records = f"(SELECT *, {', '.join(columns)} FROM {records})" if columns else records
        return records

    def typed_columns(self) -> str:
        """The values of `columns`, from the cells and operands of one record."""
        return ", ".join(f"{self._value(column)} AS {column}" for column in self.columns if column != "rescued")

    def bad(self) -> str:
        """The condition under which a record is rejected; never NULL, so that a record is rejected or it fits."""
        conditions = " OR ".join(f"({fault.condition})" for fault in self.faults())
        return f"coalesce({conditions}, false)" if conditions else "false"

    def faults(self) -> list[Fault]:
        """Every way in which a record may not fit; the first that holds is the reason."""
        return [fault for column, value in self.binding.values.items() for fault in self._faults(column, value)]

    def rounded(self) -> str:
        """How many values of a record have more decimals than are kept. Goes with `exact=False`."""
        read = {cell: operand(cell) for cell in self._operands}
        read |= {Cell(p): column for column, p in self.binding.positions.items() if self.types[column] == COST_TYPE}
        terms = [
            f"CASE WHEN c{cell.position} IS NOT NULL AND {number} IS NOT NULL"
            f" AND {self._number(cell, exact=True)} IS NULL THEN 1 ELSE 0 END"
            for cell, number in read.items()
        ]
        products = [value for value in self.binding.values.values() if isinstance(value, Product)]
        terms += [f"CASE WHEN {expressions.is_rounded(value)} THEN 1 ELSE 0 END" for value in products]
        return " + ".join(sorted(terms)) or "0"

    def rescued(self) -> str:
        """The cells that no column holds, as a JSON object without its nulls; NULL when there are none."""
        unknown = [(self.binding.header[index], f"c{index}") for index in self.binding.rescued]
        unread = [
            (self.binding.header[position], f"CASE WHEN {_readable(position)} IS NULL THEN c{position} END", position)
            for position in self._tag_cells
            if position not in self.binding.rescued
        ]
        plain = _json_object(unknown)
        if not unread:
            return plain
        lost = " OR ".join(f"(c{position} IS NOT NULL AND {_readable(position)} IS NULL)" for _, _, position in unread)
        full = _json_object([*unknown, *((name, value) for name, value, _ in unread)])
        return f"CASE WHEN {lost} THEN {full} ELSE {plain} END"

    # -- values ------------------------------------------------------------------------------------------

    @cached_property
    def _operands(self) -> tuple[Cell, ...]:
        """The cells that are numbers of an expression; each is read once, as a column of its own."""
        found = dict.fromkeys(
            Cell(cell.position, cell.amounts)
            for column, value in self.binding.values.items()
            if self.types[column] == COST_TYPE and not is_plain(value)
            for cell in cells_of(value)
        )
        return tuple(found)

    @cached_property
    def _decorated(self) -> tuple[int, ...]:
        """The positions of numbers that may have currency signs or groups, or a comma for a point."""
        values = self.binding.profile.values
        decorated = values.symbols or values.thousands or values.decimal_point != "."
        if not decorated or (self.exact and values.decimal_point == "."):
            return ()
        cells = (
            cell
            for column, value in self.binding.values.items()
            if self.types[column] == COST_TYPE
            for cell in cells_of(value)
        )
        return tuple(dict.fromkeys(cell.position for cell in cells if cell.amounts is None))

    @property
    def _tag_cells(self) -> list[int]:
        values = ((column, value) for column, value in self.binding.values.items() if self.types[column] == MAP_TYPE)
        cells = (value.cell if isinstance(value, Tags) else _position(value) for _, value in values)
        return [cell for cell in cells if cell is not None]

    def _value(self, column: str) -> str:
        data_type = self.types[column]
        value = self.binding.values.get(column)
        if value is None:
            return f"NULL::{data_type}"
        if isinstance(value, Constant):
            return f"{literal(value.value)}::{data_type}"
        typed = self._typed(column, value, data_type)
        source = self.binding.profile.columns[column]
        if source.default is None:
            return typed
        absent = " AND ".join(f"c{cell.position} IS NULL" for cell in cells_of(value)) or "false"
        return f"CASE WHEN {absent} THEN {literal(source.default)}::{data_type} ELSE {typed} END"

    def _typed(self, column: str, value: Value, data_type: str) -> str:
        if data_type == "VARCHAR":
            return self._text(column, value)
        if data_type == COST_TYPE:
            if isinstance(value, Cell) and is_plain(value):
                return self._number(value)
            return expressions.number(value, exact=self.exact)
        if data_type == TIME_TYPE:
            return self._time(value)
        if data_type == MAP_TYPE:
            return self._tags(value)
        raise NotImplementedError(f"no cell becomes a {data_type}")

    def _text(self, column: str, value: Value) -> str:
        cell = _first_cell(value)
        source = self.binding.profile.columns[column]
        if source.mapping is None:
            return cell
        cases = " ".join(
            f"WHEN {literal(k.casefold())} THEN {literal(v) if v else 'NULL'}" for k, v in source.mapping.items()
        )
        other = literal(source.otherwise) if isinstance(source.otherwise, str) else cell
        return f"CASE WHEN {cell} IS NOT NULL THEN CASE lower(trim({cell})) {cases} ELSE {other} END END"

    def _time(self, value: Value) -> str:
        zone = self.binding.profile.values.time_zone
        return coalesce([times.time_value(f"c{cell.position}", self.forms, zone) for cell in cells_of(value)])

    def _tags(self, value: Value) -> str:
        if not isinstance(value, Tags):
            return maps.string_map(_first_cell(value))
        own = maps.string_map(f"c{value.cell}") if value.cell is not None else None
        return maps.with_columns(own, [(name, f"c{position}") for position, name in value.columns])

    def _number(self, cell: Cell, *, exact: bool | None = None) -> str:
        exact = self.exact if exact is None else exact
        name = f"c{cell.position}"
        if cell.amounts is not None:
            return numbers.amounts(name, cell.amounts, exact=exact)
        if cell.position in self._decorated:
            name = f"t{cell.position}"
        return numbers.exact_decimal(name) if exact else numbers.rounded_decimal(name)

    # -- faults ------------------------------------------------------------------------------------------

    def _faults(self, column: str, value: Value) -> Iterator[Fault]:
        data_type = self.types[column]
        required = self.binding.profile.columns[column].required
        cells = list(cells_of(value))
        one = cells[0].position if len(cells) == 1 else None
        if data_type == TIME_TYPE:
            outside = f"{column} NOT BETWEEN {FIRST_TIME} AND {LAST_TIME}"
            yield from self._unread_times(column, cells)
            yield Fault(column, one, outside, "is not a time of the years 1 to 9999")
        if data_type == COST_TYPE:
            yield from self._unread_numbers(column, value, cells)
        if required:
            yield Fault(column, one, f"{column} IS NULL")
        for text, why in self.binding.profile.columns[column].never.items():
            condition = f"lower(trim(c{one})) = {literal(text.casefold())}"
            yield Fault(column, one, f"coalesce({condition}, false)", why, of_the_file=True)

    def _unread_times(self, column: str, cells: Sequence[Cell]) -> Iterator[Fault]:
        zone = self.binding.profile.values.time_zone
        forms = self.forms
        readable = READABLE[TIME_TYPE] if forms == ("iso",) else f"a time written as {' or '.join(forms)}"
        for cell in cells:
            name = f"c{cell.position}"
            read = column if len(cells) == 1 else times.time_value(name, forms, zone)
            yield Fault(column, cell.position, f"{name} IS NOT NULL AND {read} IS NULL", f"is not {readable}")

    def _unread_numbers(self, column: str, value: Value, cells: Sequence[Cell]) -> Iterator[Fault]:
        for cell in cells:
            read = column if is_plain(value) else operand(cell)
            what = READABLE[COST_TYPE] if cell.amounts is None else f"a JSON array of objects with {cell.amounts!r}"
            yield Fault(column, cell.position, f"c{cell.position} IS NOT NULL AND {read} IS NULL", f"is not {what}")
        if isinstance(value, Product):
            there = " AND ".join(f"{operand(cell)} IS NOT NULL" for cell in cells)
            yield Fault(column, None, f"{there} AND {column} IS NULL", "is a product of numbers with too many digits")
        elif isinstance(value, Sum | Switch):
            yield Fault(column, None, f"{is_due(value)} AND {column} IS NULL", "is a sum that is too large")


def _position(value: Value) -> int | None:
    return value.position if isinstance(value, Cell) else None


def _first_cell(value: Value) -> str:
    return coalesce([f"c{cell.position}" for cell in cells_of(value)])


def _readable(position: int) -> str:
    return maps.string_map(f"c{position}")


def _json_object(pairs: list[tuple[str, str]]) -> str:
    if not pairs:
        return "NULL::VARCHAR"
    names: dict[str, str] = {}
    for position, (name, value) in enumerate(pairs):
        key = re.sub(r"[\x00-\x1f]", " ", name) or f"column {position + 1}"
        while key in names:
            key = f"{key} ({position + 1})"
        names[key] = value
    # A merge patch leaves out the nulls (RFC 7396).
    body = ", ".join(f"{literal(name)}, {value}" for name, value in names.items())
    return f"nullif(json_merge_patch('{{}}', json_object({body}))::VARCHAR, '{{}}')"
