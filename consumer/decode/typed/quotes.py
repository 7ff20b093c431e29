"""Whether the quotes of a text stand where every reader of CSV expects them: then all readers find the same cells.

A cell has no quote, or it begins with one and ends with one, and those between come in pairs (RFC 4180, rules 5 to 7).
Of other texts Arrow and DuckDB's strict parser make different things: `"x"y` becomes xy, or is refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_PIECE = 256 * 1024  # stays in the cache of a core from the first look at it to the last
_QUOTE, _LF, _CR = b'"\n\r'


@dataclass(frozen=True)
class Quotes:
    """Where the quotes of a text stand.

    Attributes:
        any: there is one.
        sound: each one opens a cell, closes it, or is one of a pair within.
        around_lines: a cell in quotes has a line end in it, or half of one. Known of a text that is sound.
    """

    any: bool = False
    sound: bool = True
    around_lines: bool = False


def quotes_of(path: Path, delimiter: str) -> Quotes:
    """Return where the quotes of a text stand.

    Args:
        path: a plain text, whose lines end alike.
        delimiter: one character.
    """
    beside = np.zeros(256, np.bool_)  # what stands before a quote that opens, or behind one that closes
    beside[[*delimiter.encode(), *b'\r\n"']] = True
    seen, open_, around_lines = False, False, False
    held = b"\n"
    for piece in _pieces(path):
        text = held + piece
        held = text[-2:]
        if not open_ and b'"' not in text:
            continue
        # Those between the first byte and the last: they have a neighbour on both sides.
        signs = np.frombuffer(text, np.uint8)
        places = np.flatnonzero(signs[1:-1] == _QUOTE)
        opening, closing = places[open_::2], places[not open_ :: 2]
        if not (beside[signs[opening]].all() and beside[signs[closing + 2]].all()):
            return Quotes(any=True, sound=False)
        if not around_lines:
            ends = np.flatnonzero(signs[1:-1] == _LF)
            if b"\r" in text:  # Arrow takes either one for a line end
                ends = np.append(ends, np.flatnonzero(signs[1:-1] == _CR))
            around_lines = bool(((np.searchsorted(places, ends) + open_) % 2).any())
        seen, open_ = seen or len(places) > 0, (len(places) + open_) % 2 == 1
    return Quotes(seen, not open_, around_lines)


def _pieces(path: Path) -> Iterator[bytes]:
    """Yield a text piece by piece, and a line end behind it."""
    with path.open("rb", buffering=0) as stream:
        while piece := stream.read(_PIECE):
            yield piece
    yield b"\n"
