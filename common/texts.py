"""Numbers as text, and patterns of texts: decimals, counts with their nouns, shell patterns of keys."""

from collections.abc import Iterable
from decimal import Decimal
from fnmatch import fnmatchcase


def decimal_text(value: Decimal) -> str:
    """Return every digit that counts: no exponent, and no zeros behind the last digit that is not zero."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Return a count with its noun: `1 row`, `2 rows`, `1,000 entries`."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def matches(key: str, patterns: Iterable[str]) -> bool:
    """Return whether a shell pattern matches a key, in any case."""
    name = key.casefold()
    return any(fnmatchcase(name, pattern.casefold()) for pattern in patterns)
