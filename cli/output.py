"""Result sets for people and for programs: a table, JSON, CSV, Arrow or Parquet."""

import csv
import datetime as dt
import json
import math
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from billstream.common.errors import Fatal

WIDE = 10_000
"""Columns of an output that is no terminal: whoever reads it later folds it, or greps it line by line."""


def console() -> Console:
    """Standard output for people: as wide as the terminal; never folded into a file or a pipe."""
    return Console(soft_wrap=True, highlight=False, emoji=False, width=None if sys.stdout.isatty() else WIDE)


class Format(StrEnum):
    """How a result set is written to standard output."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    ARROW = "arrow"
    PARQUET = "parquet"


def write_result(result: pa.Table, form: Format) -> None:
    """Write a result set to standard output.

    Decimals keep every digit they have: in JSON they are strings, as a JSON number is a float to most readers.

    Raises:
        Fatal: a binary format would go to a terminal.
    """
    if form in {Format.ARROW, Format.PARQUET}:
        _write_binary(result, form)
    elif form is Format.JSON:
        names = _unique(result.column_names)
        rows = [dict(zip(names, map(_plain, row), strict=True)) for row in _rows(result)]
        json.dump(rows, sys.stdout, ensure_ascii=False, indent=1)
        sys.stdout.write("\n")
    elif form is Format.CSV:
        _write_csv(result, sys.stdout)
    else:
        _write_table(result)


def _write_binary(result: pa.Table, form: Format) -> None:
    if sys.stdout.isatty():
        raise Fatal(f"--format {form.value} writes bytes: redirect standard output to a file.")
    sink = pa.BufferOutputStream()
    if form is Format.PARQUET:
        pq.write_table(result, sink)
    else:
        with pa.ipc.new_stream(sink, result.schema) as stream:
            stream.write_table(result)
    sys.stdout.buffer.write(sink.getvalue())


def _write_csv(result: pa.Table, target: TextIO) -> None:
    """Every cell to the letter, for programs: what a spreadsheet would take for a formula is not defused.

    An apostrophe before it would change values such as -1.5, and whoever reads the file back could not tell.
    """
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(result.column_names)
    for row in _rows(result):
        writer.writerow(["" if cell is None else _text(cell) for cell in row])


def _write_table(result: pa.Table) -> None:
    table = Table(show_lines=False, header_style="bold")
    for field in result.schema:
        number = pa.types.is_decimal(field.type) or pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
        table.add_column(shown(field.name), justify="right" if number else "left", overflow="fold")
    for row in _rows(result):
        table.add_row(*("" if cell is None else shown(_text(cell)) for cell in row))
    console().print(table)


def _rows(result: pa.Table) -> Iterator[tuple[Any, ...]]:
    """The cells of each row by position: two columns may have one name."""
    yield from zip(*(column.to_pylist(maps_as_pydicts="strict") for column in result.columns), strict=True)


def _unique(names: Sequence[str]) -> list[str]:
    """The names, each repeated one with its number."""
    found: dict[str, None] = {}
    for number, name in enumerate(names, 1):
        new = name
        while new in found:
            new = f"{new}_{number}"
        found[new] = None
    return list(found)


def shown(text: str) -> Text:
    """A text of a stranger, for a cell or lines of its own: no markup, nothing that a terminal takes for a command."""
    return Text(_lines(text))


def marked(text: str) -> str:
    """A text of a stranger, where markup is read: taken literally, and nothing that a terminal takes for a command."""
    return escape(_lines(text))


def _lines(text: str) -> str:
    return "\n".join(printable(line, None) for line in text.split("\n"))


def printable(text: str | None, longest: int | None = 500) -> str:
    """A text of a stranger as one line that a terminal cannot take for a command; long ones are cut."""
    text = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text or "")
    return text if longest is None or len(text) <= longest else f"{text[: longest - 1]}…"


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever DuckDB has
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no word for it
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _text(value: Any) -> str:  # noqa: ANN401
    plain = _plain(value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def decimal_text(value: Decimal) -> str:
    """Every digit, no exponent, no zeros behind the last digit that counts."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
