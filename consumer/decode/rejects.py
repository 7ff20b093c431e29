"""Records that did not fit, and where in their file they stand."""

import csv
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from billstream.consumer.decode.tabular import Tabular

MAX_KEPT_CHARACTERS = 10_000
_CHUNK = 1024 * 1024
_LINE_ENDS = (b"\n", b"\r")


@dataclass(frozen=True)
class RejectedRow:
    """One record that did not fit.

    `line` is where it begins, 1-based, in the decompressed file; None where it was not found, as in Parquet. In an
    archive of several files it is a line of the file that the reason names.
    """

    load_id: str
    line: int | None
    column: str | None
    raw_value: str | None
    cells: tuple[str | None, ...]
    reason: str

    @property
    def raw_record(self) -> str:
        """The record as text, at most `MAX_KEPT_CHARACTERS` long."""
        return ",".join(cell or "" for cell in self.cells)[:MAX_KEPT_CHARACTERS]


@dataclass(frozen=True)
class Rejects:
    """The number of records that were rejected, and the first of them."""

    total: int = 0
    rows: tuple[RejectedRow, ...] = ()


def lines_of(path: Path, positions: Sequence[int]) -> list[int]:
    """Return the lines in which records begin, found by counting line ends in one pass over the file.

    Args:
        path: a plain text file.
        positions: 1-based positions of bytes, ascending, each the first of a record or a line end before it.
    """
    lines = []
    line, read = 1, 0
    with path.open("rb") as stream:
        for position in positions:
            while read < position - 1 and (chunk := stream.read(min(_CHUNK, position - 1 - read))):
                line += chunk.count(b"\n")
                read += len(chunk)
            # DuckDB may give the position of the line end that stands before the record.
            while (byte := stream.read(1)) in _LINE_ENDS:
                line += byte == b"\n"
                read += 1
            stream.seek(read)
            lines.append(line)
    return lines


def placed(file: Tabular, rows: Iterable[RejectedRow]) -> tuple[RejectedRow, ...]:
    """Return rows with the line of the file as it was uploaded, given those with a line of `file.path`."""
    found = []
    for row in rows:
        if row.line is None:
            found.append(row)
            continue
        line = row.line + file.first_line - 1
        part = next((part for part in reversed(file.text.parts) if part.line <= line), None)
        if part is None:
            found.append(replace(row, line=line))
        else:
            line += part.omitted - part.line + 1
            found.append(replace(row, line=line, reason=f"{part.name}: {row.reason}"))
    return tuple(found)


def locate(file: Tabular, rows: Sequence[RejectedRow]) -> tuple[RejectedRow, ...]:
    """Return rejected records with their lines, found by walking the file once.

    DuckDB decides which records are rejected; this only finds records with the same cells. Of records that are equal,
    any order is as good as another.
    """
    if not rows or file.text.parquet:
        return tuple(rows)
    nulls = set(file.binding.profile.values.nulls) if file.binding else set()
    wanted: dict[tuple[str | None, ...], deque[int]] = defaultdict(deque)
    for index, row in enumerate(rows):
        wanted[row.cells].append(index)
    lines: dict[int, int] = {}
    limit = csv.field_size_limit(1 << 27)
    try:
        with file.path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, delimiter=file.delimiter)
            line = 1
            for record in reader:
                cells = tuple(None if cell == "" or cell in nulls else cell for cell in record)
                if waiting := wanted.get(cells):
                    lines[waiting.popleft()] = line
                    if len(lines) == len(rows):
                        break
                line = reader.line_num + 1
    except csv.Error:
        pass  # a line number is a courtesy; the record is rejected with or without it
    finally:
        csv.field_size_limit(limit)  # the limit is one for the whole process
    return placed(file, [replace(row, line=lines.get(index)) for index, row in enumerate(rows)])
