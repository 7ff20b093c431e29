"""The first record of a plain text file: its delimiter and its column names."""

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

from common.errors import Poison

HEADER_BYTES = 1024 * 1024
MAX_COLUMNS = 4096
DELIMITERS = (",", ";", "\t", "|")
_QUOTED = re.compile(r'"[^"]*"')
_LINE_END = re.compile(r"[\r\n]")


@dataclass(frozen=True)
class Header:
    """How the records of a file are split, and what the columns are called."""

    delimiter: str
    names: tuple[str, ...]


def read_header(path: Path) -> Header | None:
    """The header of a plain UTF-8 file, None when the file has no bytes.

    Raises:
        Poison: the first record is no header.
    """
    with path.open("rb") as stream:
        head = stream.read(HEADER_BYTES)
    # The cut may have gone through a character; the header ends long before it, or is refused.
    text = head.decode("utf-8-sig", "ignore")
    if not text:
        return None
    unquoted = _QUOTED.sub("", text)
    if len(head) == HEADER_BYTES and not _LINE_END.search(unquoted):
        raise Poison(f"Line 1 does not end within {HEADER_BYTES} bytes: this is no header.")
    delimiter = _delimiter(unquoted)
    return Header(delimiter, _names(text, delimiter))


def _delimiter(unquoted: str) -> str:
    """The candidate that splits the first line into most parts; the comma where none does."""
    line = _LINE_END.split(unquoted, maxsplit=1)[0]
    return max(DELIMITERS, key=line.count)


def _names(text: str, delimiter: str) -> tuple[str, ...]:
    try:
        record = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except (csv.Error, StopIteration) as error:
        raise Poison(f"Line 1 is no header: {error}.") from error
    names = tuple(name.strip() for name in record)
    if len(names) > MAX_COLUMNS:
        raise Poison(f"Line 1 has {len(names)} columns; at most {MAX_COLUMNS} are read.")
    if not any(names):
        raise Poison("Line 1 is empty: a billing file begins with its header.")
    return names
