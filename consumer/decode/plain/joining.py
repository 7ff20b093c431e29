"""Texts written one after the other, under the header of the first."""

from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from typing import IO

from billstream.common.errors import Poison
from billstream.consumer.decode.header import HEADER_BYTES, first_record
from billstream.consumer.decode.plain.encoding import LineEnds

_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Part:
    """One file of an archive in the joined text.

    Args:
        name: fit to be shown.
        line: of the text, the first that comes from this file.
        omitted: the number of lines of the file that stand before that one and were left out: its header.
    """

    name: str
    line: int
    omitted: int


class Joined:
    """Writes texts to a file; the header of every text but the first is left out.

    Args:
        target: an empty file, open for writing.
    """

    def __init__(self, target: IO[bytes]) -> None:
        self.ends = LineEnds()
        self.parts: tuple[Part, ...] = ()
        self._target = target
        self._header = b""
        self._last = b"\n"
        self._first = ""
        self._before = self._state()

    def append(self, name: str, text: Iterable[bytes]) -> None:
        """Write one text.

        Raises:
            Poison: its header is not that of the first text.
        """
        self._before = self._state()
        rest = iter(text)
        head = _head(rest)
        # A byte order mark is text anywhere but at the beginning.
        if self._target.tell():
            head = head.removeprefix(_MARK)
        omitted = 0
        if head.removeprefix(_MARK).strip():
            omitted = self._without_header(name, head)
            self._begin_part(name, head[:omitted])
        self._write(head[omitted:])
        for chunk in rest:
            self._write(chunk)

    def _begin_part(self, name: str, omitted: bytes) -> None:
        # A file that ends without a line end would run into the next one.
        if self._last not in b"\r\n":
            self._write(b"\n")
        lines = LineEnds()
        lines.feed(omitted)
        self.parts = (*self.parts, Part(name, self.ends.count + 1, lines.count))

    def take_back(self) -> None:
        """Remove the text that was written last, so that it can be read again in another encoding."""
        start, self.ends, self._last, self.parts, self._header = self._before
        self._target.seek(start)
        self._target.truncate()

    def _state(self) -> tuple[int, LineEnds, bytes, tuple[Part, ...], bytes]:
        return (self._target.tell(), copy(self.ends), self._last, self.parts, self._header)

    def _without_header(self, name: str, head: bytes) -> int:
        """Return the number of bytes to leave out: those of a header that the first text has written already."""
        header = first_record(head)
        plain = header.removeprefix(_MARK).rstrip(b"\r\n")
        if not self._header:
            self._header, self._first = plain, name
            return 0
        # The same columns in another order would put values into the wrong ones.
        if plain != self._header:
            raise Poison(f"{self._first} and {name} in the zip archive have different headers: upload them separately.")
        return len(header)

    def _write(self, chunk: bytes) -> None:
        self._target.write(chunk)
        self.ends.feed(chunk)
        self._last = chunk[-1:] or self._last


def _head(chunks: Iterator[bytes]) -> bytes:
    """Return the first chunks of a text, enough to contain its header."""
    head = b""
    while len(head) < HEADER_BYTES and (chunk := next(chunks, None)) is not None:
        head += chunk
    return head
