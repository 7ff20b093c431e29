"""The SQL over files that are written alike."""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from billstream.common.lake.catalog import literal
from billstream.consumer.decode.parquet import Layout
from billstream.consumer.decode.projection import BAD_MARK, Fault, Projection
from billstream.consumer.decode.rejects import RejectedRow, Rejects, lines_of, placed
from billstream.consumer.decode.tabular import Tabular

MAX_RECORD_BYTES = 2_000_000


def likeness(file: Tabular) -> tuple[str, str, tuple[str, ...], tuple[str, ...]]:
    """Files of equal likeness can be read in one scan."""
    binding, layout = file.header_binding, file.text.parquet
    types = (*layout.types, str(layout.binary_as_text)) if layout else ()
    return (binding.profile.name, file.delimiter, binding.header, types)


def path_list(paths: Sequence[str]) -> str:
    """Texts as an SQL list of literals."""
    return "[" + ", ".join(literal(path) for path in paths) + "]"


@dataclass
class Scan:
    """The SQL over files that are written alike: same header, same profile, same delimiter.

    `forms` are how their times are written; see `consumer.decode.times`.
    """

    files: Sequence[Tabular]
    types: dict[str, str]
    number: int
    exact: bool = True
    forms: tuple[str, ...] = ("iso",)

    def __post_init__(self) -> None:
        self.binding = self.files[0].header_binding
        self._projection = Projection(self.binding, self.types, exact=self.exact, forms=self.forms)

    def time_cells(self) -> list[str]:
        """The names of the cells that are read as times."""
        return self._projection.time_cells

    def marked_rows(self) -> str:
        """Every record that is one, under its load id; a record that does not fit, under its marked load id."""
        load_id = f"CASE WHEN {self._projection.bad()} THEN {literal(BAD_MARK)} || load_id ELSE load_id END AS load_id"
        return f"SELECT {load_id}, {self._columns()} FROM {self.records()}"

    def good_rows(self) -> str:
        """The records that fit."""
        return f"SELECT load_id, {self._columns()} FROM {self.records()} WHERE NOT ({self._projection.bad()})"

    def another_kind(self, engine: duckdb.DuckDBPyConnection) -> str | None:
        """Why the file is of another kind than its profile is for, None when no record says so."""
        for fault in self._projection.faults():
            if not fault.of_the_file:
                continue
            found = engine.execute(f"SELECT c{fault.position} FROM {self.reader()} WHERE {fault.condition} LIMIT 1")
            if row := found.fetchone():
                return f"{self.binding.header[fault.position or 0]} is {row[0]!r} in a record: {fault.reason}"
        return None

    def values_rounded(self, engine: duckdb.DuckDBPyConnection) -> int:
        """How many values of the records that fit were rounded."""
        row = engine.execute(
            f"SELECT sum({self._projection.rounded()}) FROM {self.records()} WHERE NOT ({self._projection.bad()})"
        ).fetchone()
        return int(row[0] or 0) if row else 0

    def value_rejects(self, engine: duckdb.DuckDBPyConnection, limit: int) -> Rejects:
        """The records with a value that does not fit, `limit` of them listed; their lines are not known yet."""
        faults = self._projection.faults()
        cases = " ".join(f"WHEN {fault.condition} THEN {index}" for index, fault in enumerate(faults))
        cells = ", ".join(self._projection.cells)
        bad = f"FROM {self.records()} WHERE {self._projection.bad()}"
        total = engine.execute(f"SELECT count(*) {bad}").fetchone()
        found = engine.execute(f"SELECT load_id, CASE {cases} END, [{cells}] {bad} LIMIT {int(limit)}").fetchall()
        rows = [self._rejected(load_id, faults[fault], values) for load_id, fault, values in found]
        return Rejects(int(total[0]) if total else 0, tuple(rows))

    def _rejected(self, load_id: str, fault: Fault, values: Sequence[str | None]) -> RejectedRow:
        raw = values[fault.position] if fault.position is not None else None
        reason = fault.reason or "is empty, but is required"
        return RejectedRow(load_id, None, fault.column, raw, tuple(values), f"{fault.column} {reason}.")

    def forget_rejects(self, engine: duckdb.DuckDBPyConnection) -> None:
        """Empty what earlier scans of this number have left; DuckDB appends."""
        for table in (f"rejected_{self.number}", f"scanned_{self.number}"):
            engine.execute(f"DROP TABLE IF EXISTS temp.{table}")

    def structural_rejects(self, engine: duckdb.DuckDBPyConnection, limit: int) -> dict[str, Rejects]:
        """By load, the records that could not be split into the header's columns; `limit` of each listed.

        Speaks of the rows that were read since `forget_rejects`. What DuckDB calls a line is the number of the
        record: the line is found by the record's position.
        """
        if self.files[0].text.parquet:  # a row of Parquet always has its columns
            return {}
        files = {str(file.path): file for file in self.files}
        records = (
            "SELECT file_path, min(line_byte_position) AS position, arg_max(csv_line, length(csv_line)) AS record, "
            "arg_min(error_message, line_byte_position) AS reason "
            f"FROM temp.rejected_{self.number} JOIN temp.scanned_{self.number} USING (scan_id, file_id) "
            "GROUP BY file_path, line"
        )
        totals = engine.execute(f"SELECT file_path, count(*) FROM ({records}) GROUP BY file_path").fetchall()
        rejects = {}
        for path, total in totals:
            listed = engine.execute(
                f"SELECT position, record, reason FROM ({records}) WHERE file_path = ? ORDER BY position LIMIT ?",
                [path, limit],
            ).fetchall()
            lines = lines_of(files[path].path, [position for position, _, _ in listed])
            load_id = files[path].load_id
            rows = (
                RejectedRow(load_id, line, None, None, ((record or "").strip("\r\n"),), str(reason))
                for line, (_, record, reason) in zip(lines, listed, strict=True)
            )
            rejects[load_id] = Rejects(total, placed(files[path], rows))
        return rejects

    def _columns(self) -> str:
        return ", ".join(self._projection.columns)

    def records(self) -> str:
        """The files' records: their cells as text, their typed columns, and the load id of the file each comes from."""
        projection = self._projection
        loads = ", ".join(f"({literal(str(file.path))}, {literal(file.load_id)})" for file in self.files)
        return (
            f"(SELECT *, {projection.rescued()} AS rescued FROM "
            f"(SELECT *, {projection.typed_columns()} FROM {projection.with_operands(self.reader())} AS record "
            f"JOIN (VALUES {loads}) AS load(path, load_id) ON record.__path = load.path))"
        )

    def reader(self) -> str:
        """The files' records, as text."""
        nulls = ["", *self.binding.profile.values.nulls]
        layout = self.files[0].text.parquet
        paths = path_list([str(file.path) for file in self.files])
        return self._csv(paths, nulls) if layout is None else self._parquet(paths, nulls, layout)

    def _csv(self, paths: str, nulls: Sequence[str]) -> str:
        columns = ", ".join(f"'{cell}': 'VARCHAR'" for cell in self._projection.cells)
        return (
            f"read_csv({paths}, columns = {{{columns}}}, "
            f"auto_detect = false, header = true, delim = {literal(self.files[0].delimiter)}, "
            "quote = '\"', escape = '\"', strict_mode = true, "
            f"nullstr = {path_list(nulls)}, filename = '__path', hive_partitioning = false, "
            f"max_line_size = {MAX_RECORD_BYTES}, "
            # Not `ignore_errors`: it drops good records that stand behind a bad one.
            "store_rejects = true, rejects_limit = 0, "
            f"rejects_table = 'rejected_{self.number}', rejects_scan = 'scanned_{self.number}')"
        )

    def _parquet(self, paths: str, nulls: Sequence[str], layout: Layout) -> str:
        """The cells as the texts that a CSV file would have; the columns are named by position."""
        cells = self._projection.cells
        path = "__path"
        while path in {name.casefold() for name in layout.names}:
            path += "_"
        none = ", ".join(literal(null) for null in nulls)
        texts = ", ".join(
            f"to_json({cell})::VARCHAR AS {cell}"
            if nested
            else f"CASE WHEN {cell}::VARCHAR NOT IN ({none}) THEN {cell}::VARCHAR END AS {cell}"
            for cell, nested in zip(cells, layout.nested, strict=True)
        )
        return (
            f"(SELECT {texts}, __path FROM read_parquet({paths}, filename = {literal(path)}, "
            f"hive_partitioning = false, binary_as_string = {str(layout.binary_as_text).lower()}) "
            f"AS file({', '.join(cells)}, __path))"
        )
