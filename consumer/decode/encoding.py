"""Text in whatever encoding becomes UTF-8, or is refused with the place of the byte that is wrong.

The encoding is found so:

1. A byte order mark says UTF-8, or UTF-16 and its byte order.
2. Without one, text whose first bytes are ASCII letters with a NUL after (or before) each is UTF-16.
3. Everything else is UTF-8, unless it fails as that. Then it is Windows-1252, which has Latin-1's letters in it, but
   only where nothing in the whole text speaks against it: no sequence of bytes that is a character of UTF-8, no
   control character, no byte that Windows-1252 leaves undefined. So damaged UTF-8 is refused as long as a single
   character of it is whole, and is never read as if it were something else.
"""

import codecs
import re
from collections.abc import Iterable, Iterator

from billstream.consumer.decode.lines import LineEnds

UTF8 = "UTF-8"
WINDOWS = "Windows-1252"
_CODECS = {"UTF-16-LE": "utf-16-le", "UTF-16-BE": "utf-16-be", WINDOWS: "cp1252"}
_MARKS = ((codecs.BOM_UTF16_LE, "UTF-16-LE"), (codecs.BOM_UTF16_BE, "UTF-16-BE"))
_SEEN = 32  # so many bytes show the NULs of UTF-16
_NOT_WINDOWS = re.compile(
    rb"[\x00-\x08\x0e-\x1f\x7f\x81\x8d\x8f\x90\x9d]"
    rb"|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)


class NotText(Exception):  # noqa: N818 - becomes Poison, which says where
    """The byte at `offset` of the content, in line `line`, is no part of text in this encoding."""

    def __init__(self, offset: int, line: int, encoding: str, reason: str) -> None:
        super().__init__(f"Line {line}, byte {offset + 1} of the text, is not {encoding} text: {reason}.")
        self.encoding = encoding
        self.is_nul = reason == "NUL"


def announced(head: bytes) -> str:
    """The encoding that the first bytes of a content show."""
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
    """The content as UTF-8, in chunks; what is UTF-8 passes as it is.

    Args:
        content: the encoded text.
        encoding: as `announced` or `WINDOWS`.
        ends: counts the lines on the way.

    Raises:
        NotText: a byte is none of this encoding, or a NUL.
    """
    passing = _checked(content, ends) if encoding == UTF8 else _transcoded(content, encoding, ends)
    offset = 0
    for chunk in passing:
        if b"\x00" in chunk:
            place = chunk.index(0)
            raise NotText(offset + place, ends.line_at(chunk[:place]), encoding, "NUL")
        yield chunk
        ends.feed(chunk)
        offset += len(chunk)


def is_windows(content: Iterable[bytes]) -> bool:
    """Whether nothing speaks against a content that is not UTF-8 being Windows-1252."""
    before = b""
    for chunk in content:
        text = before + chunk
        if _NOT_WINDOWS.search(text):
            return False
        before = text[-3:]
    return True


def _checked(content: Iterable[bytes], ends: LineEnds) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    offset = 0
    for chunk in content:
        pending = len(decoder.getstate()[0])
        if pending or not chunk.isascii():
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                place = error.start - pending
                nul = chunk.find(0, 0, max(place, 0))
                if nul < 0:
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
