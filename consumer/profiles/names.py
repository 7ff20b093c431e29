"""The names of a header, the way profiles look them up."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

_IN_A_NAME = "LMN"  # letters, the marks on them, and digits, of any script
_NOT_IN_AN_ASCII_NAME = re.compile(r"[^a-z0-9]+")
_BRACKETED = re.compile(r"\(([^()]+)\)\s*$")


def normalised(name: str) -> str:
    """Return a column name without case, spaces, underscores and punctuation, the way profiles compare names.

    `lineItem/UnblendedCost` and `line_item_unblended_cost` are the same. A name that has only such characters is
    compared unchanged.
    """
    if name.isascii():
        plain = name.lower()
        return _NOT_IN_AN_ASCII_NAME.sub("", plain) or plain
    plain = unicodedata.normalize("NFKC", name).casefold()
    return "".join(character for character in plain if unicodedata.category(character)[0] in _IN_A_NAME) or plain


class Header:
    """The position of each name of a header. Of equal names, the first counts.

    Args:
        names: the header's names, in order.
        bracketed: whether `Kosten (Cost)` is also found as `Cost`.
    """

    def __init__(self, names: Sequence[str], *, bracketed: bool = False) -> None:
        self.names = tuple(names)
        self._positions: dict[str, int] = {}
        # Plain names first, so that a name in brackets never hides a column of that name.
        for index, name in enumerate(self.names):
            self._positions.setdefault(normalised(name), index)
        if bracketed:
            for index, name in enumerate(self.names):
                if english := _BRACKETED.search(name):
                    self._positions.setdefault(normalised(english.group(1)), index)

    def __contains__(self, name: str) -> bool:
        return normalised(name) in self._positions

    def position(self, names: Iterable[str]) -> int | None:
        """Return the position of the first of `names` that the header has; None when it has none of them."""
        return next((self._positions[n] for n in map(normalised, names) if n in self._positions), None)

    def beginning_with(self, prefixes: Sequence[str]) -> list[tuple[int, str]]:
        """Return (position, rest of the name) for each name that begins with one of `prefixes`, in any case."""
        found = []
        for index, name in enumerate(self.names):
            prefix = next((p for p in prefixes if name[: len(p)].casefold() == p.casefold()), None)
            if prefix is not None and len(name) > len(prefix):
                found.append((index, name[len(prefix) :]))
        return found


@lru_cache(maxsize=4)
def header_of(names: tuple[str, ...], *, bracketed: bool) -> Header:
    """Return `Header(names)`, made once for all profiles that look at it: a header may be a megabyte long."""
    return Header(names, bracketed=bracketed)
