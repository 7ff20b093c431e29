"""The records of a text one after the other, each with its cells, its line and the text that it is written in."""

import csv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from billstream.consumer.decode.tabular import Tabular

if TYPE_CHECKING:
    from _csv import Reader

MAX_RECORD_CHARACTERS = 2_000_000
"""The longest record that is looked at; DuckDB's reader takes no longer one."""


@dataclass(frozen=True)
class Walked:
    """One record, the header included.

    `line` is where it begins in the text that is read, from 1. An empty cell, and one that means no value, is None; a
    record that lacks cells at its end has None there, unless it is a blank line. `text` has no line end; it is empty
    where it was not asked for.
    """

    line: int
    cells: tuple[str | None, ...]
    text: str


def walked(file: Tabular, *, texts: bool = False) -> Iterator[Walked]:
    """Yield every record of a text. DuckDB decides what is in them; this only finds them."""
    nulls, width = nulls_of(file), width_of(file)
    lines = list[str]()
    with records_of(file, strict=False, lines=lines if texts else None) as reader:
        while True:
            line = reader.line_num + 1
            try:
                record = next(reader)
            except StopIteration:
                return
            except csv.Error:  # a line number is a courtesy; the record is what it is with or without it
                record = []
            cells = tuple(None if cell == "" or cell in nulls else cell for cell in record)
            # A record that lacks cells is a row only where the profile lets it have empty ones; a blank line is none.
            cells += (None,) * (width - len(cells) if record else 0)
            yield Walked(line, cells, "".join(lines).rstrip("\r\n"))
            lines.clear()


def place_of(file: Tabular, line: int) -> tuple[str | None, int]:
    """Return where a line of `file.path` is in the file as it was uploaded: the file of an archive, and its line."""
    line += file.first_line - 1
    part = next((part for part in reversed(file.text.parts) if part.line <= line), None)
    return (part.name, line + part.omitted - part.line + 1) if part else (None, line)


@contextmanager
def records_of(file: Tabular, *, strict: bool, lines: list[str] | None = None) -> Iterator["Reader"]:
    """Provide a reader of a text's records, header included; it appends each line that it takes to `lines`."""

    def kept(stream: Iterable[str], lines: list[str]) -> Iterator[str]:
        for line in stream:
            lines.append(line)
            yield line

    limit = csv.field_size_limit(MAX_RECORD_CHARACTERS)
    try:
        with file.path.open(encoding="utf-8-sig", newline="") as stream:
            source = stream if lines is None else kept(stream, lines)
            yield csv.reader(source, delimiter=file.delimiter, strict=strict)
    finally:
        csv.field_size_limit(limit)  # the limit is one for the whole process


def width_of(file: Tabular) -> int:
    """Return the number of columns of the header."""
    return len(file.header_binding.header)


def nulls_of(file: Tabular) -> set[str]:
    """Return the cells that mean no value, besides the empty one."""
    return set(file.binding.profile.values.nulls) if file.binding else set()
