"""One file, opened as far as it can be without reading its records: its header, its profile, where its records end."""

import csv
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import structlog

from billstream.common.errors import Poison
from billstream.common.lake.tables import CHARGES, Table
from billstream.consumer.decode.header import EmptyLine, Header, by_shape, later_headers, preamble, read_header
from billstream.consumer.decode.plain.plaintext import PlainText
from billstream.consumer.profiles import Binding, ProfileRegistry
from billstream.consumer.profiles.origin import Origin, origin_of

_LINE_END = re.compile(rb"\r\n|\r|\n")

log = structlog.get_logger(__name__)

TAIL_BYTES = 64 * 1024
"""So many bytes at the end of a file are searched for footers."""

_CHUNK = 1024 * 1024
_UNKNOWN = Origin()


@dataclass(frozen=True)
class Tabular:
    """A file whose profile is known; `binding` is None for a file that is empty.

    `records` is a copy that begins with the header and ends with the last record, where the text itself does not;
    its first line is line `first_line` of the text.
    """

    load_id: str
    text: PlainText
    delimiter: str
    binding: Binding | None
    records: Path | None = None
    first_line: int = 1
    origin: Origin = _UNKNOWN

    @property
    def header_binding(self) -> Binding:
        """The binding of a file that has a header.

        Raises:
            ValueError: the file is empty, so there is nothing in it to scan.
        """
        if self.binding is None:
            raise ValueError("a file without a header is not scanned")
        return self.binding

    @property
    def path(self) -> Path:
        """The header and the records, on local disk."""
        return self.records or self.text.path

    @property
    def profile(self) -> str | None:
        """The name of the profile."""
        return self.binding.profile.name if self.binding else None

    @property
    def table(self) -> Table:
        """The table that the rows belong in."""
        return self.binding.profile.table if self.binding else CHARGES


def open_tabular(load_id: str, text: PlainText, profiles: ProfileRegistry, key: Origin | str = "") -> Tabular:
    """Find the header of `text` and its profile.

    The header is the first record of the file; where no profile fits it, the first of the records in the first lines
    that a profile fits. So a title above the header does no harm, and a row of values is never taken for a header.

    Args:
        load_id: the load that the file becomes.
        text: the file, made readable by `plain_text`.
        profiles: those to choose from.
        key: the object's key, or its origin, for profiles that ask for one.

    Raises:
        Poison: no profile fits, or there is no header.
    """
    origin = origin_of(key)
    return replace(_opened(load_id, text, profiles, origin), origin=origin)


def _opened(load_id: str, text: PlainText, profiles: ProfileRegistry, key: Origin) -> Tabular:
    bind = partial(_bound, profiles, key)
    if text.parquet is not None:
        binding = replace(profiles.bind(text.parquet.names, key), wholes=text.parquet.wholes)
        return Tabular(load_id, text, "", binding)
    try:
        header = read_header(text.path)
        if header is None:
            return Tabular(load_id, text, ",", None)
        binding = bind(header)
    except Poison as poison:
        # Perhaps a title stands above the header. If not, the reason is that of the likeliest header.
        header, binding = _below_titles(text.path, bind, poison)
    if header.line > 1:
        binding = binding.below(preamble(text.path, header), header.delimiter)
    footers: tuple[str, ...] = binding.profile.values.footers
    records = header_and_records(text.path, header, footers, text.spare)
    if header.line > 1:
        log.info("preamble_left_out", load_id=load_id, lines=header.line - 1)
    return Tabular(load_id, text, header.delimiter, binding, records, header.line)


class _Title(Poison):
    """A line with a single cell is no header, but most likely a title."""


def _bound(profiles: ProfileRegistry, key: Origin, header: Header) -> Binding:
    try:
        return profiles.bind(header.names, key)
    except Poison as poison:
        reason = f"Line {header.line}: {poison}"
        raise (Poison(reason) if len(header.names) > 1 else _Title(reason)) from poison


def _below_titles(path: Path, bind: Callable[[Header], Binding], first: Poison) -> tuple[Header, Binding]:
    """Return the header below the first line, with its binding.

    Raises:
        Poison: there is no header; the reason is about the line that has the shape of one, else about the first that
            is neither empty nor a title.
    """
    likeliest, seen, reasons = first, list[Header](), dict[int, Poison]()
    # A title is no reason to show: the line that looks like a header is what the uploader has to repair.
    for header in later_headers(path):
        try:
            return header, bind(header)
        except Poison as poison:
            seen.append(header)
            reasons[header.line] = poison
            if isinstance(likeliest, _Title | EmptyLine) and not isinstance(poison, _Title):
                likeliest = poison
    with suppress(Poison):
        seen = [*filter(None, [read_header(path)]), *seen]
    shaped = by_shape(seen)
    # Lines above a table have fewer cells than it; where the first has as many, it is what was meant as the header.
    if shaped and len(shaped.names) > len(seen[0].names):
        likeliest = reasons.get(shaped.line, likeliest)
    raise likeliest


def header_and_records(path: Path, header: Header, footers: Sequence[str], spare: Path | None) -> Path:
    """Return the file itself if it begins with its header and ends with a record, else a copy at `spare` that does.

    Raises:
        ValueError: a copy is needed, and there is no spare path.
    """
    end = end_of_records(path, header, footers)
    with path.open("rb") as source:
        source.seek(end)
        rest = source.read(TAIL_BYTES)
        source.seek(header.start)
        record = source.read(header.end - header.start)
        alike = with_its_own_ends(record)
        # DuckDB skips empty lines itself, unless there is but one column: then an empty line might be a value.
        harmless = not rest or (not rest.strip(b"\r\n") and len(header.names) > 1)
        if header.start == 0 and harmless and alike == record:
            return path
        if spare is None:
            raise ValueError("a file with a preamble or a footer needs a spare path")
        with spare.open("wb") as target:
            target.write(alike)
            left = end - header.end
            while left > 0 and (chunk := source.read(min(left, _CHUNK))):
                target.write(chunk)
                left -= len(chunk)
    return spare


def with_its_own_ends(record: bytes) -> bytes:
    """Return a header with its own line end within its cells, too.

    The first end that DuckDB meets is what it takes for a line end: behind another one within a cell of the header, it
    finds no records, and no fault.
    """
    cells = record.rstrip(b"\r\n")
    end = b"\r\n" if record[len(cells) :].startswith(b"\r\n") else b"\n"
    return _LINE_END.sub(end, cells) + record[len(cells) :]


def end_of_records(path: Path, header: Header, footers: Sequence[str]) -> int:
    """Return the offset behind the last record: only blank lines and footers follow it.

    Only the last `TAIL_BYTES` are looked at.

    Args:
        path: a plain text file.
        header: where the records begin.
        footers: how a cell of a footer may begin, in any case.
    """
    start = max(header.end, path.stat().st_size - TAIL_BYTES)
    with path.open("rb") as stream:
        stream.seek(start)
        tail = stream.read()
    words = tuple(word.casefold() for word in footers)
    end = len(tail)
    while end > 0:
        last = tail[max(end - 2, 0) : end]
        line_end = end - (2 if last == b"\r\n" else last[-1:] in {b"\n", b"\r"})
        line_start = max(tail.rfind(b"\n", 0, line_end), tail.rfind(b"\r", 0, line_end)) + 1
        if line_start == 0 and start > header.end:
            break  # the line begins before the tail, so it is not known as a whole
        line = tail[line_start:line_end]
        # A line with an odd number of quotes may be the end of a cell of several lines.
        if line.strip() and (
            not words or line.count(b'"') % 2 or not _begins(line.decode("utf-8", "ignore"), header.delimiter, words)
        ):
            break
        end = line_start
    return start + end


def _begins(line: str, delimiter: str, words: tuple[str, ...]) -> bool:
    """Return whether a cell of a line begins with one of these words."""
    cells = next(csv.reader([line], delimiter=delimiter), [])
    return any(cell.strip(' \t"').casefold().startswith(words) for cell in cells)
