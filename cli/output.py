"""Results for people and for programs: a table, JSON, CSV, Arrow or Parquet."""

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from billstream.cli.terminal import ELLIPSIS, Format, console, plain, printable, shown
from billstream.common.errors import WrongUsage

MIN_WIDTH = 8  # characters of a column, however narrow the terminal is


def write_result(result: pa.Table, form: Format) -> None:
    """Write a result to standard output.

    Decimals keep every digit: in JSON they are strings, because most readers take a JSON number for a float; in CSV
    they also keep the zeros of their scale.

    Raises:
        Fatal: a binary format would go to a terminal.
    """
    if form in {Format.ARROW, Format.PARQUET}:
        _write_binary(result, form)
    elif form is Format.JSON:
        names = _unique(result.column_names)
        rows = [dict(zip(names, map(plain, row), strict=True)) for row in _rows(result)]
        json.dump(rows, sys.stdout, ensure_ascii=False, indent=1)
        sys.stdout.write("\n")
    elif form is Format.CSV:
        _write_csv(result)
    else:
        _write_table(result)


def _write_binary(result: pa.Table, form: Format) -> None:
    if sys.stdout.isatty():
        raise WrongUsage(f"--format {form.value} writes bytes: redirect standard output to a file.")
    sink = pa.BufferOutputStream()
    if form is Format.PARQUET:
        pq.write_table(result, sink)
    else:
        with pa.ipc.new_stream(sink, result.schema) as stream:
            stream.write_table(result)
    sys.stdout.buffer.write(sink.getvalue())


def _write_csv(result: pa.Table) -> None:
    """Write every cell to the letter, for programs.

    Formulas of spreadsheets are not defused: an apostrophe in front would change values such as -1.5.
    """
    # Arrow's writer turns small decimals into 1E-18 and knows no maps; DuckDB's has no JSON in cells and no RFC 3339.
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(result.column_names)
    for row in _rows(result):
        writer.writerow([_csv_cell(cell) for cell in row])


def _csv_cell(value: Any) -> str:  # noqa: ANN401 - whatever DuckDB has
    if value is None:
        return ""
    return f"{value:f}" if isinstance(value, Decimal) else _text(value)


# -- a table -------------------------------------------------------------------------------------------------


def _write_table(result: pa.Table) -> None:
    """Show a result on a terminal of any width: columns that do not fit are elided in the middle and counted."""
    out = console(as_wide_as_asked=True)
    cells = [["" if cell is None else _text(cell) for cell in row] for row in _rows(result)]
    names = [printable(name, None) for name in result.column_names]
    columns, widest = _fitting(names, cells, out.width)
    if None in columns and len(cells) == 1:
        # One record that is too wide: one value a line shows all of it.
        _write_record(out, names, cells[0])
        return
    table = Table(show_lines=False, header_style="bold")
    for column in columns:
        if column is None:
            table.add_column(ELLIPSIS)
            continue
        kind = result.schema.field(column).type
        number = pa.types.is_decimal(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)
        justify: Literal["right", "left"] = "right" if number else "left"
        table.add_column(shown(names[column]), justify=justify, overflow="fold", max_width=widest)
    for row in cells:
        table.add_row(*(ELLIPSIS if column is None else shown(row[column]) for column in columns))
    out.print(table)
    if None in columns:
        out.print(f"{len(names):,} columns ({len(columns) - 1:,} shown)")


def _write_record(out: Console, names: Sequence[str], cells: Sequence[str]) -> None:
    record = Table(show_header=False, box=None, pad_edge=False)
    record.add_column(style="bold", no_wrap=True)
    record.add_column(overflow="fold")
    for name, cell in zip(names, cells, strict=True):
        record.add_row(shown(name), shown(cell))
    out.print(record)


def _fitting(names: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> tuple[list[int | None], int | None]:
    """Choose the columns that fit into `width` characters, as many from the left as from the right.

    Returns:
        Their positions, with None for the elided ones; and the widest that a column may be, None for any width.
    """
    wanted = [
        max([len(name), *(len(line) for row in rows for line in row[position].split("\n"))])
        for position, name in enumerate(names)
    ]
    # A border and two blanks for each column, and the last border. A single column always fits: its cells fold.
    if len(names) <= 1 or sum(wanted) + 3 * len(names) + 1 <= width:
        return list(range(len(names))), None
    # Four columns side by side tell more than one in full: wider cells fold.
    widest = max(MIN_WIDTH, width // 4 - 4)
    room, first, last = width - 5, 0, len(names)  # beside the last border and the column of the ellipsis
    while first < last:
        from_left = first <= len(names) - last
        room -= 3 + min(widest, wanted[first if from_left else last - 1])
        if room < 0 and first > 0:
            break
        first, last = (first + 1, last) if from_left else (first, last - 1)
    chosen = [*range(first), *range(last, len(names))]
    # What is left of the room goes to the wide ones.
    room = width - 1 - 3 * len(chosen) - (4 if first < last else 0)
    wide = max(wanted[column] for column in chosen)
    while widest < wide and sum(min(widest + 1, wanted[column]) for column in chosen) <= room:
        widest += 1
    return [*range(first), *([None] if first < last else []), *range(last, len(names))], widest


def _rows(result: pa.Table) -> Iterator[tuple[Any, ...]]:
    """Yield the cells of each row by position: two columns may have the same name."""
    yield from zip(*(column.to_pylist(maps_as_pydicts="strict") for column in result.columns), strict=True)


def _unique(names: Sequence[str]) -> list[str]:
    """Return the names, each repeated one with its number."""
    found: dict[str, None] = {}
    for number, name in enumerate(names, 1):
        new = name
        while new in found:
            new = f"{new}_{number}"
        found[new] = None
    return list(found)


def _text(value: Any) -> str:  # noqa: ANN401
    one = plain(value)
    return one if isinstance(one, str) else json.dumps(one, ensure_ascii=False)
