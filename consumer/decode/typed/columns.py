"""Text columns in memory become the typed columns of a table: by the SQL of the strict pass, or exactly as it would.

*   A text of one cell is that cell.
*   A number of one cell is cast by Arrow, where every text of the column is plain and cannot have too many digits.
*   All other values come from the SQL of `Projection`. Those that are no amounts are computed once for each distinct
    combination of their cells: most columns of a bill repeat a few texts, such as its days and its tags.

Which records do not fit is told, but not why: their files are left to the strict pass.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from billstream.consumer.decode.charges import is_charge
from billstream.consumer.decode.projection import Projection
from billstream.consumer.decode.rescued import Rescue
from billstream.consumer.decode.time_forms import certain_forms
from billstream.consumer.decode.typed.distinct import Array, Cells, DistinctCells, Memory, key_of
from billstream.consumer.decode.typed.rescued_objects import as_objects
from billstream.consumer.decode.values import COST_TYPE, MAP_TYPE, TIME_TYPE, is_one_cell
from billstream.consumer.profiles import Binding
from billstream.consumer.profiles.binding import Cell

ARROW_TYPES: Mapping[str, pa.DataType] = {
    "VARCHAR": pa.string(),
    COST_TYPE: pa.decimal128(38, 18),
    TIME_TYPE: pa.timestamp("us", "UTC"),
    MAP_TYPE: pa.map_(pa.string(), pa.string()),
}
"""The Arrow types of the columns that cells become, by their types in DuckDB."""

_PLAIN = b"0123456789.-"
_SAFE_LENGTH = 20
_FITS = r"^-?[0-9]{1,20}(?:\.[0-9]{1,18})?$"
_BAD = "__bad"


@dataclass(frozen=True)
class TypedColumns:
    """The way from cells to typed columns, for files that are written alike.

    Args:
        binding: what feeds which column.
        types: the columns of the table with their DuckDB types, in its order.
        engine: computes what Arrow does not, in the order of the records; it has the macros, and no lake.
    """

    binding: Binding
    types: Mapping[str, str]
    engine: duckdb.DuckDBPyConnection = field(repr=False)
    _statements: dict[tuple[tuple[str, ...], frozenset[int]], str] = field(default_factory=dict, repr=False)
    _memories: dict[tuple[str, ...], Memory] = field(default_factory=dict, repr=False)

    @cached_property
    def projection(self) -> Projection:
        """The SQL of the strict pass."""
        return Projection(self.binding, self.types, forms=certain_forms(self.binding.profile))

    @cached_property
    def _rescue(self) -> Rescue:
        return Rescue(self.binding, self.types)

    @property
    def remembered_bytes(self) -> int:
        """The bytes of the values that are kept for texts that come again."""
        return sum(memory.nbytes for memory in self._memories.values())

    def charges(self, cells: Cells) -> Array | None:
        """Return which records are charges by the words of the profile; None where every record is one."""
        if (condition := is_charge(self.binding)) is None:
            return None
        tested = {test.position for test in (*self.binding.only, *self.binding.leave_out)}
        return self._computed({f"c{p}": cells[p] for p in tested}, f"SELECT {condition} AS holds FROM cells")["holds"]

    def typed(self, cells: Cells) -> tuple[dict[str, Array], list[Array]]:
        """Return the typed columns of records, and which of them do not fit: one array for each kind of misfit found.

        Raises:
            duckdb.Error: there is not enough memory.
        """
        numbers = {position: plain_numbers(cells[position]) for position in self._operands | {*self._numbers.values()}}
        columns = {name: cells[position] for name, position in self._texts.items()}
        columns |= {name: numbers[p] for name, p in self._numbers.items() if numbers[p] is not None}
        bad = [column.is_null() for name, column in columns.items() if self._is_required(name) and column.null_count]
        distinct = DistinctCells(cells)
        by_cells = list(self._by_cells.items())
        by_cells += [(frozenset({p}), (name,)) for name, p in self._numbers.items() if name not in columns]
        for positions, names in by_cells:
            found, numbers_of_rows = self._of_distinct(distinct, positions, names)
            columns |= {name: found[name].take(numbers_of_rows) for name in names}
            if found[_BAD].true_count:
                bad.append(found[_BAD].take(numbers_of_rows))
        if self._amounts:
            known = {f"n{p}": numbers[p] for p in self._operands if numbers[p] is not None}
            given = {f"c{p}": cells[p] for p in self._used(self._amounts)} | known
            sql = self._select(self._amounts, frozenset(int(name[1:]) for name in known))
            found = self._computed(given, sql)
            columns |= {name: found[name] for name in self._amounts}
            if found[_BAD].true_count:
                bad.append(found[_BAD])
        rows = len(next(iter(cells.values())))
        columns |= {name: pa.repeat(value, rows) for name, value in self._constants.items()}
        columns["rescued"] = as_objects(distinct, self._rescue.names(), self._computed)
        return columns, bad

    # -- the ways of the columns -------------------------------------------------------------------------

    @cached_property
    def _texts(self) -> dict[str, int]:
        """The columns that are the text of one cell, each with its position."""
        return {
            column: value.position
            for column, value in self.binding.values.items()
            if self.types[column] == "VARCHAR"
            and isinstance(value, Cell)
            and value.whole
            and self.binding.profile.columns[column].mapping is None
            and self._is_bare(column)
        }

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """The columns that are the number of one cell, each with its position."""
        return {
            column: value.position
            for column, value in self.binding.values.items()
            if self.types[column] == COST_TYPE
            and isinstance(value, Cell)
            and is_one_cell(value)
            and self._is_bare(column)
            and self.binding.profile.values.decimal_point == "."
        }

    @cached_property
    def _by_cells(self) -> dict[frozenset[int], tuple[str, ...]]:
        """The other columns, by the positions of the cells that they depend on."""
        found: dict[frozenset[int], tuple[str, ...]] = {}
        for column in self._others:
            if (used := self._used([column])) and column not in self._amounts:
                found[used] = (*found.get(used, ()), column)
        return found

    @cached_property
    def _amounts(self) -> tuple[str, ...]:
        """The numbers that are made of several cells: hardly a record has those of another."""
        amounts = (column for column in self._others if self.types[column] == COST_TYPE)
        return tuple(column for column in amounts if len(self._used([column])) > 1)

    @cached_property
    def _constants(self) -> dict[str, Any]:
        """The columns that no cell feeds, each with its value."""
        names = [column for column in self._others if not self._used([column])]
        found = {name: pa.scalar(None, ARROW_TYPES[self.types[name]]) for name in self._unfed}
        if names:
            computed = self._computed({"c0": pa.nulls(1, pa.string())}, self._select(tuple(names)))
            found |= {name: computed[name][0] for name in names}
        return found

    @property
    def _others(self) -> list[str]:
        return [column for column in self.binding.values if column not in self._texts and column not in self._numbers]

    @property
    def _unfed(self) -> list[str]:
        return [name for name in self.projection.columns if name not in self.binding.values and name != "rescued"]

    @cached_property
    def _operands(self) -> frozenset[int]:
        """The positions of the numbers that expressions are made of, as far as Arrow may read them."""
        if self.binding.profile.values.decimal_point != ".":
            return frozenset()
        operands = self._of(self._amounts).operands
        return frozenset(cell.position for cell in operands if cell.amounts is None)

    def _is_bare(self, column: str) -> bool:
        """Return whether a column is its cell alone, without a default, and any value of it fits."""
        told = self.binding.told.get(column)
        source = self.binding.profile.columns[column]
        return self.binding.default(column) is None and not source.never and not (told and told.strict)

    def _is_required(self, column: str) -> bool:
        return self.binding.profile.columns[column].required

    def _used(self, columns: Sequence[str]) -> frozenset[int]:
        return self._of(columns).binding.used

    def _of(self, columns: Sequence[str]) -> Projection:
        """Return the projection of some columns alone."""
        values = {column: self.binding.values[column] for column in columns}
        alone = replace(self.binding, values=values, only=(), leave_out=())
        return replace(self.projection, binding=alone)

    # -- DuckDB ------------------------------------------------------------------------------------------

    def _select(self, columns: tuple[str, ...], numbered: frozenset[int] = frozenset()) -> str:
        """Return the SELECT of some columns from the table `cells`, and of the mark of records that do not fit."""
        if known := self._statements.get((columns, numbered)):
            return known
        projection = replace(self._of(columns), numbered=numbered)
        # A cell of tags that is none is kept in `rescued` by the strict pass alone.
        lost = [condition for column, condition in self._rescue.lost().items() if column in columns]
        bad = f"coalesce({' OR '.join([projection.bad(), *lost])}, false) AS {_BAD}"
        values = ", ".join(f"{projection.value(column)} AS {column}" for column in columns)
        source = projection.with_operands("cells")
        sql = f"SELECT {', '.join(columns)}, {bad} FROM (SELECT *, {values} FROM {source})"
        self._statements[columns, numbered] = sql
        return sql

    def _of_distinct(
        self, distinct: DistinctCells, positions: frozenset[int], columns: tuple[str, ...]
    ) -> tuple[dict[str, Array], Array]:
        """Return the values of each combination of cells, and for each record the number of its combination."""
        found = distinct.of(positions)
        texts = {position: distinct.cells[position].take(pa.array(found.first)) for position in sorted(positions)}
        keys, memory = key_of(list(texts.values())), self._memories.setdefault(columns, Memory())
        sql, numbers = self._select(columns), pa.array(found.numbers)
        if keys is None:
            return self._computed({f"c{p}": text for p, text in texts.items()}, sql), numbers

        def computed(new: Array) -> dict[str, Array]:
            return self._computed({f"c{position}": text.filter(new) for position, text in texts.items()}, sql)

        return memory.recall(keys, computed), numbers

    def _computed(self, cells: Mapping[str, Array], sql: str) -> dict[str, Array]:
        self.engine.register("cells", pa.table(dict(cells)))
        try:
            found = self.engine.execute(sql).to_arrow_table()
        finally:
            self.engine.unregister("cells")
        types = {name: ARROW_TYPES[kind] for name, kind in self.types.items()}
        return {
            name: array.combine_chunks().cast(types.get(name, array.type))
            for name, array in zip(found.column_names, found.columns, strict=True)
        }


def plain_numbers(texts: Array) -> Array | None:
    """Return texts as DECIMAL(38,18), each exactly; None where one of them is written otherwise or does not fit.

    Arrow's cast reads more than numbers of a bill, and keeps the wrong digits of one that is too large.
    """
    _, _, written = texts.buffers()
    if written and bytes(written).translate(None, _PLAIN):
        return None
    lengths: Array = pc.binary_length(texts)
    long = texts.filter(pc.greater(lengths, pa.scalar(_SAFE_LENGTH, pa.int32())))
    if len(long) and not pc.all(pc.match_substring_regex(long, _FITS)).as_py():
        return None
    try:
        return texts.cast(ARROW_TYPES[COST_TYPE])
    except pa.ArrowInvalid:
        return None
