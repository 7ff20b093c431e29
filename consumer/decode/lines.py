"""The ends of lines: counted, and made alike where DuckDB could not tell them.

DuckDB takes LF, CR LF or CR, but only one of them in a file; inside quotes it takes them all. So a file that mixes
them, or has CR alone, is copied with LF behind each line. What stands inside quotes is kept to the byte.
"""

from collections.abc import Iterable, Iterator

_BEFORE_A_CELL = frozenset({b"\n", b",", b";", b"\t", b"|", b'"'})


class LineEnds:
    """How many lines of which kind have been seen."""

    def __init__(self) -> None:
        self._lf = 0
        self._cr = 0
        self._crlf = 0
        self._open = False  # the last byte was CR

    def feed(self, chunk: bytes) -> None:
        """Count the line ends of the next chunk."""
        if not chunk:
            return
        self._lf += chunk.count(b"\n")
        if self._open and chunk.startswith(b"\n"):
            self._crlf += 1
        self._open = chunk.endswith(b"\r")
        if b"\r" in chunk:
            self._cr += chunk.count(b"\r")
            self._crlf += chunk.count(b"\r\n")

    @property
    def count(self) -> int:
        """How many lines have ended."""
        return self._lf + self._cr - self._crlf

    @property
    def alike(self) -> bool:
        """Whether DuckDB can read them as they are."""
        return self._cr == 0 or (self._cr == self._crlf == self._lf)

    def line_at(self, seen: bytes) -> int:
        """The number of the line that goes on behind `seen`, the beginning of the next chunk."""
        ended = seen.count(b"\n") + seen.count(b"\r") - seen.count(b"\r\n")
        return 1 + self.count + ended - (self._open and seen.startswith(b"\n"))


def unified(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The text with LF as the end of every line outside quotes; its lines keep their numbers.

    A quote opens where a cell begins, and closes where the next one stands: `5" pipe` opens nothing.
    """
    quoted = False
    held = b""  # a CR whose LF may follow
    before = b"\n"  # the last byte outside quotes
    for chunk in chunks:
        text = held + chunk
        held = b"\r" if text.endswith(b"\r") else b""
        parts = text[: len(text) - len(held)].split(b'"')
        for index, part in enumerate(parts):
            if not quoted:
                parts[index] = part.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
                before = parts[index].rstrip(b" ")[-1:] or before
            if index < len(parts) - 1:
                quoted = not quoted and before in _BEFORE_A_CELL
                before = b'"' if quoted else before
        yield b'"'.join(parts)
    if held:
        yield held if quoted else b"\n"
