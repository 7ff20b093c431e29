"""Text in any encoding becomes UTF-8 with line ends that DuckDB can read, or is refused with the place of the error.

The encoding is found so:

1. A byte order mark means UTF-8, or UTF-16 and its byte order.
2. Without one, text whose first bytes are ASCII letters with a NUL after (or before) each is UTF-16.
3. Everything else is UTF-8, unless it fails as that. Then it is Windows-1252, which has Latin-1's letters in it, but
   only where nothing in the whole text contradicts it: no sequence of bytes that is a character of UTF-8, no control
   character, no byte that Windows-1252 leaves undefined. So damaged UTF-8 is refused as long as a single character of
   it is whole, and is never read as if it were something else.

DuckDB takes LF, CR LF or CR as the end of a line, but only one of them in a file; inside quotes it takes them all. So a
file that mixes them, or has CR alone, is copied with LF behind each line. Cells in quotes are kept to the byte.
"""

import codecs
import re
from collections.abc import Iterable, Iterator

from billstream.common.errors import Poison

UTF8 = "UTF-8"
WINDOWS = "Windows-1252"
MAX_LINE_BYTES = 16 * 1024 * 1024
"""DuckDB loses a record without a word when one line fills its buffer of 32 MB."""
_CODECS = {"UTF-16-LE": "utf-16-le", "UTF-16-BE": "utf-16-be", WINDOWS: "cp1252"}
_MARKS = ((codecs.BOM_UTF16_LE, "UTF-16-LE"), (codecs.BOM_UTF16_BE, "UTF-16-BE"))
_SEEN = 32  # bytes, enough to show the NULs of UTF-16
_NOT_WINDOWS = re.compile(
    rb"[\x00-\x08\x0e-\x1f\x7f\x81\x8d\x8f\x90\x9d]"
    rb"|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_BEFORE_A_CELL = frozenset({b"\n", b",", b";", b"\t", b"|", b'"'})


class LineEnds:
    """The number of lines that have been seen, by kind of line end."""

    def __init__(self) -> None:
        self._lf = 0
        self._cr = 0
        self._crlf = 0
        self._open = False  # the last byte was CR
        self._endless = 0  # bytes of the last chunks that have no line end

    def feed(self, chunk: bytes) -> None:
        """Count the line ends of the next chunk."""
        if not chunk:
            return
        before = self._lf + self._cr
        self._lf += chunk.count(b"\n")
        if self._open and chunk.startswith(b"\n"):
            self._crlf += 1
        self._open = chunk.endswith(b"\r")
        if b"\r" in chunk:
            self._cr += chunk.count(b"\r")
            self._crlf += chunk.count(b"\r\n")
        self._endless = self._endless + len(chunk) if before == self._lf + self._cr else 0

    @property
    def count(self) -> int:
        """The number of lines that have ended."""
        return self._lf + self._cr - self._crlf

    @property
    def endless(self) -> bool:
        """True if the line that goes on has more than `MAX_LINE_BYTES`."""
        return self._endless > MAX_LINE_BYTES

    @property
    def alike(self) -> bool:
        """True if DuckDB can read the line ends as they are."""
        return self._cr == 0 or (self._cr == self._crlf == self._lf)

    def line_at(self, seen: bytes) -> int:
        """Return the number of the line that goes on behind `seen`, the beginning of the next chunk."""
        ended = seen.count(b"\n") + seen.count(b"\r") - seen.count(b"\r\n")
        return 1 + self.count + ended - (self._open and seen.startswith(b"\n"))


class NotText(Exception):  # noqa: N818 - becomes Poison, which says where
    """The byte at `offset` of the content, in line `line`, is not text in this encoding."""

    def __init__(self, offset: int, line: int, encoding: str, reason: str) -> None:
        super().__init__(
            f"Line {line}, byte {offset + 1} of the text, is not {encoding} text: {reason}. "
            "The file is not loaded: save it as UTF-8 and upload it again."
        )
        self.encoding = encoding
        self.is_nul = reason == "NUL"


def announced(head: bytes) -> str:
    """Return the encoding that the first bytes of a content show."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    seen = head[: min(_SEEN, len(head) // 2 * 2)]
    even, odd = seen[::2], seen[1::2]
    if len(seen) >= 4:  # noqa: PLR2004 - two letters
        if not any(odd) and all(even):
            return "UTF-16-LE"
        if not any(even) and all(odd):
            return "UTF-16-BE"
    return UTF8


def utf8(content: Iterable[bytes], encoding: str, ends: LineEnds) -> Iterator[bytes]:
    """Yield the content as UTF-8, in chunks; UTF-8 passes as it is.

    Args:
        content: the encoded text.
        encoding: the result of `announced`, or `WINDOWS`.
        ends: counts the lines on the way.

    Raises:
        NotText: a byte does not belong to this encoding, or is a NUL.
        Poison: a line does not end.
    """
    passing = _checked(content, ends) if encoding == UTF8 else _transcoded(content, encoding, ends)
    offset = 0
    for chunk in passing:
        if b"\x00" in chunk:
            place = chunk.index(0)
            raise NotText(offset + place, ends.line_at(chunk[:place]), encoding, "NUL")
        yield chunk
        ends.feed(chunk)
        if ends.endless:
            raise Poison(
                f"Line {ends.count + 1} has more than {MAX_LINE_BYTES // 2**20} MB, so the file is no billing file. "
                "No row of it is loaded: upload it again with line ends."
            )
        offset += len(chunk)


def is_windows(content: Iterable[bytes]) -> bool:
    """Return whether a content that is not UTF-8 may be Windows-1252: nothing in it contradicts that."""
    before = b""
    for chunk in content:
        text = before + chunk
        if _NOT_WINDOWS.search(text):
            return False
        before = text[-3:]  # a character of UTF-8 may lie across two chunks
    return True


def _checked(content: Iterable[bytes], ends: LineEnds) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    offset = 0
    for chunk in content:
        # Bytes of a character that the chunk before began; pure ASCII needs no decoder, which is most of the speed.
        pending = len(decoder.getstate()[0])
        if pending or not chunk.isascii():
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                place = error.start - pending
                # A NUL before this place is the first wrong byte; `utf8` reports it.
                if chunk.find(0, 0, max(place, 0)) < 0:
                    line = ends.line_at(chunk[: max(place, 0)])
                    raise NotText(offset + place, line, UTF8, error.reason) from error
        yield chunk
        offset += len(chunk)
    if pending := len(decoder.getstate()[0]):
        raise NotText(offset - pending, ends.line_at(b""), UTF8, "the file ends in the middle of a character")


def _transcoded(content: Iterable[bytes], encoding: str, ends: LineEnds) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(_CODECS[encoding])("strict")
    offset, begun = 0, False
    for chunk in content:
        pending = len(decoder.getstate()[0])
        try:
            text = decoder.decode(chunk)
        except UnicodeDecodeError as error:
            whole = error.object[: error.start].decode(_CODECS[encoding])
            line = ends.line_at(whole.encode())
            raise NotText(offset - pending + error.start, line, encoding, error.reason) from error
        offset += len(chunk)
        yield (text if begun else text.removeprefix("\ufeff")).encode()
        begun = begun or bool(text)
    if pending := len(decoder.getstate()[0]):
        raise NotText(offset - pending, ends.line_at(b""), encoding, "the file ends in the middle of a character")


def unified(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the text with LF as the end of every line outside quotes; its lines keep their numbers.

    A quote opens only where a cell begins, and closes at the next one: the quote in `5" pipe` opens nothing.
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
