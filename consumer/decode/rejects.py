"""Records that did not fit, and where in their file they stand."""

import csv
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from billstream.common.errors import Poison
from billstream.common.scratch import needing_room
from billstream.consumer.decode.tabular import Tabular
from billstream.consumer.decode.walk import (
    MAX_RECORD_CHARACTERS,
    nulls_of,
    place_of,
    records_of,
    walked,
    width_of,
)

if TYPE_CHECKING:
    import duckdb

MAX_KEPT_CHARACTERS = 10_000
MAX_LISTED = 10_000
"""So many rejected records of one file are listed; all are counted."""

LISTED_OF_REFUSED = 100
REFUSED_ABOVE = 10_000
REFUSED_SHARE = 0.5
"""A file with more rejected records than `REFUSED_ABOVE`, and more than this share of all, is another kind of file."""

MAX_COUNTED = 20_000_000
"""So many records of a text are looked at before the share of the malformed ones decides about it: some seconds."""

MAX_EMPTY_LINES = 10_000_000

CELL_CHARACTERS = 16
"""The room that a cell takes beside its characters, roughly."""

ROOM = 16 * 1024 * 1024
"""The characters of one list."""
_AT_ONCE = 64
_SLICE = 1_000_000
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
    """The number of records that were rejected, and the first of them.

    `short` of them only lack cells at their end; `left_out` were not rejected, as they are no charges.
    """

    total: int = 0
    rows: tuple[RejectedRow, ...] = ()
    short: int = 0
    left_out: int = 0


def refusal(rejected: int, loaded: int, *, at_least: bool = False) -> str | None:
    """Return why a file with so many rejected records is not loaded; None if it is.

    Args:
        rejected: the number of rejected records.
        loaded: the number of the others.
        at_least: some of the others may be rejected, too.
    """
    if rejected <= REFUSED_ABOVE or rejected <= REFUSED_SHARE * (rejected + loaded):
        return None
    prefix = "At least " if at_least or rejected + loaded >= MAX_COUNTED else ""
    return (
        f"{prefix}{rejected:,} of {rejected + loaded:,} records do not fit. No row is loaded, as a file with more "
        f"than {REFUSED_ABOVE:,} such records, and more than {REFUSED_SHARE:.0%} of all, is of another kind. The first "
        f"{LISTED_OF_REFUSED} are listed in quarantined_rows: repair the file, or its export, and upload it again."
    )


def within_room(found: "duckdb.DuckDBPyConnection", size: Callable[[tuple[Any, ...]], int]) -> list[tuple[Any, ...]]:
    """Return the first rows of a result, as many as fit into a list of bounded size.

    Args:
        found: has the result.
        size: the number of characters of one row.
    """
    rows, room = list[tuple[Any, ...]](), ROOM
    while room > 0 and (some := found.fetchmany(_AT_ONCE)):
        for row in some:
            room -= size(row)
            if room < 0 and rows:
                break
            rows.append(row)
    return rows


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
        part, line = place_of(file, row.line) if row.line is not None else (None, None)
        found.append(replace(row, line=line, reason=f"{part}: {row.reason}" if part else row.reason))
    return tuple(found)


def locate(file: Tabular, rows: Sequence[RejectedRow]) -> tuple[RejectedRow, ...]:
    """Return rejected records with their lines, found by walking the file once.

    DuckDB decides which records are rejected; this only finds records with the same cells. Of records that are equal,
    any order is as good as another. A record of the file that became several may be rejected for several reasons.
    """
    if not rows or file.text.parquet:
        return tuple(rows)
    wanted: dict[tuple[str | None, ...], dict[str, deque[int]]] = defaultdict(dict)
    for index, row in enumerate(rows):
        wanted[row.cells].setdefault(row.reason, deque()).append(index)
    lines: dict[int, int] = {}
    for record in walked(file):
        for waiting in wanted.get(record.cells, {}).values():
            if waiting:
                lines[waiting.popleft()] = record.line
        if len(lines) == len(rows):
            break
    return placed(file, [replace(row, line=lines.get(index)) for index, row in enumerate(rows)])


def without_malformed(file: Tabular, read: int) -> tuple[Tabular, Rejects, int]:
    """Copy a text without the records that do not split into the header's columns.

    For files that have many: DuckDB lists one in the time in which this reads dozens. Their lines are left empty in
    the copy, so that all others keep their numbers.

    Args:
        file: a text with a header of several columns.
        read: so many records DuckDB can read, at least.

    Returns:
        The file with the copy, the records left out, and the number of the others. Of a file that is refused there is
        no copy, and the list is short.

    Raises:
        Poison: the text is made of empty lines.
    """
    malformed, good, short = _counted(file, read)
    if refusal(malformed, good):
        _, _, rows = _left_out(file, None, LISTED_OF_REFUSED)
        return file, Rejects(malformed, rows, short), good
    target = file.path.with_name(f"{file.load_id}.split")
    with needing_room("decoding files"), target.open("w", encoding="utf-8", newline="") as copy:
        malformed, good, rows = _left_out(file, copy, MAX_LISTED)
    return replace(file, records=target), Rejects(malformed, rows, short), good


def _counted(file: Tabular, read: int) -> tuple[int, int, int]:
    """Return how many records of a text do not split into the header's columns, how many do, and how many are short."""
    errors, widths = 0, Counter[int]()
    with records_of(file, strict=True) as reader:
        next(reader, None)
        while (before := errors + widths.total()) < MAX_COUNTED:
            try:
                widths.update(map(len, islice(reader, _SLICE)))  # a counter keeps what it has counted before an error
            except csv.Error:
                errors += 1
            if errors + widths.total() == before:
                break
    if widths.pop(0, 0) > MAX_EMPTY_LINES:
        raise Poison(
            f"The file has more than {MAX_EMPTY_LINES:,} empty lines. No row is loaded: upload it without them."
        )
    # DuckDB takes a record with one cell too many if that cell is empty.
    good = max(sum(count for width, count in widths.items() if _has_room(file, width)), read)
    short = sum(count for width, count in widths.items() if width < width_of(file) and not _has_room(file, width))
    return max(errors + widths.total() - good, 0), good, short


def _left_out(file: Tabular, copy: IO[str] | None, limit: int) -> tuple[int, int, tuple[RejectedRow, ...]]:
    """Write a text without its malformed records; return their number, that of the others, and the first of them."""
    width, nulls = width_of(file), nulls_of(file) | {""}
    total, good, room, rows, lines = 0, -1, ROOM, list[RejectedRow](), list[str]()
    with records_of(file, strict=True, lines=lines) as reader:
        while copy or len(rows) < limit:
            line, record, reason = reader.line_num + 1, list[str](), ""
            try:
                record = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                reason = f"The record is not quoted well, or is too long: {error}"
            if record and not _has_room(file, len(record)) and not (len(record) == width + 1 and record[-1] in nulls):
                reason = f"Expected Number of Columns: {width} Found: {len(record)}"
            text = "".join(lines)
            if len(text) > MAX_RECORD_CHARACTERS:
                reason = f"The record has {len(text):,} characters; at most {MAX_RECORD_CHARACTERS:,} are read."
            if copy:
                copy.write("\n" * len(lines) if reason else text)
            lines.clear()
            good += bool(record) and not reason
            if reason:
                total += 1
                room -= min(len(text), MAX_KEPT_CHARACTERS)
                if len(rows) < limit and room > 0:
                    cells = (text[:MAX_KEPT_CHARACTERS].strip("\r\n"),)
                    rows.append(RejectedRow(file.load_id, line, None, None, cells, reason))
    return total, good, placed(file, rows)


def _has_room(file: Tabular, cells: int) -> bool:
    """Return whether a record of so many cells has one for each column, perhaps with empty ones behind them."""
    width = width_of(file)
    return cells == width or (cells < width and file.header_binding.profile.records.short_rows == "pad")
