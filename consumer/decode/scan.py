"""The SQL over files that are written alike, and the questions that are asked of their records."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files

import duckdb

from billstream.common.lake.catalog import literal
from billstream.common.lake.engine import run_script
from billstream.consumer.decode.charges import charges_of, is_charge, unpivoted
from billstream.consumer.decode.plain.parquet import Layout
from billstream.consumer.decode.projection import BAD_MARK, Projection
from billstream.consumer.decode.rejects import CELL_CHARACTERS, RejectedRow, within_room
from billstream.consumer.decode.tabular import Tabular
from billstream.consumer.decode.time_forms import decided_forms

MAX_RECORD_BYTES = 2_000_000
FEW_FILES = 16
"""So many files, or fewer, have their loads in an expression, which costs large files nothing; a join is for many."""


class Malformed(StrEnum):
    """The options of DuckDB's reader for records that do not split into the header's columns.

    `FAIL` stops at the first, which costs nothing. `LIST` lists them all, for 1 KB and 10 microseconds of each column
    that a record lacks: only where their number is known to be small. `LEAVE_OUT` forgets them at no cost, with some
    of the good records that stand behind them: good for an estimate, and for nothing else.
    """

    FAIL = ""
    LIST = ", store_rejects = true, rejects_limit = 0, rejects_table = 'rejected_{0}', rejects_scan = 'scanned_{0}'"
    LEAVE_OUT = ", ignore_errors = true"


def load_macros(engine: duckdb.DuckDBPyConnection) -> None:
    """Give a connection the macros of `sql/macros.sql`, unless it has them: a lake that reconnects has a new one."""
    if engine.execute("SELECT getvariable('decode_macros')").fetchone() != (True,):
        # Not by `statement`, which would take the braces of patterns and structures for its own.
        macros = files("billstream.consumer.decode").joinpath("sql", "macros.sql").read_text(encoding="utf-8")
        run_script(engine, macros)


def scan_key(file: Tabular) -> tuple[str, str, tuple[str, ...], tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Return what files have in common that one scan can read together."""
    binding, layout = file.header_binding, file.text.parquet
    types = (*layout.types, str(layout.binary_as_text)) if layout else ()
    told = tuple((column, one.text) for column, one in sorted(binding.told.items()))
    return (binding.profile.name, file.delimiter, binding.header, types, told)


def literals(texts: Sequence[str]) -> str:
    """Return texts as an SQL list of literals."""
    return "[" + ", ".join(literal(text) for text in texts) + "]"


def rows_in(paths: Sequence[str]) -> str:
    """Return the SQL source of the rows of staged files, whichever columns each has."""
    return f"read_parquet({literals(paths)}, union_by_name = true, hive_partitioning = false)"


@dataclass
class Scan:
    """The SQL over files that are written alike: same header, same profile, same delimiter.

    Args:
        files: the files, at least one.
        types: the columns of `charges` with their DuckDB types.
        number: the number of this scan in its statement; it names the tables of rejects.
        exact: see `Projection`.
        forms: how times are written; see `values.time_value`.
        malformed: see `Malformed`.
        row_numbers: whether records of Parquet have the number of their row, from 0, as the column `__row`.
    """

    files: Sequence[Tabular]
    types: dict[str, str]
    number: int
    exact: bool = True
    forms: tuple[str, ...] = ("iso",)
    malformed: Malformed = Malformed.LIST
    row_numbers: bool = False

    def __post_init__(self) -> None:
        self.binding = self.files[0].header_binding
        self._projection = Projection(self.binding, self.types, exact=self.exact, forms=self.forms)

    def prepare(self, engine: duckdb.DuckDBPyConnection) -> None:
        """Load the macros, and drop the rejects that an earlier scan of this number has left: DuckDB would append."""
        load_macros(engine)
        for table in (f"rejected_{self.number}", f"scanned_{self.number}"):
            engine.execute(f"DROP TABLE IF EXISTS temp.{table}")

    # -- SQL ---------------------------------------------------------------------------------------------

    @property
    def columns(self) -> list[str]:
        """The columns of the rows."""
        return ["load_id", *self._projection.columns]

    def marked_rows(self) -> str:
        """Return every record under its load id; a record that does not fit, under its marked load id."""
        load_id = f"CASE WHEN {self._projection.bad()} THEN {literal(BAD_MARK)} || load_id ELSE load_id END AS load_id"
        return f"SELECT {load_id}, {', '.join(self._projection.columns)} FROM {self.records()}"

    def good_rows(self) -> str:
        """Return the records that fit."""
        columns = ", ".join(self._projection.columns)
        return f"SELECT load_id, {columns} FROM {self.fitting()}"

    def fitting(self) -> str:
        """Return the records that fit, with their cells; more conditions may follow."""
        return f"{self.records()} WHERE NOT ({self._projection.bad()})"

    def records(self) -> str:
        """Return the records: their cells as text, their typed columns, and the load id of the file each comes from."""
        projection = self._projection
        record, typed = f"{projection.with_operands(self.reader())} AS record", projection.typed_columns()
        # The load is found by the path that DuckDB names: several files are read in one scan.
        loads = [(literal(str(file.path)), literal(file.load_id)) for file in self.files]
        if len(loads) <= FEW_FILES:
            load_id = f"CASE __path {' '.join(f'WHEN {path} THEN {load}' for path, load in loads)} END AS load_id"
            typed = f"{load_id}, {typed}"
        else:
            values = ", ".join(f"({path}, {load})" for path, load in loads)
            record += f" JOIN (VALUES {values}) AS load(path, load_id) ON record.__path = load.path"
        return f"(SELECT *, {projection.rescued()} AS rescued FROM (SELECT *, {typed} FROM {record}))"

    def reader(self) -> str:
        """Return the records that are charges, with their cells as text, and the path of their file."""
        return charges_of(self.source(), self.binding)

    def source(self) -> str:
        """Return every record with its cells as text, and the path of its file."""
        nulls = ["", *self.binding.profile.values.nulls]
        paths = literals([str(file.path) for file in self.files])
        if layout := self.files[0].text.parquet:
            return self._parquet(paths, nulls, layout)
        columns = ", ".join(f"'{cell}': 'VARCHAR'" for cell in self._projection.cells)
        # Only one thread at a time can pad records where cells of several lines may be.
        pads = self.binding.profile.records.short_rows == "pad"
        padding = ", null_padding = true, parallel = false" if pads else ""
        return (
            f"read_csv({paths}, columns = {{{columns}}}, "
            f"auto_detect = false, header = true, delim = {literal(self.files[0].delimiter)}, "
            "quote = '\"', escape = '\"', strict_mode = true, "
            f"nullstr = {literals(nulls)}, filename = '__path', hive_partitioning = false, "
            f"max_line_size = {MAX_RECORD_BYTES}{padding}{self.malformed.format(self.number)})"
        )

    def _parquet(self, paths: str, nulls: Sequence[str], layout: Layout) -> str:
        """Return the cells as the texts that a CSV file would have; the columns are named by position."""
        cells = self._projection.cells
        columns = [f"f{index}" for index in range(len(layout.types))]
        # A hostile file may have a column named as the one that DuckDB adds for the path.
        path = "__path"
        while path in {name.casefold() for name in layout.names}:
            path += "_"
        none = ", ".join(literal(null) for null in nulls)
        texts = ", ".join(
            f"to_json({value})::VARCHAR AS {cell}"
            if column.nested
            else f"CASE WHEN {value}::VARCHAR NOT IN ({none}) THEN {value}::VARCHAR END AS {cell}"
            for cell, column in zip(cells, layout.columns, strict=True)
            for value in [column.cell(columns)]
        )
        option, row = (", file_row_number = true", "__row, ") if self.row_numbers else ("", "")
        return (
            f"(SELECT {texts}, {row}__path FROM read_parquet({paths}, filename = {literal(path)}, "
            f"hive_partitioning = false, binary_as_string = {str(layout.binary_as_text).lower()}{option}) "
            f"AS file({', '.join(columns)}, {row}__path))"
        )

    # -- questions ---------------------------------------------------------------------------------------

    def wrong_kind(self, engine: duckdb.DuckDBPyConnection) -> str | None:
        """Return why the file is of another kind than its profile is for; None when no record shows it."""
        for fault in self._projection.faults():
            if not fault.of_the_file:
                continue
            found = engine.execute(f"SELECT c{fault.position} FROM {self.reader()} WHERE {fault.condition} LIMIT 1")
            if row := found.fetchone():
                return f"{self.binding.names[fault.position or 0]} is {row[0]!r} in a record: {fault.reason}"
        return None

    def records_read(self, engine: duckdb.DuckDBPyConnection) -> dict[str, int]:
        """Return, by load, how many records split into the header's columns."""
        return self._counted(engine, self.source())

    def records_left_out(self, engine: duckdb.DuckDBPyConnection) -> dict[str, int]:
        """Return, by load, how many records are no charges by the words of the profile."""
        if not (condition := is_charge(self.binding)):
            return {}
        load_macros(engine)
        return self._counted(engine, f"{unpivoted(self.source(), self.binding)} WHERE NOT ({condition})")

    def _counted(self, engine: duckdb.DuckDBPyConnection, records: str) -> dict[str, int]:
        counts = dict(engine.execute(f"SELECT __path, count(*) FROM {records} GROUP BY __path").fetchall())
        return {file.load_id: counts.get(str(file.path), 0) for file in self.files}

    def value_counts(self, engine: duckdb.DuckDBPyConnection) -> tuple[int, int]:
        """Return how many records have a value that does not fit, and how many values of the others were rounded."""
        bad, rounded = self._projection.bad(), self._projection.rounded()
        counts = f"count(*) FILTER ({bad}), sum({rounded}) FILTER (NOT ({bad}))"
        found, lost = engine.execute(f"SELECT {counts} FROM {self.records()}").fetchall()[0]
        return int(found), int(lost or 0)

    def value_rejects(self, engine: duckdb.DuckDBPyConnection, limit: int) -> tuple[RejectedRow, ...]:
        """Return `limit` of the records with a value that does not fit; their lines are not known yet."""
        faults = self._projection.faults()
        cases = " ".join(f"WHEN {fault.condition} THEN {index}" for index, fault in enumerate(faults))
        width = len(self.binding.header)
        cells = ", ".join(f"c{position}" for position in range(len(self.binding.names)))
        bad = f"FROM {self.records()} WHERE {self._projection.bad()}"
        # In the file's order, so that the first are listed where not all are.
        engine.execute("SET preserve_insertion_order = true")
        try:
            found = engine.execute(f"SELECT load_id, CASE {cases} END, [{cells}] {bad} LIMIT {int(limit)}")
            listed = within_room(found, lambda row: sum(len(cell or "") + CELL_CHARACTERS for cell in row[2]))
        finally:
            engine.execute("SET preserve_insertion_order = false")
        rows = []
        for load_id, index, values in listed:
            fault = faults[index]
            raw = values[fault.position] if fault.position is not None else None
            reason = f"{fault.column} {fault.reason or 'is empty, but is required'}."
            if self.binding.unpivoted:  # a record of the file is several here, each by the name of its column
                reason = f"{values[width]!r}: {reason}"
            rows.append(RejectedRow(load_id, None, fault.column, raw, tuple(values[:width]), reason))
        return tuple(rows)

    def time_forms(self, engine: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
        """Return how the times of the one file are written; see `time_forms.decided_forms`.

        Raises:
            Poison: cells may be read in two ways, and nothing in the file decides which.
        """
        return decided_forms(self._projection, self.reader(), engine)
