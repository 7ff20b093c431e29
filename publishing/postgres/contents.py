"""What a schema of PostgreSQL has: the server counts, adds up and digests its rows, and sends a line for each month."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billstream.common.lake.catalog import literal
from billstream.common.statements import statement
from billstream.publishing.contents import AFTER, AFTER_DAYS, FIRST, SIGN, Month, numbers_of
from billstream.publishing.postgres.layout import quoted
from billstream.publishing.tables import DAY, Column, Table
from billstream.publishing.watermark import Watermark

_SEPARATORS = r"E'\x1c\x1d\x1e\x1f'"


@dataclass(frozen=True)
class PostgresContents:
    """See `target.Contents`. All tables have one watermark. `query` runs SQL of PostgreSQL, in one transaction."""

    query: Callable[[str], Sequence[tuple[Any, ...]]]
    schema: str
    mark: Watermark | None

    def watermark(self, _: str) -> Watermark | None:
        """See `target.Contents`."""
        return self.mark

    def columns(self, table: str) -> Collection[str]:
        """See `target.Contents`."""
        return {name for (name,) in self.query(statement(__name__, "columns", table=literal(self._name(table))))}

    def months(self, table: Table) -> list[Month]:
        """See `target.Contents`."""
        numbers = numbers_of(table)
        text = statement(
            __name__,
            "contents",
            table=self._name(table.name),
            day=DAY,
            first=FIRST,
            after=AFTER_DAYS,
            texts=", ".join(_text(column) for column in table.copied),
            sums=", ".join(f"sum({quoted(name)})::text AS sum_{name}" for name in numbers),
        )
        return [
            Month(month, rows, int(digest), {name: _decimal(value) for name, value in zip(numbers, sums, strict=True)})
            for month, rows, digest, *sums in self.query(text)
        ]

    def _name(self, table: str) -> str:
        return f"{quoted(self.schema)}.{quoted(table)}"


def _text(column: Column) -> str:
    """Return PostgreSQL's SQL for the text of a value, in the form of `publishing.contents`; NULL for none."""
    name = quoted(column.name)
    if column.type == "VARCHAR":
        return _plain(name)
    if column.type == "DATE":
        after = AFTER_DAYS if column.name == DAY else AFTER
        return f"CASE WHEN {name} >= '{FIRST}' AND {name} < '{after}' THEN to_char({name}::timestamp, 'YYYY-MM-DD') END"
    if column.type == "TIMESTAMP WITH TIME ZONE":
        inside = f"{name} >= '{FIRST} 00:00:00+00' AND {name} < '{AFTER} 00:00:00+00'"
        return f"CASE WHEN {inside} THEN (extract(epoch FROM {name}) * 1000000)::bigint::text END"
    if column.type.startswith("MAP("):
        return statement(__name__, "entries", column=name, key=_plain("e.key"), value=_plain("e.value"), sign=SIGN)
    return f"{name}::text"


def _plain(text: str) -> str:
    return f"translate({text}, {_SEPARATORS}, '{SIGN * 4}')"


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
