"""The records of a file without what stands around them: titles before the header, totals and blanks at the end."""

from collections.abc import Sequence
from pathlib import Path

from billstream.consumer.decode.header import Header

TAIL_BYTES = 64 * 1024
_CHUNK = 1024 * 1024


def end_of_records(path: Path, header: Header, footers: Sequence[str]) -> int:
    """The offset behind the last record: what follows are blank lines, and lines that a footer's word begins.

    Only the last `TAIL_BYTES` are looked at. A line with an odd number of quotes is never taken for a footer: it may
    be the end of a cell of several lines.

    Args:
        path: a plain text file.
        header: where the records begin.
        footers: how the first cell of a footer may begin, in any case.
    """
    size = path.stat().st_size
    start = max(header.end, size - TAIL_BYTES)
    with path.open("rb") as stream:
        stream.seek(start)
        tail = stream.read()
    words = tuple(word.casefold() for word in footers)
    end = len(tail)
    while end > 0:
        text_end = end - _length_of_line_end(tail[max(end - 2, 0) : end])
        line_start = max(tail.rfind(b"\n", 0, text_end), tail.rfind(b"\r", 0, text_end)) + 1
        if (line_start == 0 and start > header.end) or not _is_footer(tail[line_start:text_end], words):
            break
        end = line_start
    return start + end


def _length_of_line_end(last: bytes) -> int:
    return 2 if last == b"\r\n" else int(last[-1:] in {b"\n", b"\r"})


def _is_footer(line: bytes, words: tuple[str, ...]) -> bool:
    if not line.strip():
        return True
    if not words or line.count(b'"') % 2:
        return False
    return line.decode("utf-8", "ignore").lstrip(' \t"').casefold().startswith(words)


def without_surroundings(path: Path, header: Header, footers: Sequence[str], spare: Path | None) -> Path:
    """The file itself if it begins with its header and ends with a record, else a copy at `spare` that does."""
    end = end_of_records(path, header, footers)
    with path.open("rb") as source:
        source.seek(end)
        rest = source.read(TAIL_BYTES)
        # DuckDB passes over empty lines itself, unless there is but one column, which they might be a value of.
        nothing = not rest or (not rest.strip(b"\r\n") and len(header.names) > 1)
        if header.start == 0 and nothing:
            return path
        if spare is None:
            raise ValueError("a file with a preamble or a footer needs a spare path")
        source.seek(header.start)
        with spare.open("wb") as target:
            left = end - header.start
            while left > 0 and (chunk := source.read(min(left, _CHUNK))):
                target.write(chunk)
                left -= len(chunk)
    return spare
