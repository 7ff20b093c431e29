"""The contents of a table by month: its rows counted, added up and digested, in one way for the lake and for each copy.

A copy cannot have everything that the lake has: PostgreSQL has no NUL in a text, and Iceberg no infinite day. So both
sides are brought to a form that every kind of copy has, and nothing here is code that publishing uses:

* A text has `SIGN` for NUL and for the four characters that separate texts here.
* A moment or a day outside of the years 1 to 9999 is nothing; so is the day of a charge from 9999 on, and its month.
* A map has its entries in the order of their texts, without those whose key has a NUL or `SIGN`: two may become one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal
from typing import Any

from billstream.common.statements import statement
from billstream.publishing.tables import DAY, Column, Table

SIGN = "␀"
"""Stands for characters that no text has here."""

FIRST, AFTER_DAYS, AFTER = "0001-01-01", "9999-01-01", "10000-01-01"
"""The first day that is a day here, the first that is the day of no charge, and the first that is none at all."""

_SEPARATORS = "chr(0) || chr(28) || chr(29) || chr(30) || chr(31)"
_EXACT = Context(prec=100)


@dataclass(frozen=True)
class Month:
    """What a table has in one month, or a part of that.

    Attributes:
        month: its first day; None for all days beyond the calendar.
        rows: their number.
        digest: the sum of the digests of its rows, each over all values. Their order does not count, their number does.
        sums: of each column with numbers; None where no row has one.
    """

    month: date | None
    rows: int
    digest: int
    sums: Mapping[str, Decimal | None]

    def __add__(self, other: "Month") -> "Month":
        """Return what two parts of a month are together."""
        sums = {name: _sum(value, other.sums[name]) for name, value in self.sums.items()}
        return Month(self.month, self.rows + other.rows, self.digest + other.digest, sums)


def numbers_of(table: Table) -> list[str]:
    """Return the columns that are added up. Quantities by unit are not: the digest has them."""
    return [column.name for column in table.copied if column.type.startswith("DECIMAL") or column.type == "BIGINT"]


def by_month(parts: Iterable[Month]) -> dict[date | None, Month]:
    """Return months whose parts are added together."""
    found: dict[date | None, Month] = {}
    for part in parts:
        found[part.month] = found[part.month] + part if part.month in found else part
    return found


def read_months(query: Callable[[str], Sequence[tuple[Any, ...]]], table: Table, source: str) -> list[Month]:
    """Return the contents of a table that DuckDB reads.

    Args:
        query: runs SQL of DuckDB.
        table: whose columns `source` has, the day of a row among them.
        source: what follows FROM.
    """
    numbers = numbers_of(table)
    # A DECIMAL(38, 18) has room for few amounts of twenty digits, and a copy may have whatever somebody wrote: the
    # digits before the point are added up by themselves.
    sums = [f"sum(trunc({name}))::VARCHAR, sum({name} - trunc({name}))::VARCHAR" for name in numbers]
    texts = [f"coalesce({_text(column)}, chr(30))" for column in table.copied]
    text = statement(
        __name__,
        "contents",
        day=DAY,
        first=FIRST,
        after=AFTER_DAYS,
        texts=", ".join(texts),
        sums=", ".join(sums),
        source=source,
    )
    return [
        Month(month, rows, int(digest), dict(zip(numbers, map(_sum, parts[::2], parts[1::2]), strict=True)))
        for month, rows, digest, *parts in query(text)
    ]


def _text(column: Column) -> str:
    """Return the SQL of DuckDB for the text of a value; NULL for none."""
    name = column.name
    if column.type == "VARCHAR":
        return _plain(name)
    if column.type == "DATE":
        after = AFTER_DAYS if name == DAY else AFTER
        return f"CASE WHEN {name} >= DATE '{FIRST}' AND {name} < DATE '{after}' THEN {name}::VARCHAR END"
    if column.type == "TIMESTAMP WITH TIME ZONE":
        inside = f"{name} >= TIMESTAMPTZ '{FIRST} 00:00:00+00' AND {name} < TIMESTAMPTZ '{AFTER} 00:00:00+00'"
        return f"CASE WHEN {inside} THEN epoch_us({name})::VARCHAR END"
    if column.type.startswith("MAP("):
        known = f"list_filter(map_entries({name}), lambda e: NOT contains({_plain('e.key')}, '{SIGN}'))"
        entry = f"e.key || chr(28) || coalesce({_plain('e.value::VARCHAR')}, chr(29))"
        return f"array_to_string(list_sort(list_transform({known}, lambda e: {entry})), chr(29))"
    return f"{name}::VARCHAR"


def _plain(text: str) -> str:
    return f"translate({text}, {_SEPARATORS}, '{SIGN * 5}')"


def _sum(one: Decimal | str | None, other: Decimal | str | None) -> Decimal | None:
    if one is None or other is None:
        known = other if one is None else one
        return None if known is None else Decimal(known)
    return _EXACT.add(Decimal(one), Decimal(other))
