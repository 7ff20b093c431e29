"""Records that did not fit, and where in their file they stand."""

import csv
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from billstream.consumer.decode.tabular import Tabular

MAX_KEPT_CHARACTERS = 10_000
_CHUNK = 1024 * 1024
_LINE_ENDS = (b"\n", b"\r")


@dataclass(frozen=True)
class RejectedRow:
    """One record that did not fit.

    `line` is where it begins, 1-based, in the decompressed file; None where it was not found, as in Parquet. In an
    archive of several files it is a line of the one that the reason names.
    """

    load_id: str
    line: int | None
    column: str | None
    raw_value: str | None
    cells: tuple[str | None, ...]
    reason: str

    @property
    def raw_record(self) -> str:
        """The record as text, cut to a bound."""
        return ",".join(cell or "" for cell in self.cells)[:MAX_KEPT_CHARACTERS]


@dataclass(frozen=True)
class Rejects:
    """How many records were rejected, and the first of them."""

    total: int = 0
    rows: tuple[RejectedRow, ...] = ()


def lines_of(path: Path, positions: Sequence[int]) -> list[int]:
    """The lines in which records begin, found by counting line ends in one pass over the file.

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
            while (byte := stream.read(1)) in _LINE_ENDS:
                line += byte == b"\n"
                read += 1
            stream.seek(read)
            lines.append(line)
    return lines


def placed(file: "Tabular", rows: Iterable[RejectedRow]) -> tuple[RejectedRow, ...]:
    """Rows with a line of the records, with the line of the file as it was uploaded."""
    return tuple(row if row.line is None else _in_upload(file, row, row.line + file.first_line - 1) for row in rows)


def _in_upload(file: "Tabular", row: RejectedRow, line: int) -> RejectedRow:
    part = next((part for part in reversed(file.text.parts) if part.line <= line), None)
    if part is None:
        return replace(row, line=line)
    return replace(row, line=line - part.line + part.omitted + 1, reason=f"{part.name}: {row.reason}")


def locate(file: "Tabular", rows: Sequence[RejectedRow]) -> tuple[RejectedRow, ...]:
    """Find the lines of rejected records by walking the file once.

    DuckDB decides which records are rejected, this only says where they stand: it looks for records with the
    same cells. Of records that are equal, any order is as good as another.
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
        csv.field_size_limit(limit)
    return placed(file, [replace(row, line=lines.get(index)) for index, row in enumerate(rows)])
