"""The names of a header, the way profiles look them up."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache

from billstream.consumer.profiles.currencies import code_in_name, sign_in

_IN_A_NAME = "LMN"  # letters, the marks on them, and digits, of any script
_NOT_IN_AN_ASCII_NAME = re.compile(r"[^a-z0-9]+")
_BRACKETED = re.compile(r"\(([^()]+)\)\s*$")
CURRENCY = "{currency}"
"""In a name of a profile: a currency's code or sign. `cost_{currency}` is `cost_usd`, `Cost (EUR)` or `Cost ($)`."""


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
        self._currencies: dict[str, dict[int, str | None]] = {}
        # Plain names first, so that a name in brackets never hides a column of that name.
        for index, name in enumerate(self.names):
            self._positions.setdefault(normalised(name), index)
        if bracketed:
            for index, name in enumerate(self.names):
                if english := _BRACKETED.search(name):
                    self._positions.setdefault(normalised(english.group(1)), index)

    def __contains__(self, name: str) -> bool:
        return self.position((name,)) is not None

    def position(self, names: Iterable[str]) -> int | None:
        """Return the position of the first of `names` that the header has; None when it has none of them.

        Plain names come before those with `{currency}`. Of several columns that one of these fits, it is the first;
        see `rivals`.
        """
        return next(iter(self._found(names)), None)

    def currency(self, names: Iterable[str]) -> tuple[int, str | None] | None:
        """Return the position of the column of `names` whose name tells a currency, with its code; None without one.

        The code is None where the name has a sign of several currencies.
        """
        found = self._found(names)
        position = next(iter(found), None)
        if position is None:
            return None
        if found[position] is None and (sign := sign_in(self.names[position])):
            return position, sign[2]
        return (position, found[position]) if found[position] else None

    def rivals(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the columns of different currencies that are equally `names`, if there is more than one."""
        found = self._found(names)
        return tuple(self.names[position] for position in found) if len(set(found.values())) > 1 else ()

    def _found(self, names: Iterable[str]) -> dict[int, str | None]:
        """Return the positions of the first of `names` that the header has, each with the currency of its name."""
        patterns = []
        for name in names:
            if CURRENCY in name:
                patterns.append(name)
            elif (position := self._positions.get(normalised(name))) is not None:
                return {position: None}
        return next(filter(None, map(self._by_currency, patterns)), {})

    @cached_property
    def _plain_names(self) -> tuple[tuple[str, str], ...]:
        return tuple((name, _plain(name)) for name in self.names)

    def _by_currency(self, pattern: str) -> dict[int, str | None]:
        """Return the positions of the names that a pattern such as `cost_{currency}` fits, with their currencies."""
        if pattern not in self._currencies:
            before, _, behind = pattern.partition(CURRENCY)
            ends = _plain(before), _plain(behind)
            told = ((index, _told(name, plain, *ends)) for index, (name, plain) in enumerate(self._plain_names))
            self._currencies[pattern] = {index: code[0] for index, code in told if code}
        return self._currencies[pattern]

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


def _told(name: str, plain: str, before: str, behind: str) -> tuple[str | None] | None:
    """Return the currency between two parts of a name; None when the name is not made of these and a currency."""
    if not (plain.startswith(before) and plain.endswith(behind)):
        return None
    code = plain[len(before) : len(plain) - len(behind)]
    if len(plain) >= len(before) + len(behind) and (known := code_in_name(code, name)):
        return (known,)
    sign = sign_in(name)
    return (sign[2],) if sign and (_plain(sign[0]), _plain(sign[1])) == (before, behind) else None


def _plain(text: str) -> str:
    """Return a part of a name as `normalised` does, but nothing for a part that has only punctuation."""
    plain = normalised(text)
    return plain if any(character.isalnum() for character in plain) else ""
