"""The header of a plain text file: its delimiter, its column names, and where it stands."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from billstream.common.errors import Poison

HEADER_BYTES = 1024 * 1024
MAX_COLUMNS = 4096
DELIMITERS = (b",", b";", b"\t", b"|")
PREAMBLE_LINES = 100
PREAMBLE_BYTES = 64 * 1024
_CHUNK = 1024 * 1024
_MARK = b"\xef\xbb\xbf"
_QUOTED = re.compile(rb'"[^"]*"')
_QUOTED_OR_END = re.compile(rb'"[^"]*"|\r\n?|\n')
_LINE_END = re.compile(rb"\r\n?|\n")
_VALUE = re.compile(r"[\W_]*[0-9][0-9\W_TZ]*")  # a number, an amount, a date or a time
_REMEDY = "No row of the file is loaded: upload it again with its header."


class EmptyLine(Poison):
    """The line has nothing but blanks and delimiters."""


@dataclass(frozen=True)
class Header:
    """The delimiter of a file and the names of its columns.

    `line` is where the header begins, 1-based; `start` and `end` are the offsets of its first byte and of the first
    byte behind its line.
    """

    delimiter: str
    names: tuple[str, ...]
    line: int = 1
    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)


def read_header(path: Path) -> Header | None:
    """Return the first record of a plain UTF-8 file as its header, None when the file has nothing but blanks.

    Raises:
        Poison: the first record is no header.
    """
    head = _head(path)
    # A megabyte of blanks does not make a file empty: the rest is looked at, too.
    if not head.removeprefix(_MARK).strip() and _is_blank(path):
        return None
    return _header(head, 0, 1)


def later_headers(path: Path) -> Iterator[Header]:
    """Yield what may be the header of a file that begins with a title: the records that begin in its first lines.

    Lines 2 to `PREAMBLE_LINES`, as far as they begin in the first `PREAMBLE_BYTES`; lines that are blank or no records
    are left out.
    """
    head = _head(path)
    line_ends = _LINE_END.finditer(head, 0, PREAMBLE_BYTES)
    for line, end in zip(range(2, PREAMBLE_LINES + 1), line_ends, strict=False):
        try:
            yield _header(head, end.end(), line)
        except Poison:
            continue


def by_shape(lines: Sequence[Header]) -> Header | None:
    """Return the first line that has the shape of a header: labels, and below it records with as many cells.

    Four fifths of the lines below it, at least, have as many cells, and fewer than half of its own are numbers or
    dates. None where no line is such.

    Args:
        lines: the first lines of a file, as if each were its header.
    """
    found = []
    for index, line in enumerate(lines[:-1]):
        labels = [name for name in line.names if name]
        values = sum(bool(_VALUE.fullmatch(name)) for name in labels)
        # A label may have line ends in it, and what is behind one is no record.
        below = [other for other in lines[index + 1 :] if other.start >= line.end]
        alike = [other for other in below if len(other.names) == len(line.names)]
        if len(line.names) > 1 and values * 2 < len(labels) and alike and len(alike) * 5 >= 4 * len(below):
            # A label with a value beside it has fewer cells that are not empty than a record has.
            if len(labels) >= max(sum(map(bool, other.names)) for other in alike):
                return line
            found.append(line)
    return next(iter(found), None)


def preamble(path: Path, header: Header) -> list[str]:
    """Return the lines above a header that are not blank."""
    with path.open("rb") as stream:
        above = stream.read(min(header.start, PREAMBLE_BYTES)).removeprefix(_MARK)
    return [line for line in above.decode("utf-8", "ignore").splitlines() if line.strip()]


def first_record(head: bytes) -> bytes:
    """Return the first record of a text with its line end; line ends inside quotes are part of it."""
    for found in _QUOTED_OR_END.finditer(head):
        if not found[0].startswith(b'"'):
            return head[: found.end()]
    return head


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(HEADER_BYTES)


def _is_blank(path: Path) -> bool:
    with path.open("rb") as stream:
        start = stream.read(len(_MARK))
        if start.removeprefix(_MARK).strip():
            return False
        while chunk := stream.read(_CHUNK):
            if chunk.strip():
                return False
    return True


def _header(head: bytes, start: int, line: int) -> Header:
    """Return the record that begins at `start` as a header.

    Raises:
        Poison: it is no header: too long, too many columns, badly quoted, or empty.
    """
    record = first_record(head[start:])
    end = start + len(record)
    if len(head) == HEADER_BYTES and end == len(head) and record[-1:] not in (b"\n", b"\r"):
        raise Poison(f"Line {line} does not end within {HEADER_BYTES} bytes, so it is no header. {_REMEDY}")
    plain = record.removeprefix(_MARK) if start == 0 else record
    # The candidate that splits the record into most cells; the comma where none does, as it is the first.
    delimiter = max(DELIMITERS, key=_QUOTED.sub(b"", plain).count)
    if plain.count(delimiter) >= MAX_COLUMNS * 16:  # do not build what will be refused
        raise Poison(f"Line {line} has far more than {MAX_COLUMNS} columns, the most that are read. {_REMEDY}")
    text = plain.decode("utf-8", "ignore")
    try:
        cells = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter.decode(), strict=True))
    except (csv.Error, StopIteration) as error:
        raise Poison(f"Line {line} is no header: {error or 'it has no cells'}. {_REMEDY}") from error
    names = tuple(cell.strip() for cell in cells)
    if len(names) > MAX_COLUMNS:
        raise Poison(f"Line {line} has {len(names)} columns; at most {MAX_COLUMNS} are read. {_REMEDY}")
    if not any(names):
        raise EmptyLine(f"Line {line} is empty: a billing file begins with its header. {_REMEDY}")
    return Header(delimiter.decode(), names, line, start, end)
