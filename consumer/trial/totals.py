"""Records and columns of a sample that are sums of others: a profile must not count these twice."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal

from billstream.common.lake.catalog import literal
from billstream.consumer.decode import values as sql
from billstream.consumer.decode.labels import LABEL
from billstream.consumer.profiles.model import Values
from billstream.consumer.profiles.names import normalised
from billstream.consumer.trial.dialect import Column, Numbers
from billstream.consumer.trial.sample import Sample

_JOINED = "(?i)[a-z]+total"  # InvoiceTotal, StatementTotal
_MOST_TEXTS = 10
_KINDS = ("recordtype", "chargetype", "costtype", "linetype", "lineitemtype", "rowtype", "entrytype", "itemtype")
_WORDS = (
    "cost",
    "amount",
    "charge",
    "fee",
    "tax",
    "vat",
    "net",
    "discount",
    "credit",
    "betrag",
    "kosten",
    "steuer",
    "rabatt",
)
_FEWEST_PARTS = 2


@dataclass(frozen=True)
class Kinds:
    """A column that tells kinds of records; `totals` are its texts that say that a record is a sum of others."""

    position: int
    texts: tuple[str, ...]
    totals: tuple[str, ...]


@dataclass(frozen=True)
class Total:
    """A column that is, in each record of the sample, the sum of others.

    `unpivoted` tells that its parts are one thing each (services, accounts), rather than costs of one thing.
    """

    position: int
    parts: tuple[int, ...]
    unpivoted: bool


def kinds_of_records(sample: Sample, columns: Sequence[Column], numbers: Numbers) -> list[Kinds]:
    """Return the columns that say of some records that they are totals, and those whose name speaks of kinds."""
    found = []
    for column in columns:
        if not column.cells or column.position in numbers.read:
            continue
        cell = f"c{column.position}"
        label = f"regexp_full_match({cell}, {literal(LABEL)}) OR regexp_full_match({cell}, {literal(_JOINED)})"
        texts = sample.engine.execute(
            f"SELECT {cell}, {label} FROM sample WHERE {cell} IS NOT NULL GROUP BY ALL ORDER BY count(*) DESC, {cell}"
        ).fetchall()
        totals = tuple(text for text, total in texts if total)[:_MOST_TEXTS]
        others = tuple(text for text, total in texts if not total)
        named = normalised(column.name) in _KINDS and len(others) <= _MOST_TEXTS
        # Where every record says so, it is the name of something.
        if (totals and others) or named:
            found.append(Kinds(column.position, others[:_MOST_TEXTS], totals))
    return found


def total_column(sample: Sample, columns: Sequence[Column], numbers: Numbers, times: Collection[int]) -> Total | None:
    """Return the column of numbers that is the exact sum of at least two others in every record, if there is one."""
    numeric = [p for p in sorted(numbers.read) if p not in times and columns[p].cells]
    if len(numeric) <= _FEWEST_PARTS or sample.rows < 2:  # noqa: PLR2004 - one record may add up by chance
        return None
    style = Values(decimal_point=numbers.decimal_point, thousands=numbers.thousands, symbols=numbers.symbols)
    terms = [f"rounded_decimal({sql.plain_number(f'c{position}', style)})" for position in numeric]
    rows = sample.engine.execute(f"SELECT {', '.join(terms)} FROM sample").fetchall()
    for index in reversed(range(len(numeric))):
        blocks = [range(start, index) for start in range(index - 1)]
        blocks += [range(index + 1, end) for end in range(len(numeric), index + _FEWEST_PARTS, -1)]
        others = [i for i in range(len(numeric)) if i != index]
        for block in (others, *map(list, blocks)):
            if _adds_up(rows, index, block):
                parts = tuple(numeric[i] for i in block)
                costs = sum(is_cost_name(columns[position].name) for position in parts)
                return Total(numeric[index], parts, unpivoted=costs * 2 < len(parts))
    return None


def is_cost_name(name: str) -> bool:
    """Return whether a name speaks of a cost or a part of one."""
    return any(word in name.casefold() for word in _WORDS)


def _adds_up(rows: Sequence[Sequence[Decimal | None]], total: int, parts: Sequence[int]) -> bool:
    several = False
    for row in rows:
        terms = [number for i in parts if (number := row[i])]
        if (row[total] or 0) != sum(terms, Decimal()):
            return False
        several = several or len(terms) >= _FEWEST_PARTS
    return several and len(parts) >= _FEWEST_PARTS
