"""The SELECT lists that turn the text cells of a file into typed columns of `charges`, exactly or not at all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from billstream.common.lake.catalog import literal
from billstream.consumer.decode.rescued import Rescue, tags_of
from billstream.consumer.decode.usage import either, usage, where
from billstream.consumer.decode.values import (
    COST_TYPE,
    MAP_TYPE,
    TIME_TYPE,
    amounts,
    coalesce,
    entries,
    is_due,
    is_interval,
    is_one_cell,
    number,
    operand,
    plain_number,
    text_of,
    time_of,
)
from billstream.consumer.profiles import Binding
from billstream.consumer.profiles.binding import Cell, Constant, Product, Sum, Switch, Tags, Value, cells_of

BAD_MARK = "!"  # put before the load id of a row that does not fit; a load id is hexadecimal
AFTER_BAD_MARK = '"'  # the character after it: every marked load id sorts before this, every other one behind it
ALWAYS = ("charge_period_start", "billing_currency", "billed_cost", "rescued")

_ISO = "a date or time in ISO 8601, such as 2026-01-31 or 2026-01-31T09:30:00Z"
_NUMBER = "a number of at most 20 digits before the point"
_FORMS = {
    "iso": "ISO 8601 (such as 2026-01-31)",
    "epoch_seconds": "seconds since 1970",
    "epoch_milliseconds": "milliseconds since 1970",
}


@dataclass(frozen=True)
class Fault:
    """One way in which a record may not fit.

    `column` is that of `charges`, `position` of the cell at fault, None where no single cell is; `condition` is SQL
    over a record with its typed columns; `reason` is shown to people, None where a value is missing that is required;
    `of_the_file` means that one such record shows the whole file to be of another kind.
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
        forms: how times are written; see `values.time_value`.
        numbered: the positions of cells whose numbers the records have already, as the columns n0, n1, …
    """

    binding: Binding
    types: Mapping[str, str]
    exact: bool = True
    forms: tuple[str, ...] = ("iso",)
    numbered: frozenset[int] = frozenset()

    @property
    def cells(self) -> list[str]:
        """The names of the text columns, in the file's order."""
        return [f"c{index}" for index in range(len(self.binding.header))]

    @property
    def columns(self) -> list[str]:
        """The columns of `charges` that these files fill, in the table's order.

        A column that no cell feeds is left out of the staged file: writing half a hundred columns of nothing
        takes longer than writing the rest. The ledger needs `ALWAYS`.
        """
        fed = {*self.binding.values, *ALWAYS}
        return [column for column in self.types if column in fed and column != "load_id"]

    @property
    def time_cells(self) -> list[str]:
        """The texts that are read as times."""
        values = (value for column, value in self.binding.values.items() if self.types[column] == TIME_TYPE)
        return [text_of(cell, of_file=True) for value in values for cell in cells_of(value)]

    def with_operands(self, records: str) -> str:
        """Return the cells of `records`, numbers as plain text, the numbers of expressions, and the maps of cells.

        Each is computed once: written out wherever it is used, they make a statement of a megabyte.
        """
        values = self.binding.profile.values
        texts = [f"{plain_number(f'c{position}', values)} AS t{position}" for position in self._decorated]
        numbered = [
            f"{self._number(cell)} AS {operand(cell)}"
            for cell in self.operands
            if cell.amounts or cell.position not in self.numbered
        ]
        parts = (cell for value in self.binding.values.values() for cell in cells_of(value))
        keyed = dict.fromkeys(cell.position for cell in parts if cell.key is not None)
        maps = [f"tags_of(c{position}) AS {entries(position)}" for position in keyed]
        for columns in (texts, numbered, [*Rescue(self.binding, self.types).maps(), *maps]):
            records = f"(SELECT *, {', '.join(columns)} FROM {records})" if columns else records
        return records

    def typed_columns(self) -> str:
        """Return the values of `columns`, from the cells and operands of one record."""
        return ", ".join(f"{self.value(column)} AS {column}" for column in self.columns if column != "rescued")

    def bad(self) -> str:
        """Return the condition under which a record is rejected; it is never NULL: a record is rejected or it fits."""
        conditions = " OR ".join(f"({fault.condition})" for fault in self.faults())
        return f"coalesce({conditions}, false)" if conditions else "false"

    def faults(self) -> list[Fault]:
        """Return every way in which a record may not fit; the first that holds is the reason."""
        return [fault for column, value in self.binding.values.items() for fault in self._faults(column, value)]

    def rounded(self) -> str:
        """Return how many values of a record have more decimals than are kept. Goes with `exact=False`."""
        # A value that reads when rounded, and does not read exactly, was rounded, if its record uses it.
        numbers = [value for column, value in self.binding.values.items() if self.types[column] == COST_TYPE]
        uses = either(use for value in numbers for use in usage(value).items())
        read = {cell: operand(cell) for cell in self.operands}
        read |= {Cell(p): column for column, p in self.binding.positions.items() if self.types[column] == COST_TYPE}
        lost = []
        for cell, name in read.items():
            inexact = f"{name} IS NOT NULL AND {self._number(cell, exact=True)} IS NULL"
            lost.append(where(uses.get(cell), f"c{cell.position} IS NOT NULL AND {inexact}"))
        products = (value for value in self.binding.values.values() if isinstance(value, Product))
        lost += [f"{number(p, exact=False)} IS NOT NULL AND {number(p, exact=True)} IS NULL" for p in products]
        return " + ".join(sorted(f"CASE WHEN {condition} THEN 1 ELSE 0 END" for condition in lost)) or "0"

    def rescued(self) -> str:
        """Return the cells that no column holds, as a JSON object without its nulls; NULL when there are none."""
        return Rescue(self.binding, self.types).as_json()

    # -- values ------------------------------------------------------------------------------------------

    @cached_property
    def operands(self) -> tuple[Cell, ...]:
        """The cells that are numbers of an expression; each is read once, as a column of its own."""
        found = dict.fromkeys(
            Cell(cell.position, cell.amounts)
            for column, value in self.binding.values.items()
            if self.types[column] == COST_TYPE and not is_one_cell(value)
            for cell in cells_of(value)
        )
        return tuple(found)

    @cached_property
    def _decorated(self) -> tuple[int, ...]:
        """The positions of numbers that may have currency signs or groups, or a comma for a point."""
        values = self.binding.profile.values
        decorated = values.symbols or values.thousands or values.decimal_point != "."
        # The strict pass reads plain numbers only; a comma for a point is never plain.
        if not decorated or (self.exact and values.decimal_point == "."):
            return ()
        cells = (
            cell
            for column, value in self.binding.values.items()
            if self.types[column] == COST_TYPE
            for cell in cells_of(value)
        )
        return tuple(dict.fromkeys(cell.position for cell in cells if cell.amounts is None))

    def value(self, column: str) -> str:
        """Return the value of one column, of the column's type."""
        data_type = self.types[column]
        value = self.binding.values.get(column)
        if value is None:
            return f"NULL::{data_type}"
        if isinstance(value, Constant):
            return f"{literal(value.value)}::{data_type}"
        cells = [text_of(cell) for cell in cells_of(value)]
        if data_type == "VARCHAR":
            typed = self._text(column, coalesce(cells))
        elif data_type == COST_TYPE:
            one_cell = isinstance(value, Cell) and is_one_cell(value)
            typed = self._number(value) if one_cell else number(value, exact=self.exact)  # type: ignore[arg-type]
        elif data_type == TIME_TYPE:
            zone = self.binding.profile.values.time_zone
            typed = coalesce([time_of(cell, self.forms, zone) for cell in cells_of(value)])
        elif data_type == MAP_TYPE:
            typed = _tags(column, value) if isinstance(value, Tags) else tags_of(column)
        else:
            raise NotImplementedError(f"no cell becomes a {data_type}")
        default = self.binding.default(column)
        if default is None:
            return typed
        absent = " AND ".join(f"{cell} IS NULL" for cell in cells) or "false"
        return f"CASE WHEN {absent} THEN {literal(default)}::{data_type} ELSE {typed} END"

    def _text(self, column: str, cell: str) -> str:
        """Return a text, mapped by the profile."""
        source = self.binding.profile.columns[column]
        if source.mapping is None:
            return cell
        cases = " ".join(
            f"WHEN {literal(k.casefold())} THEN {literal(v) if v else 'NULL'}" for k, v in source.mapping.items()
        )
        other = cell
        if isinstance(source.otherwise, str):
            other = literal(source.otherwise) if source.otherwise else "NULL"
        chosen = f"CASE folded({cell}) {cases} ELSE {other} END" if cases else other
        return f"CASE WHEN {cell} IS NOT NULL THEN {chosen} END"

    def _number(self, cell: Cell, *, exact: bool | None = None) -> str:
        exact = self.exact if exact is None else exact
        if cell.amounts is not None:
            return amounts(f"c{cell.position}", cell.amounts, exact=exact)
        name = f"t{cell.position}" if cell.position in self._decorated else f"c{cell.position}"
        return f"{'exact' if exact else 'rounded'}_decimal({name})"

    # -- faults ------------------------------------------------------------------------------------------

    def _faults(self, column: str, value: Value) -> Iterator[Fault]:
        """Yield the faults of one column: cells that do not read, values out of range, values that are missing."""
        source = self.binding.profile.columns[column]
        cells = list(cells_of(value))
        one = cells[0].position if len(cells) == 1 else None
        if self.types[column] == TIME_TYPE:
            zone = self.binding.profile.values.time_zone
            forms = " or ".join(_FORMS.get(form, form) for form in self.forms)
            readable = _ISO if self.forms == ("iso",) else f"a time written as {forms}"
            for cell, used in usage(value).items():
                text, read = text_of(cell), column if len(cells) == 1 else time_of(cell, self.forms, zone)
                # Only an interval must have an end; a text that is no time at all is a fault of the start.
                there = is_interval(text) if cell.part == "end" else f"{text} IS NOT NULL"
                unread = where(used, f"{there} AND {read} IS NULL")
                yield Fault(column, cell.position, unread, f"is not {readable}")
            yield Fault(column, one, f"is_beyond_calendar({column})", "is not a time of the years 1 to 9999")
        if self.types[column] == COST_TYPE:
            yield from _number_faults(column, value, cells)
        if source.required:
            yield Fault(column, one, f"{column} IS NULL")
        if cells and column in self.binding.told and self.binding.told[column].strict:
            told = self.binding.told[column].text
            yield Fault(column, one, f"upper({column}) <> {literal(told)}", f"is not {told}, as the cost's name tells")
        for text, why in source.never.items():
            condition = f"folded(c{one}) = {literal(text.casefold())}"
            yield Fault(column, one, f"coalesce({condition}, false)", why, of_the_file=True)


def _number_faults(column: str, value: Value, cells: Sequence[Cell]) -> Iterator[Fault]:
    # A term that does not read makes the whole value wrong, even where the sum of the others is a number.
    for cell, used in usage(value).items():
        read = column if is_one_cell(value) else operand(cell)
        what = _NUMBER if cell.amounts is None else f"a JSON array of objects with {cell.amounts!r}"
        unread = where(used, f"c{cell.position} IS NOT NULL AND {read} IS NULL")
        yield Fault(column, cell.position, unread, f"is not {what}")
    if isinstance(value, Product):
        there = " AND ".join(f"{operand(cell)} IS NOT NULL" for cell in cells)
        yield Fault(column, None, f"{there} AND {column} IS NULL", "is a product of numbers with too many digits")
    elif isinstance(value, Sum | Switch):
        yield Fault(column, None, f"{is_due(value)} AND {column} IS NULL", "is a sum that is too large")


def _tags(column: str, value: Tags) -> str:
    """Return the tags of a cell together with those of columns that are one tag each."""
    own = tags_of(column) if value.cell is not None else f"NULL::{MAP_TYPE}"
    if not value.columns:
        return own
    entries = ", ".join(f"{{'key': {literal(name)}, 'value': c{position}}}" for position, name in value.columns)
    return f"tags_joined({own}, tags_of_columns([{entries}]))"
